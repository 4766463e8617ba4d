"""Signals kept for a part of their candles say what the signal says of that part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stoptrail.backtest.inputs import signals_of
from stoptrail.core.roads import PLAIN
from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.rules.candles import Candles, Signals, rows_of
from stoptrail.rules.types import beginnings
from stoptrail.strategies.signals.donchian_breakout import donchian_breakout
from stoptrail.strategies.signals.mtf_cycle import mtf_cycle
from stoptrail.sweep import events as module
from stoptrail.sweep.events import Begun, Events
from tests.contract.test_parity import random_case

DAY = 86_400_000
CANDLES = synthetic_candles(1, 3_600_000, 18_262 * DAY, 18_502 * DAY)


def part(count: int) -> Candles:
    return rows_of(CANDLES, slice(0, count))


def plan(signal: Any) -> Any:
    return random_case(1).plan._replace(signal=signal, parameters={})


def expected(signal: Any, candles: Candles) -> Begun:
    signals = signals_of(plan(signal), candles)
    return Begun(beginnings(signals), signals.warm)


def same(found: Begun, wanted: Begun) -> None:
    assert found.warm == wanted.warm
    for ours, theirs in zip(found.setups[:2], wanted.setups[:2], strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("signal", [mtf_cycle, donchian_breakout])
def test_a_part_of_the_candles_has_the_signals_own_events(signal: Any) -> None:
    kept = Events(CANDLES)
    total = 0
    for count in (10, 500, 2000, 3333, len(CANDLES.time)):
        found = kept.begun(7, plan(signal), part(count), with_turn=False)
        same(found, expected(signal, part(count)))
        total += len(found.setups.candle)
    assert total > 50
    turned = kept.begun(7, plan(signal), part(2000), with_turn=True)
    assert len(turned.setups.turn) == 2000


def peeking(candles: Candles) -> Signals:
    """Zones where the last close of all is above the candle's."""
    zone = (candles.close < candles.close[-1]).astype(np.int8)
    return Signals(zone, zone, 0)


def test_a_signal_of_ones_own_is_asked_anew_for_each_part() -> None:
    kept = Events(CANDLES)
    counts = (500, 4000)
    found = [kept.begun(0, plan(peeking), part(count), with_turn=False) for count in counts]
    for one, count in zip(found, counts, strict=True):
        same(one, expected(peeking, part(count)))
    assert found[0].setups.candle.tolist() != found[1].setups.candle[:500].tolist()


def test_nothing_is_kept_on_the_plain_road_and_no_more_than_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MOST", 1)
    kept = Events(CANDLES)
    same(
        kept.begun(0, plan(mtf_cycle), part(4000), with_turn=False),
        expected(mtf_cycle, part(4000)),
    )
    assert not kept._kept
    monkeypatch.setattr(module, "_MOST", 10**6)
    monkeypatch.setenv(PLAIN, "1")
    kept.begun(0, plan(mtf_cycle), part(4000), with_turn=False)
    assert not kept._kept
