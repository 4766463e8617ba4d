"""A start that waits for an answer says what it waits for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stoptrail.live.ledger.database import Ledger
from stoptrail.live.market import long_waits
from stoptrail.live.market.store import CCXTStore
from stoptrail.live.session import Options, Session
from stoptrail.live.watch.messages import Message
from stoptrail.live.watch.presence import Attendance
from tests.exchange.trouble import hanging, rate_limit
from tests.live.scenario import INTERVAL, QUICK, START, SYMBOL, exchange, market, store
from tests.live.small_market import settings

PATIENT = QUICK._replace(timeout=30.0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_waits, "_SILENT_SECONDS", 0.2)


@pytest.fixture
def silent_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A name server that never answers."""
    over = threading.Event()

    def silent(*_: Any, **__: Any) -> Any:
        over.wait(60)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    yield
    over.set()


class Told:
    """Hears what a session says, and stops it once that is enough."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.session: Session

    def happened(self, message: Message) -> None:
        self.said.append((message.kind, message.text))
        if "waiting" in message.text:
            threading.Timer(0.5, self.session.stop, ["enough"]).start()

    def turned(self, session: Any) -> None:
        """Nothing."""


def test_it_is_said_within_ten_seconds() -> None:
    assert long_waits._SILENT_SECONDS < 10


@pytest.mark.usefixtures("quick", "silent_names")
def test_a_start_whose_names_nobody_resolves_says_what_it_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once to people, and for how long to who looks on."""
    told, written = Told(), []
    monkeypatch.setattr(Attendance, "starting", lambda self, text: written.append(text))
    with Ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        made = lambda: CCXTStore("binance", "USDT", {}, 3, timing=PATIENT)  # noqa: E731
        told.session = Session(settings(), made, ledger, Options(None, (told,)))
        told.session.run()
    said = [text for kind, text in told.said if kind == "notice"]
    assert said[0] == "reading BTC/USDT from binance"
    (waits,) = said[1:]
    assert waits.startswith("waiting for the market list of binance, no answer for ")
    assert written[0] == "reading from the exchange"
    assert written[1] == waits
    assert len(written) >= 3


@pytest.mark.usefixtures("quick")
def test_each_read_that_takes_long_is_told_with_what_was_last_wrong() -> None:
    seen: list[str] = []
    with exchange(market(25)) as simulator, store(simulator, PATIENT) as opened:
        simulator.trouble(hanging(0.5, path="/api/v3/exchangeInfo"), rate_limit(1, path="/klines"))
        opened.long_waits.tell = seen.append
        assert opened.market(SYMBOL)
        assert opened.fetch_candles(SYMBOL, INTERVAL, START)
    assert seen[0].startswith("waiting for the market list of binance, no answer for ")
    assert any("the candles of binance" in text and "limits our requests" in text for text in seen)
