"""What people are told of a step."""

from __future__ import annotations

import math
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from stoptrail.config.session import Notify
from stoptrail.live.gate import REASONS
from stoptrail.live.journal import Ignored, Left, Moved
from stoptrail.live.step import Step, StoredTick
from stoptrail.live.watch.messages import messages_of
from stoptrail.rules.stops import (
    BREAKEVEN,
    INITIAL,
    MANUAL_PRICE,
    TRAIL,
    Entry,
    Stop,
)
from stoptrail.rules.trade import Position


def kinds_of_moves(*stops: Stop) -> list[str]:
    """Kinds of the messages when the stop goes through `stops`, a move each."""
    events = tuple(
        Moved(1, 0, number, before, after, 60_000, math.nan)
        for number, (before, after) in enumerate(pairwise(stops), 1)
    )
    tick = StoredTick(1, 0, 60_000, 99.0, 98.9, 99.1, False)
    unused: Any = None
    step = Step(None, tick, 0, 1, events, unused, 0.0, 0.0, 0.0, unused, 1, False)
    return [message.kind for message in messages_of(step, 60_000)]


def test_breakeven_is_news_once() -> None:
    """A short's level goes on to follow its borrow; who is notified hears of the first."""
    stops = [Stop(100.0 - k / 100, 90.0, BREAKEVEN) for k in range(4)]
    told = kinds_of_moves(Stop(105.0, 90.0, INITIAL), *stops, Stop(97.0, 88.0, TRAIL))
    assert told == ["breakeven", "trail", "trail", "trail", "trail"]


def test_an_exit_at_a_named_price_is_told_with_its_own_time() -> None:
    """The market of it may have been halted for days: its last close says nothing of when."""
    unused: Any = None
    entry = Position(Entry(1, 100.0, 0, 1.0), 1.0, 0.0)
    end: Any = SimpleNamespace(price=99.0, pnl=-1.0)
    left = Left(1, 0, entry, end, MANUAL_PRICE, 3 * 86_400_000, 0)
    step = Step(None, None, 0, 1, (left,), unused, 0.0, 0.0, 0.0, unused, 1, False)
    assert [message.time for message in messages_of(step, 60_000)] == [3 * 86_400_000]
    stopped = step._replace(events=(left._replace(reason=TRAIL),))
    assert [message.time for message in messages_of(stopped, 60_000)] == [60_000]


@pytest.mark.parametrize(
    ("kind", "reasons"),
    [
        ("signal", ["position", "pending", "cooldown", "paused"]),
        ("protection", ["protection"]),
        ("refused", ["size", "gap", "cap", "missed", "stale", "settings"]),
    ],
)
def test_a_signal_that_could_have_entered_and_did_not_is_told_apart(
    kind: str, reasons: list[str]
) -> None:
    """Who is notified hears by default of an entry that failed, not of every signal while a
    position is held or entries are paused."""
    unused: Any = None
    ignored = tuple(Ignored(1, REASONS.index(reason), 0) for reason in reasons)
    step = Step(None, None, 0, 1, ignored, unused, 0.0, 0.0, 0.0, unused, 1, False)
    told = list(messages_of(step, 60_000))
    assert [message.kind for message in told] == [kind] * len(reasons)
    assert [message.text for message in told] == [f"long signal ignored: {r}" for r in reasons]
    assert (kind in Notify().events) == (kind != "signal")
