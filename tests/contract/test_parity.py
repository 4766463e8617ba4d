"""Random markets through every engine: the same trades, levels and ignored signals.

The rules as a compiled loop are the reference; a few short markets also run in plain
Python. `compared` counts what each engine was compared on, so that nothing passes by
comparing nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from stoptrail.backtest.plan import Plan, Record
from stoptrail.config.own_code import own_size
from stoptrail.rules.candles import Candles, Signals
from stoptrail.rules.funding import NO_FUNDING, Funding, funding_of
from stoptrail.rules.jit import compiled
from stoptrail.rules.measure import equity_of, measure
from stoptrail.rules.metrics import (
    Metrics,
)
from stoptrail.rules.paths import CANDLE
from stoptrail.rules.sizing import KELLY, NOTIONAL, OWN, VOLATILITY
from stoptrail.rules.stops import REASONS
from stoptrail.rules.types import CYCLE_EXIT, OPEN
from stoptrail.strategies.signals.donchian_breakout import donchian_breakout
from stoptrail.strategies.signals.mtf_cycle import mtf_cycle
from stoptrail.sweep.finalists import compare
from stoptrail.sweep.kernel.fingerprint import fingerprint_of
from tests.contract import engines
from tests.contract.tables import QUARTER_HOUR
from tests.markets import (
    COARSE,
    FINE,
    random_funding,
    random_market,
    random_rules,
    random_signals,
    with_size,
)

HOUR = 3_600_000


class Case(NamedTuple):
    """One run for every engine."""

    candles: Candles
    start: int
    plan: Plan


class FundedCase(NamedTuple):
    """One run on a swap."""

    candles: Candles
    start: int
    plan: Plan
    funding: Funding


AnyCase = Case | FundedCase


def funded(case: AnyCase) -> dict[str, Any]:
    """What an engine is given besides candles, start and plan."""
    return {"funding": case.funding} if isinstance(case, FundedCase) else {}


class LookedUpStep:
    """`looked_up` one candle at a time."""

    def __init__(self, interval: int, *, zones: dict[int, tuple[int, int]]) -> None:
        del interval
        self._zones = zones

    def step(self, time: int, *prices: float) -> tuple[int, int]:
        return self._zones[time]


def looked_up(candles: Candles, *, zones: dict[int, tuple[int, int]]) -> Signals:
    """Zone and exit zone of every candle by its open time."""
    found = np.array([zones[int(time)] for time in candles.time], np.int8).reshape(-1, 2)
    return Signals(found[:, 0].copy(), found[:, 1].copy(), 0)


looked_up.stepper = LookedUpStep  # type: ignore[attr-defined]


def random_case(seed: int, *, count: int = 2000, path: bool = False) -> Case:
    """A random market with random signals and rules; `path` allows tick paths (C9)."""
    random = np.random.default_rng(seed)
    market = COARSE if seed % 3 else FINE
    rough = {"missing": 0.05, "silent": 0.2} if seed % 4 == 0 else {}
    candles = random_market(seed, count, market=market, **rough)
    signals = random_signals(seed, candles, share=float(random.choice([0.06, 0.2, 0.4])))
    pairs = zip(signals.zone.tolist(), signals.exit_zone.tolist(), strict=True)
    zones = dict(zip(candles.time.tolist(), pairs, strict=True))
    run_rules = random_rules(random, market)
    if not path:
        run_rules = run_rules._replace(path=CANDLE)
    interval = int(random.choice([QUARTER_HOUR, HOUR, 4 * HOUR]))
    plan = Plan(looked_up, {"zones": zones}, 0, interval, int(random.choice([1, 2, 5])), run_rules)
    return Case(candles, int(random.choice([0, 0, 100, 333])), plan)


class Tally:
    """What was compared, by engine and by kind."""

    def __init__(self) -> None:
        self.trades: Counter[str] = Counter()
        self.levels = 0
        self.reasons: Counter[str] = Counter()
        self.ignored = np.zeros(6, np.int64)
        self.entry_candle_stops = 0
        self.touches = 0
        self.gaps = 0
        self.still_open = 0
        self.sides: Counter[int] = Counter()

    def note(self, case: AnyCase, record: Record) -> None:
        """Count the hard cases of a reference run."""
        trades, candles = record.trades, case.candles
        closed = trades.exit != OPEN
        self.levels += len(record.stops.level)
        self.reasons.update(REASONS[code] for code in trades.reason[closed])
        self.ignored += record.ignored
        self.sides.update(trades.side.tolist())
        self.still_open += int((~closed).sum())
        self.entry_candle_stops += int((trades.entry == trades.exit).sum())
        for k in np.flatnonzero(closed & (trades.reason != REASONS.index("cycle"))):
            level = _last_level(record, int(k))
            i, long = trades.exit[k], trades.side[k] > 0
            reached = candles.low[i] if long else candles.high[i]
            self.touches += int(reached == level)
            opened = candles.open[i]
            self.gaps += int(opened < level if long else opened > level)


def _last_level(record: Record, k: int) -> float:
    """The level in force when trade k was stopped."""
    own = np.flatnonzero(record.stops.trade == k)
    held = own[record.stops.candle[own] <= record.trades.exit[k]]
    return float(record.stops.level[held[-1]])


def check(case: AnyCase, tally: Tally, name: str, run: Callable[..., Record], one: Record) -> None:
    """Compare another engine's run with the reference."""
    found = compare(one, run(*case[:3], **funded(case)), name)
    assert found.mismatches == ()
    tally.trades[name] += found.trades


def check_kernel(case: AnyCase, tally: Tally, one: Record) -> None:
    """Compare the pre-screen's figures: all of them to the last bit."""
    fast = engines.screened(*case[:3], **funded(case))
    assert fast.trades == len(one.trades.entry)
    np.testing.assert_array_equal(fast.ignored, one.ignored)
    assert fast.fingerprint == int(compiled(fingerprint_of)(one.trades))
    np.testing.assert_array_equal(fast.metrics, figures(case, one))
    tally.trades["kernel"] += fast.trades


def figures(case: AnyCase, record: Record) -> Metrics:
    """The figures of a run by the rules."""
    ready = engines.prepared(*case[:3])
    candles, marks = ready.inputs.candles, ready.inputs.marks
    run_rules = case.plan.run_rules
    funding = funded(case).get("funding", NO_FUNDING)
    equity = compiled(equity_of)(record.trades, record.fills, candles, marks, run_rules, funding)
    return compiled(measure)(record.trades, equity, candles, marks)


MARKETS = (
    *(0, 1, 4, 6, 9, 10, 11, 14, 17, 18, 20, 22, 23, 26, 27, 35, 39, 71, 93),
    *(136, 171, 177, 189, 194, 216, 285),
)
"""Seeds, as others below: what an engine takes for a market depends on its candles, and many have
few trades. These were chosen, of some hundreds and one after the other, for what each adds to
the kinds of trades and of ignored signals that the tests count."""
FUNDED_MARKETS = (3001, 3007, 3040, 3133, 3191, 3233, 3253, 3283)
SIZED_MARKETS = (4000, 4001, 4002, 4003, 4092)


def test_random_markets_agree_in_every_engine() -> None:
    tally = Tally()
    for seed in MARKETS:
        case = random_case(seed)
        one = engines.by_compiled_rules(*case[:3], **funded(case))
        tally.note(case, one)
        check_kernel(case, tally, one)
        for name in STEPPING:
            check(case, tally, name, engines.ENGINES[name], one)
    assert all(tally.trades[name] >= 1800 for name in ("kernel", *STEPPING)), tally.trades
    assert sum(tally.trades.values()) >= 7_200, tally.trades
    assert tally.levels >= 4_500
    hard = (tally.entry_candle_stops, tally.touches, tally.gaps, tally.still_open)
    assert min(hard) >= 20, hard
    assert min(tally.ignored) >= 20, tally.ignored
    assert min(tally.sides[1], tally.sides[-1]) >= 300
    assert {name for name, count in tally.reasons.items() if count >= 20} == STOPS


@pytest.mark.parametrize("kind", [NOTIONAL, VOLATILITY, KELLY, OWN])
def test_random_markets_agree_on_every_way_to_size(kind: int) -> None:
    """And a way to size makes other trades than the risk does."""
    tally, others = Tally(), 0
    for seed in SIZED_MARKETS:
        case = random_case(seed)
        random = np.random.default_rng(seed)
        sized = with_size(random, case.plan.run_rules, kind)
        by_risk = engines.by_compiled_rules(*case).trades.units
        case = case._replace(plan=case.plan._replace(run_rules=sized, own_size=own_size(LESS)))
        one = engines.by_compiled_rules(*case)
        others += not np.array_equal(one.trades.units, by_risk)
        check(case, tally, "rules", engines.by_rules, one)
        check_kernel(case, tally, one)
        for name in STEPPING:
            check(case, tally, name, engines.ENGINES[name], one)
    assert min(tally.trades.values()) >= 100, tally.trades
    assert others >= 4


LESS = "tests.sweep.own_code:less"


def funded_case(seed: int, *, count: int = 2000, path: bool = False) -> FundedCase:
    """A random case on which random rows of funding are paid."""
    case = random_case(seed, count=count, path=path)
    costs = case.plan.run_rules.trade_rules.costs._replace(
        funding=float(np.random.default_rng(seed).choice([1.0, 1.0, -0.5]))
    )
    rules = case.plan.run_rules
    rules = rules._replace(trade_rules=rules.trade_rules._replace(costs=costs))
    funding = funding_of(random_funding(seed, case.candles), case.candles)
    plan = case.plan._replace(run_rules=rules)
    return FundedCase(case.candles, case.start, plan, funding)


def test_random_markets_with_funding_agree_in_every_engine() -> None:
    tally, paid, received = Tally(), 0, 0
    for seed in FUNDED_MARKETS:
        case = funded_case(seed)
        one = engines.by_compiled_rules(*case[:3], **funded(case))
        tally.note(case, one)
        paid += int((one.trades.funding < 0.0).sum())
        received += int((one.trades.funding > 0.0).sum())
        check_kernel(case, tally, one)
        for name in STEPPING:
            check(case, tally, name, engines.ENGINES[name], one)
    assert all(tally.trades[name] >= 1300 for name in ("kernel", *STEPPING)), tally.trades
    assert min(paid, received) >= 180, (paid, received)
    assert {name for name, count in tally.reasons.items() if count >= 20} == STOPS


def test_random_funding_agrees_on_every_path_in_the_looping_engines() -> None:
    tally = Tally()
    for seed in range(4000, 4300):
        case = funded_case(seed, path=True)
        one = engines.by_compiled_rules(*case[:3], **funded(case))
        tally.note(case, one)
        check_kernel(case, tally, one)
    assert tally.trades["kernel"] >= 10_000
    assert tally.reasons["breakeven"] >= 300


STEPPING = tuple(name for name in engines.ENGINES if name not in ("rules", "kernel"))
STOPS = {"initial", "breakeven", "trail", "cycle"}


def test_random_markets_agree_on_every_path_in_the_looping_engines() -> None:
    tally = Tally()
    for seed in range(1000, 1300):
        case = random_case(seed, path=True)
        one = engines.by_compiled_rules(*case[:3], **funded(case))
        tally.note(case, one)
        check_kernel(case, tally, one)
    assert tally.trades["kernel"] >= 10_000


def test_plain_python_gives_the_same_as_compiled_code() -> None:
    tally = Tally()
    for seed in range(2000, 2100):
        case = random_case(seed, count=600, path=True)
        one = engines.by_compiled_rules(*case[:3], **funded(case))
        check(case, tally, "rules", engines.by_rules, one)
    assert tally.trades["rules"] >= 1000


SHIPPED: dict[str, tuple[Callable[..., Signals], dict[str, Any]]] = {
    "mtf_cycle": (
        mtf_cycle,
        {
            "trend": "roc",
            "trend_period": 3,
            "structure_period": 2,
            "cycle_period": 4.0,
            "cycle_threshold": 0.1,
        },
    ),
    "donchian_breakout": (donchian_breakout, {"entry_period": 4, "exit_period": 2}),
}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_signals_agree_in_every_engine(name: str) -> None:
    signal, parameters = SHIPPED[name]
    tally = Tally()
    for seed in range(3):
        random = np.random.default_rng(seed)
        candles = random_market(seed + 50, 3000, market=FINE)
        run_rules = random_rules(random, FINE)._replace(path=CANDLE, cash=100_000.0)
        run_rules = run_rules._replace(exits=CYCLE_EXIT if seed == 2 else 0)
        case = Case(candles, 96, Plan(signal, parameters, 0, 4 * HOUR, 3, run_rules))
        one = engines.by_compiled_rules(*case[:3], **funded(case))
        check_kernel(case, tally, one)
        for engine in STEPPING:
            check(case, tally, engine, engines.ENGINES[engine], one)
    assert min(tally.trades[engine] for engine in ("kernel", *STEPPING)) >= 20, tally.trades
