"""What somebody who is away is told of each fault of a running session, and in which order."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import Running, exchange, live, write_config
from tests.cli.test_live_database import TRIES, away
from tests.exchange import messages
from tests.exchange.player import Pace
from tests.exchange.simulator import Simulator
from tests.exchange.trouble import server_error
from tests.live.small_market import small_market
from tests.web_server import receiver

EVENTS = ["entry", "exit", "breakeven", "refused"]
EVENTS += ["protection", "connection", "error", "session", "daily"]
"""What [notify] sends by default."""
FOR_LONG = 1_000_000


class Inbox:
    """The texts that a service was sent."""

    def __init__(self, got: list[str]) -> None:
        self._got = got
        self._seen = 0

    def next(self, pattern: str, running: Running) -> str:
        """The next one that `pattern` is in; those before it are passed over."""
        end = time.monotonic() + 60.0
        while time.monotonic() < end:
            while self._seen < len(self._got):
                text = str(json.loads(self._got[self._seen])["message"])
                self._seen += 1
                if re.search(pattern, text):
                    return text
            time.sleep(0.05)
        told = [json.loads(body)["message"] for body in self._got]
        raise AssertionError(f"nobody was told {pattern!r}: {told}; it said {running.said}")


def cut(simulator: Simulator) -> None:
    async def act() -> None:
        simulator.streams.cut()

    simulator._call(act())


def halted(monkeypatch: pytest.MonkeyPatch) -> None:
    original = messages.exchange_info

    def listed(market: Any, now: int) -> dict[str, Any]:
        body = original(market, now)
        body["symbols"][0]["status"] = "BREAK"
        return body

    monkeypatch.setattr(messages, "exchange_info", listed)


def test_each_fault_is_told_once_and_so_is_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    candles = small_market(1500)
    pace = Pace(speed=20 * 3600.0, wanted=())
    with receiver() as (url, got), exchange(pace, candles) as simulator:
        inbox = Inbox(got)
        notify = {"urls": [url], "events": EVENTS}
        config = write_config(tmp_path, simulator, notify=notify, live={"ratchet": "tick"})
        with live(config) as running:
            inbox.next("^started: session 1 of binance BTC/USDT$", running)
            running.until("kind=state")
            simulator.play()
            inbox.next("^entry: (long|short) ", running)

            simulator.streams.refusals = FOR_LONG
            simulator.trouble(server_error(FOR_LONG))
            cut(simulator)
            inbox.next("^connection: lost: .*; no new entries", running)
            simulator.warning_log.clear()
            simulator.streams.refusals = 0
            inbox.next("^connection: back", running)

            with away(tmp_path / "ledger.db"):
                inbox.next(f"^error: .*{TRIES}", running)
            inbox.next("^error: the ledger is written again: nothing was lost", running)
            assert running.stop() == 0
            inbox.next("^stopped: SIGTERM was received; the position is kept$", running)
        with live(config, name="again") as running:
            inbox.next("^started: session 1 .*, again: it was stopped at 20", running)
            running.until("kind=state")
        with live(config, name="killed") as running:
            inbox.next("^started: session 1 .*, again: it was last heard of at 20", running)
            assert running.stop() == 0
        halted(monkeypatch)
        with live(config, name="halted") as running:
            inbox.next("^started: ", running)
            inbox.next("^connection: lost: BTC/USDT is halted or inactive on binance", running)
            assert running.stop() == 0
