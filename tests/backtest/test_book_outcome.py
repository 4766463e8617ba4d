"""The figures of a book against the book's own broker, and against single runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stoptrail.backtest.book import SleevePlan, run_book
from stoptrail.backtest.book_files import _warnings
from stoptrail.backtest.book_outcome import BookOutcome, hold_markets, judge_book
from stoptrail.backtest.outcome import buy_and_hold, judge
from stoptrail.rules.metrics import drawdowns
from stoptrail.rules.types import OPEN
from tests.backtest.test_roads import road_case
from tests.contract.test_book import Book, inputs_of, mixed_book, random_book


def judged(book: Book) -> BookOutcome:
    return judge_book(book.sleeves, book.terms, run_book(*book))


@pytest.mark.parametrize("seed", [0, 1])
def test_the_equity_ends_with_what_all_trades_earned(seed: int) -> None:
    outcome = judged(mixed_book(seed))
    earned = sum(record.trades.pnl.sum() for record in outcome.records)
    cash = outcome.terms.cash
    assert outcome.whole.equity[-1] == pytest.approx(cash + earned, rel=1e-12)
    assert outcome.whole.equity[0] == cash
    np.testing.assert_allclose(cash + outcome.profits.sum(axis=0), outcome.whole.equity)


def test_trades_are_in_the_order_of_their_entries_and_of_the_sleeves() -> None:
    outcome = judged(random_book(2))
    log, opens = outcome.whole.record.trades, outcome.inputs.candles.time
    keys = list(zip(log.entry_time.tolist(), outcome.owner.tolist(), strict=True))
    assert keys == sorted(keys)
    assert (opens[log.entry] == log.entry_time).all()
    closed = log.exit != OPEN
    assert (opens[log.exit[closed]] == log.exit_time[closed]).all()
    for place, record in enumerate(outcome.records):
        np.testing.assert_array_equal(log.pnl[outcome.owner == place], record.trades.pnl)
    stops = outcome.whole.record.stops
    assert (log.initial[stops.trade[stops.reason == 0]] == stops.level[stops.reason == 0]).all()


def test_a_separate_sleeve_counts_as_its_own_run() -> None:
    for seed in (1, 3):
        case = road_case(seed)
        inputs = inputs_of(case.candles, 50, case.plan)  # behind a warm-up, which is no time of it
        sleeve = SleevePlan(case.plan, inputs, 1.0, False)
        terms = random_book(0).terms._replace(cash=case.plan.run_rules.cash, shared=False)
        terms = terms._replace(protections=case.plan.run_rules.protections)
        (record,) = run_book([sleeve], terms)
        alone, found = judge(case.plan, record, inputs), judge_book([sleeve], terms, [record])
        np.testing.assert_allclose(found.whole.equity, alone.equity, rtol=1e-9)
        np.testing.assert_allclose(found.whole.metrics, alone.metrics, rtol=1e-9)


def test_open_risk_stays_within_its_cap_at_every_close() -> None:
    found = []
    for seed in range(6):
        book = random_book(seed)
        if book.terms.caps.open_risk < 1.0:
            found.append(judged(book).risk.max() / book.terms.caps.open_risk)
    # An open away from the close that decided, and equity that has fallen since, may add to it.
    assert 0.5 < max(found) < 1.5


def test_holding_every_market_is_the_sum_of_holding_each() -> None:
    outcome = judged(random_book(3))
    equity = hold_markets(outcome).equity
    total = sum(sleeve.share for sleeve in outcome.sleeves)
    gained = 0.0
    for place in range(3):
        sleeve = outcome.sleeves[place]
        share = sum(outcome.sleeves[k].share for k in (place, place + 3)) / total
        rules = sleeve.plan.run_rules._replace(cash=share * outcome.terms.cash)
        gained += buy_and_hold(sleeve.inputs, rules)[0].equity[-1]
    assert equity[-1] == pytest.approx(gained, rel=1e-9)


def test_a_sleeve_falls_as_deep_as_the_account_that_it_is_alone_in() -> None:
    case = road_case(1)
    inputs = inputs_of(case.candles, case.start, case.plan)
    sleeve = SleevePlan(case.plan, inputs, 1.0, False)
    terms = random_book(0).terms._replace(cash=case.plan.run_rules.cash, shared=False)
    terms = terms._replace(protections=case.plan.run_rules.protections)
    (record,) = run_book([sleeve], terms)
    found = judge_book([sleeve], terms, [record])
    whole = found.whole.metrics.max_drawdown
    assert found.drawdowns == pytest.approx([whole], rel=1e-9)
    assert whole > drawdowns(found.whole.equity).max()  # its marks alone are milder


def test_separate_sleeves_fall_as_deep_as_accounts_of_their_shares() -> None:
    case = road_case(1)
    inputs, cash = inputs_of(case.candles, case.start, case.plan), case.plan.run_rules.cash
    sleeves = [SleevePlan(case.plan, inputs, share, False) for share in (0.25, 0.75)]
    terms = random_book(0).terms._replace(cash=cash, shared=False)
    terms = terms._replace(protections=case.plan.run_rules.protections)
    records = run_book(sleeves, terms)
    alone = []
    for sleeve, record in zip(sleeves, records, strict=True):
        rules = case.plan.run_rules._replace(cash=sleeve.share * cash)
        alone.append(judge(case.plan._replace(run_rules=rules), record, inputs))
    falls = [outcome.metrics.max_drawdown for outcome in alone]
    assert min(falls) > 0.0
    assert judge_book(sleeves, terms, records).drawdowns == pytest.approx(falls, rel=1e-9)


def test_of_a_swap_it_is_said_by_which_prices_a_liquidation_goes_not_that_there_was_one() -> None:
    rules = SimpleNamespace(trade_rules=SimpleNamespace(margin=SimpleNamespace(rate=0.005)))
    inputs = SimpleNamespace(funding=SimpleNamespace(marks=np.empty((0, 4))))
    plan = SimpleNamespace(inputs=inputs, plan=SimpleNamespace(run_rules=rules), lends=True)
    outcome: Any = SimpleNamespace(sleeves=[plan], records=[None])
    sleeves: Any = [SimpleNamespace(symbol="A/B:B")]
    (line,) = _warnings(outcome, sleeves)
    assert line.startswith("A/B:B: liquidations go by the market's own prices")
