"""The thread of the market data, and what is seen of one that does nothing any more."""

from __future__ import annotations

import asyncio
import gc
import time
import warnings
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from stoptrail.core.errors import ExchangeError
from stoptrail.live.market import background
from stoptrail.live.market.background import Background, cancel_all, cancel_others
from stoptrail.live.market.events import Connection, ConnectionBack, ConnectionLost
from stoptrail.live.market_status import MarketStatus


@pytest.fixture
def thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[Background]:
    monkeypatch.setattr(background, "_DEAD_SECONDS", 0.4)
    monkeypatch.setattr(background, "_PULSE_SECONDS", 0.05)
    made = Background()
    yield made
    made.stop()


def test_a_thread_that_stands_still_ends_every_wait(thread: Background) -> None:
    thread.loop.call_soon_threadsafe(time.sleep, 1.5)
    with pytest.raises(ExchangeError, match=r"has stood still for 0\.4 s"):
        thread.run(asyncio.sleep(30))


def test_a_thread_that_turns_is_waited_for(thread: Background) -> None:
    assert thread.run(asyncio.sleep(1.2, "done")) == "done"


def test_whoever_was_held_up_himself_does_not_take_the_thread_for_dead(thread: Background) -> None:
    """As a process that was stopped and goes on: only time that was looked at counts."""
    thread.check()
    thread._looked = (thread._pulse, thread._looked[1] - 3600.0, 0.0)
    thread.check()


def test_a_task_that_loses_its_cancellation_is_cancelled_again() -> None:
    async def stubborn() -> None:
        for _ in range(3):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue

    async def ended() -> bool:
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        await cancel_all(lambda: [task], 5.0)
        return task.done()

    begun = time.monotonic()
    assert asyncio.run(ended())
    assert time.monotonic() - begun < 4.0


def test_silence_that_nobody_has_told_of_is_said_once_and_its_end() -> None:
    said: list[str] = []
    status = MarketStatus(lambda kind, text: said.append(text))

    class Store:
        connection = Connection("live", 0.0)

    status.store = store = Store()  # type: ignore[assignment]
    for state, reason in (("live", ""), ("stale", "no data for 121 s"), ("stale", "no data for 9")):
        store.connection = Connection(state, 0.0, reason)  # type: ignore[arg-type]
        status.look()
    assert said == ["lost: no data for 121 s; no new entries"]
    store.connection = Connection("live", 0.0)
    status.look()
    assert said[1:] == ["something comes again"]
    status.heard(ConnectionLost("the socket broke"))
    store.connection = Connection("stale", 0.0, "the socket broke")
    status.look()
    status.heard(ConnectionBack())
    assert len(said) == 4  # what was told is not said twice


class _Connecting:
    """Waits for a coroutine that it was handed, as aiohttp's `ws_connect` does."""

    def __init__(self) -> None:
        self._work = asyncio.sleep(60)

    def __await__(self) -> Generator[Any, None, None]:
        return self._work.__await__()


def test_what_is_cancelled_as_it_begins_leaves_no_coroutine_unawaited() -> None:
    async def connect() -> None:
        await asyncio.wait_for(_Connecting(), 30.0)

    async def ended() -> bool:
        task = asyncio.create_task(connect())
        await asyncio.sleep(0)
        await cancel_others(5.0)
        return task.cancelled()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert asyncio.run(ended())
        gc.collect()
    assert [str(one.message) for one in caught] == []
