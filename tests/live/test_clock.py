"""The exchange's clock where this machine's is set while a session runs."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stoptrail.exchange.rows import Row
from stoptrail.live import clock
from stoptrail.live.clock import ExchangeClock
from stoptrail.live.market.sockets import dead
from stoptrail.live.session import Options
from stoptrail.live.watch.messages import Message
from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows


class Machine:
    """A machine whose clock is set at will."""

    def __init__(self) -> None:
        self.wall, self.since_boot = 1_700_000_000.0, 5000.0

    def passes(self, seconds: float, step: float = 0.0) -> None:
        self.since_boot += seconds
        self.wall += seconds + step

    def time(self) -> float:
        return self.wall

    def clock_gettime(self, _: int) -> float:
        return self.since_boot


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine()
    monkeypatch.setattr(clock, "time", found)
    return found


@pytest.mark.parametrize(("step", "words"), [(7200.0, "forward by 7,200"), (-90.0, "back by 90")])
def test_a_clock_that_is_set_moves_no_market_time(
    step: float, words: str, machine: Machine
) -> None:
    exchange = ExchangeClock()
    exchange.set(-2500)
    began = exchange.now()
    assert began == 1_700_000_000_000 - 2500
    machine.passes(600.0, step)
    assert exchange.now() == began + 600_000
    assert exchange.told() == f"this machine's clock was set {words} s: the session goes on"
    assert exchange.told() == ""
    machine.passes(3600.0, 0.4)  # turned faster, as a time service does
    assert exchange.now() == began + 4_200_400
    assert exchange.told() == ""


def test_where_an_exchange_tells_no_time_this_machine_is_believed_however_it_is_set(
    machine: Machine,
) -> None:
    """It may have had the wrong time before."""
    exchange = ExchangeClock()
    exchange.set(None)
    machine.passes(60.0, 86_400.0)
    assert exchange.now() == int(machine.wall * 1000)
    assert exchange.told()


def test_a_session_goes_on_and_says_once_that_the_clock_was_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, shift, said = small_rows(WARM_UP + 12), [0.0], []

    class Witness:
        def happened(self, message: Message) -> None:
            said.extend([message.text] if message.kind == "notice" else [])

        def turned(self, session: Any) -> None:
            """Nothing to do."""

    def ticks(row: Row) -> list[Any]:
        shift[0] += 21_600.0 * (row[0] == rows[WARM_UP + 5][0])
        return []

    moved = SimpleNamespace(time=lambda: time.time() + shift[0], clock_gettime=time.clock_gettime)
    monkeypatch.setattr(clock, "time", moved)
    monkeypatch.setattr("stoptrail.live.session._BEAT_SECONDS", 0.0)
    store = PlaybackStore(rows, WARM_UP, HOUR, ticks)
    url = f"sqlite:///{tmp_path}/ledger.db"
    session = play(settings(), store, url, Options(None, (Witness(),)))
    assert said == [
        "reading BTC/USDT from binance",
        "this machine's clock was set forward by 21,600 s: the session goes on",
    ]
    began = rows[WARM_UP - 1][0] + HOUR
    assert began <= session._now() < began + 600_000


def test_a_dead_socket_is_found_though_the_clock_was_set_back() -> None:
    """What it said last lies in the future since."""

    said = ("connectionEstablished", "lastPong", "last_message_at")
    deaf = SimpleNamespace(connection=None, **dict.fromkeys(said, 9_000_000))
    deaf.connection = SimpleNamespace(ping=lambda: asyncio.sleep(0))
    exchange: Any = SimpleNamespace(milliseconds=lambda: 5_000_000, clients={"": deaf})
    assert len(asyncio.run(dead(exchange, 30.0, 0.02))) == 1
