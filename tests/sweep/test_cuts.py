"""Nodes are kept for whoever looks at the same candles again."""

from __future__ import annotations

from typing import Any

import numpy as np

from stoptrail.backtest.inputs import atr_of
from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.rules.candles import Candles, rows_of
from stoptrail.sweep.cuts import Cuts
from stoptrail.sweep.kernel.blocks import nodes_of
from tests.contract.test_parity import random_case

DAY = 86_400_000
CANDLES = synthetic_candles(1, 3_600_000, 18_262 * DAY, 18_292 * DAY)


def part(count: int) -> Candles:
    return rows_of(CANDLES, slice(0, count))


def plan(period: int) -> Any:
    return random_case(1).plan._replace(atr_interval=4 * 3_600_000, atr_period=period)


def test_nodes_are_those_of_the_candles_and_the_atr_asked_for() -> None:
    cuts = Cuts()
    for count in (700, 400, 700, 500):
        for period in (3, 9):
            found, candles = cuts.nodes(plan(period), part(count)), part(count)
            wanted = nodes_of(candles, atr_of(plan(period), candles))
            assert np.array_equal(found.atr, wanted.atr, equal_nan=True)
            assert np.array_equal(found.after, wanted.after)
            assert found.high.tobytes() == wanted.high.tobytes()


def test_nodes_of_the_last_two_ends_are_kept() -> None:
    cuts = Cuts()
    first = cuts.nodes(plan(3), part(400))
    second = cuts.nodes(plan(3), part(500))
    assert cuts.nodes(plan(3), part(400)) is first
    cuts.nodes(plan(3), part(600))
    assert cuts.nodes(plan(3), part(400)) is first
    assert cuts.nodes(plan(3), part(500)) is not second
