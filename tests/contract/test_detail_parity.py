"""C21 on random markets: every engine that walks finer candles, and a paper session's ticks."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from stoptrail.backtest.plan import Record
from stoptrail.rules.candles import Candles
from stoptrail.rules.detail import Detail
from stoptrail.rules.paths import CANDLE, TICKS
from stoptrail.sweep.finalists import compare
from tests.contract import engines
from tests.contract.detail import random_pieces
from tests.contract.test_parity import Case, random_case


def detailed_case(seed: int, path: int, count: int = 2000) -> tuple[Case, Detail]:
    """A random case on `path` with the pieces of its candles."""
    case = random_case(seed, count=count)
    run_rules = case.plan.run_rules._replace(path=path)
    market = run_rules.trade_rules.market
    detail = random_pieces(seed, case.candles, market)
    return case._replace(plan=case.plan._replace(run_rules=run_rules)), detail


def whole(candles: Candles) -> Detail:
    """Each candle with volume as its own only piece."""
    kept = candles.volume > 0.0
    columns = [column[kept] for column in candles[:5]]
    return Detail(*columns, np.concatenate(([0], np.cumsum(kept))).astype(np.int64))


@pytest.mark.parametrize("path", [CANDLE, TICKS])
def test_random_markets_agree_in_every_engine_that_walks_pieces(path: int) -> None:
    compared: Counter[str] = Counter()
    changed = 0
    for seed in range(16):
        case, detail = detailed_case(seed, path)
        one = engines.by_compiled_rules(*case, detail)
        changed += not same(one, engines.by_compiled_rules(*case))
        for name in ("backtrader", "backtrader-steps"):
            found = compare(one, engines.DETAILED[name](*case, detail), name)
            assert found.mismatches == (), seed
            compared[name] += found.trades
    assert min(compared.values()) >= 500, compared
    assert changed >= 8, changed


def same(one: Record, other: Record) -> bool:
    """Whether two runs are the same to the last bit."""
    pairs = zip(one.trades + one.stops, other.trades + other.stops, strict=True)
    return all(a.tobytes() == b.tobytes() for a, b in pairs)


@pytest.mark.parametrize("path", [CANDLE, TICKS])
def test_plain_python_gives_the_same_as_compiled_code(path: int) -> None:
    trades = 0
    for seed in range(100, 140):
        case, detail = detailed_case(seed, path, count=500)
        one = engines.by_compiled_rules(*case, detail)
        assert same(one, engines.by_rules(*case, detail))
        trades += len(one.trades.entry)
    assert trades >= 200


def test_pieces_that_are_the_base_candles_change_nothing() -> None:
    trades = 0
    for seed in range(200, 212):
        case, _ = detailed_case(seed, CANDLE)
        plain, detail = engines.by_compiled_rules(*case), whole(case.candles)
        assert same(plain, engines.by_compiled_rules(*case, detail))
        assert compare(plain, engines.by_backtrader(*case, detail), "backtrader").mismatches == ()
        trades += len(plain.trades.entry)
    assert trades >= 400
