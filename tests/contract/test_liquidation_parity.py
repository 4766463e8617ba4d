"""C20 on random markets at twenty times the account, with gaps: every engine closes the same
positions at the same prices, to the last bit, and no account falls below zero."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from stoptrail.backtest.plan import Record
from stoptrail.rules.candles import Candles, rows_of
from stoptrail.rules.funding import FundingRows, funding_of
from stoptrail.rules.jit import compiled
from stoptrail.rules.margin import AS_MAINTENANCE, NO_TIERS, Margin, margin_tiers
from stoptrail.rules.measure import equity_of
from stoptrail.rules.paths import CANDLE, HIGH_FIRST, LOW_FIRST, TICKS
from stoptrail.rules.sizing import ALL_IN, RISK, by_risk
from stoptrail.rules.stops import LIQUIDATED, NO_TRAIL
from stoptrail.rules.types import CYCLE_EXIT, OPEN, STOP_TRAIL
from stoptrail.sweep.finalists import compare
from tests.contract import engines
from tests.contract.detail import random_pieces
from tests.contract.test_exit_parity import exit_case
from tests.contract.test_parity import (
    STEPPING,
    FundedCase,
    Tally,
    check_kernel,
    funded,
    random_case,
)
from tests.markets import random_funding, random_market

Make = Callable[..., FundedCase]
COUNT = 500
SLIP = 0.006
"""More than any slippage and a tick: a worse price was met after the open."""


def random_marks(seed: int, candles: Candles) -> Candles:
    """Mark prices that stay near a market's, without what it does for a candle alone; some of
    them are missing."""
    random = np.random.default_rng([seed, 21])
    drift = np.exp(np.cumsum(random.normal(0.0, 0.002, len(candles.time))))
    drift = np.exp(np.log(drift) * 0.02 / max(0.02, float(np.abs(np.log(drift)).max())))
    close = (candles.close + np.concatenate((candles.close[:1], candles.close[:-1]))) / 2 * drift
    opens = np.concatenate((close[:1], close[:-1]))
    wide = np.abs(random.normal(0.0, 0.01, len(close))) * close
    high, low = np.maximum(opens, close) + wide, np.minimum(opens, close) - wide
    marks = Candles(candles.time, opens, high, low, close, np.zeros(len(close)), candles.interval)
    return rows_of(marks, random.random(len(close)) > 0.3)


def marked_case(seed: int, *, exits: bool = False, path: int = CANDLE) -> FundedCase:
    """A levered case with mark prices."""
    case = levered_case(seed, exits=exits, path=path)
    rows = levered_rows(seed, case.candles)
    marks, tiers = random_marks(seed, case.candles), case.funding.tiers
    return case._replace(funding=funding_of(rows, case.candles, tiers, marks))


def levered_rows(seed: int, candles: Candles) -> FundingRows:
    """Rates of one sign."""
    rows = random_funding(seed, candles)
    sign = np.random.default_rng([seed, 22]).choice([1.0, 1.0, -1.0])
    return rows._replace(rate=np.abs(rows.rate) * sign)


def levered_case(seed: int, *, exits: bool = False, path: int = CANDLE) -> FundedCase:
    """A random case at 20x in a market of gaps, with rates of funding or a borrow that eat up a
    margin within hours, and stops that hold still."""
    random = np.random.default_rng([seed, 20])
    case = exit_case(seed, paths=(path,)) if exits else random_case(seed)
    rules, given = case.plan.run_rules, case.plan.run_rules.trade_rules
    candles = random_market(seed, COUNT, market=given.market, jumps=0.03)
    pairs = case.plan.parameters["zones"]
    zones = {time: pairs.get(time, (0, 0)) for time in candles.time.tolist()}
    baseline = not exits and random.random() < 0.4
    sizing = by_risk(float(random.choice([0.3, 0.6])), 20.0, True, ALL_IN if baseline else RISK)
    stop = given.stop._replace(multiplier=float(random.choice([2.0, 5.0, 8.0])))
    if random.random() < 0.8:
        stop = stop._replace(trail=NO_TRAIL, breakeven_trigger=0.0, ruled=False)
    kept = given.exits
    if random.random() < 0.8:
        kept = kept._replace(target=0.0, time_hours=0.0)
    costs = given.costs._replace(
        borrow_daily=float(random.choice([0.0, 0.3, 1.0])),
        funding=float(random.choice([3.0, 10.0, 30.0])),
    )
    steps = ((0.0, 0.005), (20_000.0, 0.02), (200_000.0, 0.04)) if random.random() < 0.5 else ()
    rate = steps[0][1] if steps else float(random.choice([0.0, 0.005, 0.03]))
    margin = Margin(rate, not baseline, True, float(random.choice([AS_MAINTENANCE, 0.0, 0.003])))
    given = given._replace(sizing=sizing, stop=stop, costs=costs, margin=margin, exits=kept)
    rules = rules._replace(
        trade_rules=given,
        exits=CYCLE_EXIT if baseline else STOP_TRAIL,
        path=path,
        cash=10_000_000.0,
        protections=rules.protections._replace(daily_loss=0.0, drawdown=0.0),
    )
    rule = case.plan.exit_rule if stop.ruled else None
    plan = case.plan._replace(run_rules=rules, exit_rule=rule, parameters={"zones": zones})
    by_units = seed % 2 == 1
    if by_units:
        steps = tuple((2.0 * begin, rate) for begin, rate in steps)
    tiers = margin_tiers(steps, by_units) if steps else NO_TIERS
    funding = funding_of(levered_rows(seed, candles), candles, tiers)
    return FundedCase(candles, 0, plan, funding)


class Seen(Tally):
    """How many were liquidated, of which kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: Counter[str] = Counter()

    def count(self, case: FundedCase, record: Record) -> None:
        trades, candles = record.trades, case.candles
        for k in np.flatnonzero((trades.reason == LIQUIDATED) & (trades.exit != OPEN)):
            end, long = int(trades.exit[k]), trades.side[k] > 0
            opened, price = candles.open[end], trades.price[k]
            passed = price <= opened * (1.0 - SLIP) if long else price >= opened * (1.0 + SLIP)
            self.kinds["long" if long else "short"] += 1
            self.kinds["within" if passed else "open"] += 1
            self.kinds["shortfall"] += int(trades.shortfall[k] > 0.0)
            self.kinds["baseline"] += int(case.plan.run_rules.exits == CYCLE_EXIT)
            self.kinds["tiers"] += int(len(case.funding.tiers) > 0)
            self.kinds["parts"] += int((record.fills.trade == k).sum() > 1)
            if len(case.funding.marks):
                self._count_mark(case, end, int(trades.side[k]), price)
            bounds = [bound for bound in case.funding.tiers[:, 2].tolist() if bound > 0.0]
            self.kinds["units"] += int(any(trades.units[k] > bound for bound in bounds))
        cash, profits = case.plan.run_rules.cash, trades.pnl[trades.exit != OPEN]
        assert np.cumsum([cash, *profits]).min() >= 0.0
        adds_up(record)
        equity = compiled(equity_of)(
            trades, record.fills, candles, marks_of(case), case.plan.run_rules, case.funding
        )
        assert equity.marks.min() >= 0.0
        assert equity.marks[-1] == pytest.approx(cash + trades.pnl.sum(), abs=1e-3)
        assert equity.worst <= 1.0

    def _count_mark(self, case: FundedCase, end: int, side: int, price: float) -> None:
        """By which prices, and whether the market's candle came to where its mark was."""
        opened, high, low, _ = case.funding.marks[end]
        if np.isnan(opened):
            self.kinds["own"] += 1
        elif side > 0:
            self.kinds["nearest"] += int(low < case.candles.low[end] >= price)
        else:
            self.kinds["nearest"] += int(high > case.candles.high[end] <= price)


def adds_up(record: Record) -> None:
    """Every profit is what the prices brought, less costs, with what was credited."""
    trades, fills = record.trades, record.fills
    for k in range(len(trades.entry)):
        own = fills.trade == k
        gross = (fills.units[own] * (fills.price[own] - trades.fill[k])).sum()
        left = trades.units[k] - fills.units[own].sum()
        if trades.exit[k] == OPEN:
            gross += left * (trades.price[k] - trades.fill[k])
        costs = trades.fees[k] + trades.borrow[k] - trades.funding[k] - trades.shortfall[k]
        assert trades.pnl[k] == pytest.approx(trades.side[k] * gross - costs, abs=1e-3)
        assert trades.shortfall[k] >= 0.0


def marks_of(case: FundedCase):  # type: ignore[no-untyped-def]
    return engines.prepared(*case[:3]).inputs.marks


def agree(one: Record, other: Record, name: str) -> None:
    """To the last bit, with what was lost beyond the account."""
    assert compare(one, other, name).mismatches == ()
    for column in ("reason", "price", "fees", "pnl", "funding", "borrow", "shortfall"):
        np.testing.assert_array_equal(getattr(one.trades, column), getattr(other.trades, column))


LEVERED = (
    *(11_000, 11_001, 11_002, 11_004, 11_005, 11_007, 11_014, 11_015, 11_017, 11_018, 11_019),
    *(11_020, 11_021, 11_022, 11_028, 11_046, 11_070, 11_081, 11_099, 11_210, 11_245),
)
"""Seeds, chosen as in test_parity.py."""
LEVERED_EXITS = (
    *(11_003, 11_008, 11_011, 11_012, 11_015, 11_020, 11_028, 11_040, 11_065, 11_068, 11_097),
    *(11_108, 11_206, 11_235, 11_254, 11_259, 11_282),
)
MARKED = (11_001, 11_002, 11_004, 11_005, 11_044, 11_088, 11_151, 11_245)
MARKED_EXITS = (11_003, 11_008, 11_011, 11_040, 11_097, 11_208, 11_259, 11_295)


@pytest.mark.parametrize(
    ("make", "exits", "seeds"),
    [
        (levered_case, False, LEVERED),
        (levered_case, True, LEVERED_EXITS),
        (marked_case, False, MARKED),
        (marked_case, True, MARKED_EXITS),
    ],
)
def test_every_engine_liquidates_the_same_positions(
    make: Make, exits: bool, seeds: tuple[int, ...]
) -> None:
    tally = Seen()
    for seed in seeds:
        case = make(seed, exits=exits)
        one = engines.by_compiled_rules(*case[:3], **funded(case))
        tally.count(case, one)
        check_kernel(case, tally, one)
        for name in STEPPING:
            agree(one, engines.ENGINES[name](*case[:3], **funded(case)), name)
    wanted = {
        "long",
        "short",
        "open",
        "within",
        "shortfall",
        "tiers",
        "units",
        "parts" if exits else "baseline",
        *(("nearest", "own") if make is marked_case else ()),
    }
    least = 4 if make is levered_case else 3
    assert {kind for kind, count in tally.kinds.items() if count >= least} >= wanted, tally.kinds


@pytest.mark.parametrize("make", [levered_case, marked_case])
def test_the_loops_agree_along_every_path(make: Make) -> None:
    tally = Seen()
    for seed in range(12_000, 12_090):
        case = make(seed, exits=True, path=HIGH_FIRST if seed % 2 else LOW_FIRST)
        one = engines.by_compiled_rules(*case[:3], **funded(case))
        tally.count(case, one)
        check_kernel(case, tally, one)
        if seed % 10 == 0:
            agree(one, engines.by_rules(*case[:3], **funded(case)), "rules")
    assert min(tally.kinds[kind] for kind in ("long", "short", "parts")) >= 8, tally.kinds


@pytest.mark.parametrize("make", [levered_case, marked_case])
@pytest.mark.parametrize("path", [CANDLE, TICKS])
def test_engines_agree_where_finer_candles_are_walked(path: int, make: Make) -> None:
    tally = Seen()
    for seed in range(13_000, 13_020):
        case = make(seed, exits=seed % 2 == 0, path=path)
        detail = random_pieces(seed, case.candles, case.plan.run_rules.trade_rules.market)
        one = engines.by_compiled_rules(*case[:3], detail, case.funding)
        tally.count(case, one)
        for name in ("backtrader", "backtrader-steps"):
            agree(one, engines.DETAILED[name](*case[:3], detail, case.funding), name)
    assert min(tally.kinds[kind] for kind in ("long", "short")) >= 10, tally.kinds
