"""C18 on random markets: every engine agrees on every mixture of exits, to the last fill."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

from stoptrail.backtest.plan import Record
from stoptrail.config.own_code import own_size
from stoptrail.rules.costs import AS_TAKER
from stoptrail.rules.exits import MOST_SCALE_OUTS, NO_PART, ExitRules, ScaleOut
from stoptrail.rules.funding import NO_FUNDING, FundingRows, funding_of
from stoptrail.rules.paths import CANDLE, HIGH_FIRST, LOW_FIRST, TICKS
from stoptrail.rules.sizing import KELLY, NOTIONAL, OWN, RISK, VOLATILITY
from stoptrail.rules.stops import ATR_TRAIL, CHANDELIER, NO_TRAIL, PERCENT, REASONS
from stoptrail.rules.types import OPEN, STOP_TRAIL
from stoptrail.sweep.finalists import compare
from tests.contract import engines
from tests.contract.detail import random_pieces
from tests.contract.own_exits import RULES
from tests.contract.test_detail_parity import by_fed_paper
from tests.contract.test_parity import (
    LESS,
    STEPPING,
    AnyCase,
    Case,
    FundedCase,
    Tally,
    check,
    check_kernel,
    funded,
    random_case,
)
from tests.markets import random_funding, with_size


def random_exits(random: np.random.Generator) -> ExitRules:
    """Any mixture of a target, parts and a time stop; none a fifth of the time."""
    pick, count = random.choice, int(random.integers(0, MOST_SCALE_OUTS + 1))
    places = sorted(random.choice([0.05, 0.1, 0.2, 0.35, 0.5, 0.8, 1.5], count, replace=False))
    shares = random.dirichlet(np.ones(count + 1))[:count]
    if count and random.random() < 0.3:
        shares = shares / shares.sum()  # everything leaves in parts
    parts = [ScaleOut(float(at), float(share)) for at, share in zip(places, shares, strict=True)]
    return ExitRules(
        float(pick([0.0, 0.0, 0.6, 3.0])),
        bool(random.random() < 0.4),
        *parts,
        *[NO_PART] * (MOST_SCALE_OUTS - count),
        float(pick([0.0, 0.0, 0.25, 3.1, 24.0])),
        float(pick([math.inf, math.inf, 0.0, 0.5])),
    )


def exit_case(seed: int, *, paths: tuple[int, ...] = (CANDLE,), count: int = 1500) -> Case:
    """A random case with random exits."""
    case = random_case(seed, count=count)
    random = np.random.default_rng(seed + 7919)
    rule: Any = None if random.random() < 0.7 else RULES[int(random.integers(len(RULES)))]
    rules = case.plan.run_rules
    stop = rules.trade_rules.stop._replace(
        trail=int(random.choice([ATR_TRAIL, ATR_TRAIL, NO_TRAIL, CHANDELIER, PERCENT])),
        trail_candles=int(random.choice([1, 3, 20])),
        trail_percent=float(random.choice([0.002, 0.01, 0.05])),
        trail_from=float(random.choice([0.0, 0.0, 0.3, 1.5])),
        ruled=rule is not None,
    )
    maker = float(random.choice([AS_TAKER, 0.0, -0.0002, 0.0005]))
    costs = rules.trade_rules.costs._replace(maker_fee=maker)
    exits = random_exits(random)
    trade_rules = rules.trade_rules._replace(stop=stop, costs=costs, exits=exits)
    rules = rules._replace(trade_rules=trade_rules, path=int(random.choice(paths)))
    return case._replace(plan=case.plan._replace(run_rules=rules, exit_rule=rule))


class Seen(Tally):
    """What was compared, with the parts."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = 0
        self.same_candle = 0

    def note(self, case: AnyCase, record: Record) -> None:
        trades, fills = record.trades, record.fills
        closed = trades.exit != OPEN
        self.parts += len(fills.trade) - int(closed.sum())
        self.reasons.update(REASONS[code] for code in trades.reason[closed])
        together = (np.diff(fills.trade) == 0) & (np.diff(fills.candle) == 0)
        self.same_candle += int(together.sum())
        self.still_open += int((~closed).sum())


MARKETS = (
    *(5008, 5013, 5014, 5016, 5025, 5026, 5027, 5028, 5030, 5031, 5036, 5038, 5039),
    *(5062, 5160, 5162, 5169, 5186, 5199, 5211),
)
"""Seeds, chosen as in test_parity.py."""
FUNDED_MARKETS = (9004, 9011, 9025, 9034, 9043, 9105, 9129, 9163, 9229, 9283)


@pytest.mark.slow
def test_random_exits_agree_in_every_engine() -> None:
    tally = Seen()
    for seed in MARKETS:
        case = exit_case(seed)
        one = engines.by_compiled_rules(*case)
        tally.note(case, one)
        check_kernel(case, tally, one)
        for name in STEPPING:
            check(case, tally, name, engines.ENGINES[name], one)
    assert all(tally.trades[name] >= 1700 for name in ("kernel", *STEPPING)), tally.trades
    assert {reason for reason, count in tally.reasons.items() if count >= 20} >= REASONED
    assert tally.parts >= 500, tally.parts
    assert tally.same_candle >= 200, tally.same_candle
    assert tally.still_open >= 10


@pytest.mark.slow
def test_random_exits_pay_the_same_funding_in_every_engine() -> None:
    tally, paid, received = Seen(), 0, 0
    for seed in FUNDED_MARKETS:
        bare = exit_case(seed)
        trade_rules = bare.plan.run_rules.trade_rules
        trade_rules = trade_rules._replace(costs=trade_rules.costs._replace(funding=1.0))
        rules = bare.plan.run_rules._replace(trade_rules=trade_rules)
        funding = funding_of(random_funding(seed, bare.candles), bare.candles)
        case = FundedCase(bare.candles, bare.start, bare.plan._replace(run_rules=rules), funding)
        one = engines.by_compiled_rules(*case[:3], **funded(case))
        tally.note(case, one)
        parted = np.bincount(one.fills.trade, minlength=len(one.trades.entry)) > 1
        paid += int((one.trades.funding[parted] < 0.0).sum())
        received += int((one.trades.funding[parted] > 0.0).sum())
        check_kernel(case, tally, one)
        for name in STEPPING:
            check(case, tally, name, engines.ENGINES[name], one)
    assert min(paid, received) >= 60, (paid, received)
    assert tally.parts >= 400, tally.parts


SIZED = (RISK, NOTIONAL, VOLATILITY, KELLY, OWN)
REASONED = {"initial", "breakeven", "trail", "target", "time", "rule"}


def test_random_exits_agree_on_every_path_in_the_looping_engines() -> None:
    tally = Seen()
    for seed in range(6000, 6120):
        case = exit_case(seed, paths=(HIGH_FIRST, LOW_FIRST))
        one = engines.by_compiled_rules(*case)
        tally.note(case, one)
        check_kernel(case, tally, one)
    assert tally.trades["kernel"] >= 3000
    assert tally.parts >= 600, tally.parts
    assert tally.same_candle >= 120, tally.same_candle


def test_plain_python_gives_the_same_as_compiled_code() -> None:
    tally = Seen()
    for seed in range(7000, 7030):
        case = exit_case(seed, paths=(CANDLE, HIGH_FIRST, LOW_FIRST), count=500)
        one = engines.by_compiled_rules(*case)
        tally.note(case, one)
        check(case, tally, "rules", engines.by_rules, one)
    assert tally.trades["rules"] >= 300
    assert tally.parts >= 50, tally.parts


@pytest.mark.parametrize("path", [CANDLE, TICKS])
def test_random_exits_agree_where_finer_candles_are_walked(path: int) -> None:
    compared: Counter[str] = Counter()
    parts = 0
    for seed in range(8000, 8016):
        case = exit_case(seed, paths=(path,), count=1000)
        detail = random_pieces(seed, case.candles, case.plan.run_rules.trade_rules.market)
        one = engines.by_compiled_rules(*case, detail)
        parts += len(one.fills.trade) - len(one.trades.entry)
        for name in ("backtrader", "backtrader-steps"):
            found = compare(one, engines.DETAILED[name](*case, detail), name)
            assert found.mismatches == (), seed
            compared[name] += found.trades
    assert min(compared.values()) >= 250, compared
    assert parts >= 50, parts


def fed_case(seed: int) -> FundedCase:
    """A random case by ticks with random exits and sizes, every other one on a swap whose rows
    come between its candles."""
    case, random = exit_case(seed, paths=(TICKS,), count=700), np.random.default_rng([seed, 23])
    rules = with_size(random, case.plan.run_rules, int(random.choice(SIZED)))
    swap, rows = seed % 2, random_funding(seed, case.candles)
    given = rules.trade_rules
    given = given._replace(costs=given.costs._replace(funding=float(swap)))
    rules = rules._replace(trade_rules=given, exits=STOP_TRAIL)
    between = FundingRows._make(col[rows.time % case.candles.interval == 0] for col in rows)
    funding = funding_of(between, case.candles) if swap else NO_FUNDING
    plan = case.plan._replace(run_rules=rules, own_size=own_size(LESS))
    return FundedCase(case.candles, case.start, plan, funding)


def test_a_paper_session_fed_the_pieces_as_ticks_leaves_and_sizes_alike() -> None:
    """Of every candle that trades it sees a tick: without one an order to leave fills at the close
    and not at the open."""
    tally: Counter[str] = Counter()
    for seed in range(8200, 8240):
        case = fed_case(seed)
        market = case.plan.run_rules.trade_rules.market
        detail = random_pieces(seed, case.candles, market, missing=0.0)
        one = engines.by_backtrader(*case[:3], detail, case.funding)
        found = compare(one, by_fed_paper(Case(*case[:3]), detail, case.funding), "paper")
        assert found.mismatches == (), seed
        trades = one.trades
        tally["trades"] += found.trades
        tally["parts"] += len(one.fills.trade) - int((trades.exit != OPEN).sum())
        tally["paid"] += int((trades.funding != 0.0).sum())
        tally.update(REASONS[code] for code in trades.reason[trades.exit != OPEN])
    assert tally["trades"] >= 600, tally
    assert min(tally[kind] for kind in (*REASONED, "parts", "paid")) >= 30, tally
