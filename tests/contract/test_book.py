"""Books (C22): against a plain reference, against the run without a book, and on both roads."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from stoptrail.backtest.book import BookTerms, SleevePlan, run_book
from stoptrail.backtest.book_outcome import judge_book
from stoptrail.backtest.engine import run_backtrader
from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.plan import Plan, Record
from stoptrail.core.program import PLAIN
from stoptrail.rules.book import BOOK_IGNORED, NO_CAP, Caps
from stoptrail.rules.candles import Candles
from stoptrail.rules.costs import Costs
from stoptrail.rules.funding import funding_of
from stoptrail.rules.margin import AS_MAINTENANCE, Margin, margin_tiers
from stoptrail.rules.protections import Protections
from stoptrail.rules.sizing import ALL_IN, by_risk
from stoptrail.rules.stops import LIQUIDATED, NO_TRAIL, StopRules
from stoptrail.rules.trade import TradeRules
from stoptrail.rules.types import OPEN, STOP_TRAIL, RunRules, day_marks
from tests.backtest.test_roads import road_case, same_bytes
from tests.contract.book_reference import Account, Lane, Prices
from tests.contract.test_liquidation_parity import adds_up
from tests.contract.test_parity import looked_up, random_case
from tests.markets import (
    COARSE,
    MIDNIGHT,
    QUARTER_HOUR,
    random_funding,
    random_market,
    random_signals,
)

OFF = Protections(0.0, 0.0, 0, 0)


def cut(candles: Candles, first: int, last: int | None = None) -> Candles:
    """Some of the candles."""
    return Candles._make([*(column[first:last] for column in candles[:6]), candles.interval])


def inputs_of(candles: Candles, start: int, plan: Plan) -> Inputs:
    market = plan.run_rules.trade_rules.market
    return Inputs(candles, start, day_marks(candles, start), market)


class Book(NamedTuple):
    """A random book."""

    sleeves: list[SleevePlan]
    terms: BookTerms


def random_book(seed: int) -> Book:
    """Six sleeves on three markets with gaps of their own, of which one begins late and one
    ends early; what the reference knows."""
    random = np.random.default_rng([seed, 22])
    pick = random.choice
    terms = BookTerms(
        10_000.0,
        Caps(float(pick([0.01, 0.03, NO_CAP])), float(pick([0.4, 1.0]))),
        Protections(0.02, 0.2, 3, 30) if seed % 3 == 0 else OFF,
        True,
    )
    markets = [random_market(10 * seed + k, 1500, market=COARSE, missing=0.03) for k in range(3)]
    markets = [markets[0], cut(markets[1], 200), cut(markets[2], 0, -150)]
    sleeves = []
    for number in range(6):
        candles = markets[number % 3]
        zones = zones_of(int(pick(1_000)), candles)
        plan = Plan(
            looked_up,
            {"zones": zones},
            int(pick([0, 0, 1, -1])),
            QUARTER_HOUR,
            int(pick([2, 5])),
            random_run_rules(random),
        )
        inputs = inputs_of(candles, int(pick([0, 50])), plan)
        sleeves.append(SleevePlan(plan, inputs, float(pick([0.1, 0.15, 0.2])), number % 2 == 1))
    return Book(sleeves, terms)


def zones_of(seed: int, candles: Candles) -> dict[int, tuple[int, int]]:
    signals = random_signals(seed, candles, share=0.2)
    pairs = zip(signals.zone.tolist(), signals.exit_zone.tolist(), strict=True)
    return dict(zip(candles.time.tolist(), pairs, strict=True))


def random_run_rules(random: np.random.Generator) -> RunRules:
    pick = random.choice
    stop = StopRules(float(pick([1.0, 3.0, 8.0])), 0.0, 0.0, False)
    sizing = by_risk(
        float(pick([0.01, 0.05])), float(pick([0.5, 1.0, 3.0])), bool(random.random() < 0.7)
    )
    costs = Costs(0.001, float(pick([0.0, 0.0005])), float(pick([0.0, 0.01])))
    return RunRules(
        TradeRules(stop, sizing, costs, COARSE),
        STOP_TRAIL,
        0,
        int(pick([0, 3])),
        int(pick([0, 2])) * QUARTER_HOUR,
        1.0,
        OFF,
    )


def referred(book: Book) -> list[Lane]:
    """The book by the reference."""
    lanes, known = [], {}
    for plan, inputs, share, lends in book.sleeves:
        candles, rules = inputs.candles, plan.run_rules.trade_rules
        columns = zip(*(column.tolist() for column in candles[:6]), strict=True)
        rows = {time: tuple(row) for time, *row in columns}
        prices = known.setdefault(id(candles), Prices(rows, 0.5, 0.01, 5.0))  # COARSE
        zones = {time: zone for time, (zone, _) in plan.parameters["zones"].items()}
        lanes.append(
            Lane(
                prices,
                zones,
                int(candles.time[inputs.start]),
                share,
                not lends,
                plan.sides,
                rules.stop.multiplier,
                plan.atr_period,
                rules.sizing.risk_per_trade,
                rules.sizing.max_leverage,
                rules.sizing.includes_costs,
                rules.costs.taker_fee,
                rules.costs.slippage,
                rules.costs.borrow_daily,
                plan.run_rules.cooldown,
                plan.run_rules.delay,
            )
        )
    cash, caps, limits, _ = book.terms
    return Account(lanes, cash, QUARTER_HOUR, *caps, *limits).play()


def as_reference(record: Record) -> list[tuple[float, ...]]:
    """Closed trades as the reference tells them."""
    log = record.trades
    names = ("side", "entry_time", "fill", "units", "initial", "exit_time", "price", "pnl")
    rows = zip(*(getattr(log, name).tolist() for name in names), strict=True)
    return [row for row, end in zip(rows, log.exit, strict=True) if end != OPEN]


def told(lane: Lane) -> list[tuple[float, ...]]:
    names = ("side", "entry", "fill", "units", "initial", "exit", "price", "pnl")
    return [tuple(trade[name] for name in names) for trade in lane.trades]


def test_a_book_is_what_the_plain_reference_says() -> None:
    trades, caps, protected = 0, 0, 0
    for seed in range(7):
        book = random_book(seed)
        for record, lane in zip(run_book(*book), referred(book), strict=True):
            found = as_reference(record)
            assert len(found) == len(lane.trades)
            np.testing.assert_allclose(found, told(lane), rtol=1e-9, atol=1e-9)
            counts = dict(zip(BOOK_IGNORED, record.ignored.tolist(), strict=True))
            assert {name: n for name, n in counts.items() if n} == lane.ignored
            trades += len(found)
            caps += counts["cap"]
            protected += counts["protection"]
    assert trades > 1_000
    assert min(caps, protected) > 100


@pytest.mark.parametrize("plain", ["", "1"])
def test_a_book_of_one_sleeve_is_the_run_without_a_book(
    plain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trades = 0
    for seed in range(5):
        case = road_case(seed)
        rules = case.plan.run_rules
        alone = run_backtrader(*case)
        monkeypatch.setenv(PLAIN, plain)
        caps = Caps(NO_CAP, rules.trade_rules.sizing.max_leverage)
        terms = BookTerms(rules.cash, caps, rules.protections, True)
        inputs = inputs_of(case.candles, case.start, case.plan)
        (sleeve,) = run_book([SleevePlan(case.plan, inputs, 1.0, False)], terms)
        monkeypatch.setenv(PLAIN, "")
        for name in ("trades", "stops", "fills"):
            same_bytes(getattr(alone, name), getattr(sleeve, name))
        np.testing.assert_array_equal(sleeve.ignored, [*alone.ignored, 0])
        trades += len(sleeve.trades.side)
    assert trades > 100


def mixed_book(seed: int) -> Book:
    """Sleeves with every exit and manager on three markets, two of them on each."""
    random = np.random.default_rng([seed, 23])
    cases = [random_case(10 * seed + k, count=1000) for k in range(3)]
    sleeves = []
    for number in range(6):
        case, other = cases[number % 3], random_case(10 * seed + number + 100, count=50)
        own = case.plan.run_rules.trade_rules.market
        rules = other.plan.run_rules
        trade_rules = rules.trade_rules._replace(market=own)
        if number % 2:  # three times its share, of which 30 % have to stay: near a liquidation
            sizing = by_risk(0.05, 3.0, False, ALL_IN)
            margin = Margin(0.3, checked=number == 1, liquidates=True)
            trade_rules = trade_rules._replace(sizing=sizing, margin=margin)
        plan = case.plan._replace(run_rules=rules._replace(trade_rules=trade_rules))
        inputs = inputs_of(case.candles, case.start, plan)
        sleeves.append(SleevePlan(plan, inputs, 0.15, bool(random.random() < 0.5)))
    shared = {id(s.inputs.candles): s.inputs for s in sleeves}
    sleeves = [s._replace(inputs=shared[id(s.inputs.candles)]) for s in sleeves]
    limits = Protections(0.02, 0.3, 3, 20) if seed % 2 else OFF
    return Book(sleeves, BookTerms(10_000.0, Caps(0.02, 1.0), limits, True))


@pytest.mark.parametrize("seed", [0, 3, 7, 8])
def test_a_book_gives_the_same_bytes_on_both_roads(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = mixed_book(seed)
    quick = run_book(*book)
    monkeypatch.setenv(PLAIN, "1")
    for one, other in zip(quick, run_book(*book), strict=True):
        same_bytes(one, other)
    reasons = np.concatenate([record.trades.reason for record in quick])
    assert len(reasons) > 30
    assert (reasons == LIQUIDATED).any() == (seed > 0)


def margins(candles: Candles, rate: float) -> tuple[list[SleevePlan], BookTerms]:
    """Two sleeves of half the account each, five times as much in the market, the second without
    a signal."""
    rules = TradeRules(
        StopRules(20.0, 0.0, 0.0, True),
        by_risk(0.5, 5.0, False, ALL_IN),
        Costs(0.0, 0.0, 0.0),
        COARSE,
        Margin(rate, checked=False, liquidates=True, fee=0.0),
    )
    zones = {int(each): (int(each == MIDNIGHT), 0) for each in candles.time}
    base = random_book(0).sleeves[0].plan.run_rules
    plan = Plan(looked_up, {"zones": zones}, 0, QUARTER_HOUR, 1, base)
    run_rules = plan.run_rules._replace(trade_rules=rules, cooldown=0, delay=0)
    plan = plan._replace(run_rules=run_rules)
    inputs = inputs_of(candles, 0, plan)
    quiet = plan._replace(parameters={"zones": {int(each): (0, 0) for each in candles.time}})
    sleeves = [SleevePlan(plan, inputs, 0.5, True), SleevePlan(quiet, inputs, 0.5, True)]
    return sleeves, BookTerms(10_000.0, Caps(NO_CAP, 9.0), OFF, True)


def gap(*volumes: float) -> Candles:
    """From 100 to 60 with the third candle."""
    prices = np.array([100.0, 100.0, *[60.0] * (len(volumes) - 2)])
    time = MIDNIGHT + QUARTER_HOUR * np.arange(len(volumes))
    each = prices, prices + 1, prices - 1, prices
    return Candles(time, *each, np.array(volumes), QUARTER_HOUR)


def test_what_a_sleeve_loses_is_at_most_its_margin() -> None:
    """A gap of 40 % takes the margin whole, nothing of what is behind the other sleeve (C20)."""
    for rate in (0.005, 0.0):
        record, _ = run_book(*margins(gap(1.0, 1.0, 1.0, 1.0), rate))
        assert record.trades.reason.tolist() == [LIQUIDATED]
        assert record.trades.pnl.tolist() == [-5_000.0]
        # 250 units at 100 that are worth 60: 10,000 are lost, 5,000 of them credited.
        assert record.trades.shortfall.tolist() == [5_000.0]


def test_a_sleeve_that_nothing_closes_is_marked_at_no_less() -> None:
    """In candles without volume, over a midnight, and as the data ends."""
    sleeves, terms = margins(gap(1.0, 1.0, *[0.0] * 200), 0.005)
    records = run_book(sleeves, terms)
    assert records[0].trades.exit.tolist() == [OPEN]
    assert records[0].trades.pnl.tolist() == [-5_000.0]
    assert records[0].trades.shortfall.tolist() == [5_000.0]
    found = judge_book(sleeves, terms, records)
    assert found.whole.equity.tolist() == [10_000.0, 5_000.0, 5_000.0, 5_000.0]
    assert found.profits[0].tolist() == [0.0, -5_000.0, -5_000.0, -5_000.0]


def levered_book(seed: int) -> tuple[list[SleevePlan], BookTerms]:
    """Five sleeves at 20x on markets with gaps, rates of funding that eat up margins within hours,
    tiers of the notional and of the units."""
    random = np.random.default_rng([seed, 77])
    pick, steps = random.choice, ((0.0, 0.005), (20_000.0, 0.02), (200_000.0, 0.04))
    markets = [
        random_market(10 * seed + k, 300, missing=0.03, silent=0.08, jumps=0.03) for k in range(3)
    ]
    sleeves = []
    for number in range(5):
        candles, by_units = markets[number % 3], number % 2 == 1
        rules = random_run_rules(random)
        stop = StopRules(float(pick([4.0, 8.0, 15.0])), 0.0, 0.0, True, NO_TRAIL)
        given = rules.trade_rules._replace(
            stop=stop,
            sizing=by_risk(float(pick([0.3, 0.6])), 20.0, True),
            costs=rules.trade_rules.costs._replace(funding=float(pick([3.0, 30.0, 100.0]))),
            margin=Margin(0.005, True, True, float(pick([AS_MAINTENANCE, 0.0, 0.003]))),
        )
        zones = zones_of(int(pick(1_000)), candles)
        rules = rules._replace(trade_rules=given)
        plan = Plan(looked_up, {"zones": zones}, 0, QUARTER_HOUR, 2, rules)
        tiers = margin_tiers([(b / 100.0 if by_units else b, r) for b, r in steps], by_units)
        rows = random_funding(10 * seed + number % 3, candles)
        inputs = inputs_of(candles, 0, plan)
        inputs = inputs._replace(rows=rows, funding=funding_of(rows, candles, tiers))
        sleeves.append(SleevePlan(plan, inputs, float(pick([0.2, 0.3])), True))
    return sleeves, BookTerms(1_000_000.0, Caps(NO_CAP, 20.0), OFF, True)


def test_what_sleeves_bring_adds_up_to_the_account_however_much_is_credited() -> None:
    """No trade costs more than its margin, and the account is never below zero."""
    gone = credited = 0
    for seed in range(102, 108):
        sleeves, terms = levered_book(seed)
        records = run_book(sleeves, terms)
        equity = judge_book(sleeves, terms, records).whole.equity
        assert equity.min() >= -1e-6
        profits = sum(record.trades.pnl.sum() for record in records)
        assert equity[-1] == pytest.approx(terms.cash + profits, abs=1e-2)
        for record in records:
            adds_up(record)
            assert (-record.trades.pnl <= record.backing + 1e-6).all()
            gone += int((record.trades.reason == LIQUIDATED).sum())
            credited += int((record.trades.shortfall > 0.0).sum())
    assert gone >= 4
    assert credited >= 2


def test_a_cap_on_open_risk_that_is_never_reached_changes_nothing() -> None:
    book = random_book(2)
    caps = book.terms.caps
    records = [
        run_book(book.sleeves, book.terms._replace(caps=caps._replace(open_risk=open_risk)))
        for open_risk in (NO_CAP, 1e6)
    ]
    for free, capped in zip(*records, strict=True):
        same_bytes(free, capped)
    assert sum(len(record.trades.entry) for record in records[0]) > 100


def test_separate_accounts_are_runs_of_their_own() -> None:
    book = random_book(1)
    records = run_book(book.sleeves, book.terms._replace(shared=False))
    for sleeve, record in zip(book.sleeves, records, strict=True):
        rules = sleeve.plan.run_rules
        own = rules._replace(
            cash=sleeve.share * book.terms.cash, protections=book.terms.protections
        )
        given: Any = sleeve.inputs.candles, sleeve.inputs.start, sleeve.plan._replace(run_rules=own)
        same_bytes(run_backtrader(*given), record)


@pytest.mark.parametrize("shared", [True, False])
def test_a_book_says_how_far_it_is(shared: bool) -> None:
    book = mixed_book(0)
    told: list[tuple[int, int]] = []
    run_book(book.sleeves, book.terms._replace(shared=shared), lambda *each: told.append(each))
    opens = {int(t) for sleeve in book.sleeves for t in sleeve.inputs.candles.time}
    done, totals = zip(*told, strict=True)
    assert list(done) == sorted(done)
    assert set(totals) == {len(opens) if shared else len(book.sleeves)}
    assert 0.9 * totals[0] < done[-1] <= totals[0]
    assert len(set(done)) > 3
