"""What a session that runs for months leaves behind is given back."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from stoptrail.cli.live import _watchers
from stoptrail.core import program
from stoptrail.live.watch import garbage
from stoptrail.live.watch.garbage import GarbageCollector
from tests.live.small_market import settings


class Circle:
    """Holds itself, as what is left of a socket does."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def seldom() -> Iterator[None]:
    """Python looks for circles when it is told to, among all: that of 3.12 begins with some
    hundred objects left out."""
    gc.disable()
    gc.unfreeze()
    yield
    gc.enable()


def deciding() -> Any:
    return SimpleNamespace(engine=SimpleNamespace(strategy=object()))


def test_circles_are_found_a_minute_later_and_what_was_loaded_is_not_walked(
    seldom: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    del seldom
    now, session, begins = [1000.0], deciding(), SimpleNamespace(engine=None)
    monkeypatch.setattr(garbage, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with GarbageCollector() as collector:
        before = weakref.ref(Circle())
        collector.turned(begins)
        assert before() is not None
        assert gc.get_freeze_count() == 0  # it is being loaded
        collector.turned(session)
        assert before() is None
        assert gc.get_freeze_count() > 10 * len(gc.get_objects())
        for seconds, found in ((59.0, False), (2.0, True)):
            left = weakref.ref(Circle())
            now[0] += seconds
            collector.turned(session)
            assert (left() is None) == found
        frozen = weakref.ref(Circle())
        gc.freeze()  # part of an engine that is let go of
        now[0] += 61.0
        collector.turned(session)
        assert frozen() is not None
        now[0] += 61.0
        collector.turned(deciding())  # under new settings
        assert frozen() is None
    assert gc.get_freeze_count() == 0


def test_the_program_looks_for_them() -> None:
    watchers = _watchers(settings(), Console(), "")
    assert any(isinstance(watcher, GarbageCollector) for watcher in watchers)


def test_what_serves_connections_looks_for_them_too(
    seldom: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the dashboard and the Telegram bot do."""
    del seldom
    monkeypatch.setattr(program, "LEFTOVERS_SECONDS", 0.01)

    async def served() -> None:
        looking = asyncio.create_task(program.collect_each_minute())
        await asyncio.sleep(0)
        assert gc.get_freeze_count() > 10 * len(gc.get_objects())
        left = weakref.ref(Circle())
        for _ in range(500):
            if left() is None:
                break
            await asyncio.sleep(0.01)
        assert left() is None
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)

    asyncio.run(served())
    assert gc.get_freeze_count() == 0
