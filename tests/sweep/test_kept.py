"""What is kept for a part of the candles is what would be made of that part alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stoptrail.backtest.inputs import atr_of, signals_of
from stoptrail.core.program import PLAIN
from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.rules.candles import Candles, Signals, rows_of
from stoptrail.rules.types import beginnings
from stoptrail.strategies.signals.donchian_breakout import donchian_breakout
from stoptrail.strategies.signals.mtf_cycle import mtf_cycle
from stoptrail.sweep import kept as module
from stoptrail.sweep.kept import Begun, Cuts, ZoneStarts
from stoptrail.sweep.kernel.blocks import nodes_of
from tests.contract.test_parity import random_case

DAY = 86_400_000
CANDLES = synthetic_candles(1, 3_600_000, 18_262 * DAY, 18_502 * DAY)


def part(count: int) -> Candles:
    return rows_of(CANDLES, slice(0, count))


def plan_of_atr(period: int) -> Any:
    return random_case(1).plan._replace(atr_interval=4 * 3_600_000, atr_period=period)


def test_nodes_are_those_of_the_candles_and_the_atr_asked_for() -> None:
    cuts = Cuts()
    for count in (700, 400, 700, 500):
        for period in (3, 9):
            found, candles = cuts.nodes(plan_of_atr(period), part(count)), part(count)
            wanted = nodes_of(candles, atr_of(plan_of_atr(period), candles))
            assert np.array_equal(found.atr, wanted.atr, equal_nan=True)
            assert np.array_equal(found.after, wanted.after)
            assert found.high.tobytes() == wanted.high.tobytes()


def test_nodes_of_the_last_two_ends_are_kept() -> None:
    cuts = Cuts()
    first = cuts.nodes(plan_of_atr(3), part(400))
    second = cuts.nodes(plan_of_atr(3), part(500))
    assert cuts.nodes(plan_of_atr(3), part(400)) is first
    cuts.nodes(plan_of_atr(3), part(600))
    assert cuts.nodes(plan_of_atr(3), part(400)) is first
    assert cuts.nodes(plan_of_atr(3), part(500)) is not second


def plan_of_signal(signal: Any) -> Any:
    return random_case(1).plan._replace(signal=signal, parameters={})


def expected(signal: Any, candles: Candles) -> Begun:
    signals = signals_of(plan_of_signal(signal), candles)
    return Begun(beginnings(signals), signals.warm)


def same(found: Begun, wanted: Begun) -> None:
    assert found.warm == wanted.warm
    for ours, theirs in zip(found.setups[:2], wanted.setups[:2], strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("signal", [mtf_cycle, donchian_breakout])
def test_a_part_of_the_candles_has_the_signals_own_events(signal: Any) -> None:
    kept = ZoneStarts(CANDLES)
    total = 0
    for count in (10, 500, 2000, 3333, len(CANDLES.time)):
        found = kept.begun(7, plan_of_signal(signal), part(count), with_turn=False)
        same(found, expected(signal, part(count)))
        total += len(found.setups.candle)
    assert total > 50
    turned = kept.begun(7, plan_of_signal(signal), part(2000), with_turn=True)
    assert len(turned.setups.turn) == 2000


def peeking(candles: Candles) -> Signals:
    """Zones where the last close of all is above the candle's."""
    zone = (candles.close < candles.close[-1]).astype(np.int8)
    return Signals(zone, zone, 0)


def test_a_signal_of_ones_own_is_asked_anew_for_each_part() -> None:
    kept = ZoneStarts(CANDLES)
    counts = (500, 4000)
    plan = plan_of_signal(peeking)
    found = [kept.begun(0, plan, part(count), with_turn=False) for count in counts]
    for one, count in zip(found, counts, strict=True):
        same(one, expected(peeking, part(count)))
    assert found[0].setups.candle.tolist() != found[1].setups.candle[:500].tolist()


def test_nothing_is_kept_on_the_plain_road_and_no_more_than_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MOST", 1)
    kept = ZoneStarts(CANDLES)
    same(
        kept.begun(0, plan_of_signal(mtf_cycle), part(4000), with_turn=False),
        expected(mtf_cycle, part(4000)),
    )
    assert not kept._kept
    monkeypatch.setattr(module, "_MOST", 10**6)
    monkeypatch.setenv(PLAIN, "1")
    kept.begun(0, plan_of_signal(mtf_cycle), part(4000), with_turn=False)
    assert not kept._kept
