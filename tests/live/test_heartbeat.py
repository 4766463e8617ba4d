"""The heartbeat of a session, and what it says at start, restart, stop and midnight."""

from __future__ import annotations

import http.server
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from peewee import OperationalError

from stoptrail.config.settings import Settings
from stoptrail.core.time import DAY_MS
from stoptrail.live.ledger.database import Ledger, existing_ledger
from stoptrail.live.ledger.spoken import Presence
from stoptrail.live.ledger.tables import PaperTrades, StoredEquity
from stoptrail.live.market.events import ConnectionLost
from stoptrail.live.session import Options
from stoptrail.live.watch import presence
from stoptrail.live.watch.daily import Daily, summary
from stoptrail.live.watch.event_log import EventLog
from stoptrail.live.watch.heartbeat import Heartbeat
from stoptrail.live.watch.messages import Message
from stoptrail.live.watch.notify import Notifier
from stoptrail.live.watch.presence import Attendance, presence_of
from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows
from tests.web_server import served

SESSION: Any = None
"""A heartbeat does not look at what turns."""


@contextmanager
def service(answer: Callable[[], int]) -> Iterator[tuple[str, list[str]]]:
    """A web server that answers GET with these status codes; the paths it was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            asked.append(self.path)
            self.send_response(answer())
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with served(Handler) as address:
        yield f"{address}/ping/hunter2", asked


def until(enough: Callable[[], bool], turn: Callable[[], None]) -> None:
    end = time.monotonic() + 20.0
    while not enough():
        assert time.monotonic() < end
        turn()
        time.sleep(0.01)


def test_the_address_is_fetched_again_and_again_while_the_session_turns() -> None:
    said: list[str] = []
    with service(lambda: 200) as (url, asked), Heartbeat(url, 0.05, said.append) as heart:
        time.sleep(0.2)
        assert asked == []  # not before the session has begun
        until(lambda: len(asked) >= 3, lambda: heart.turned(SESSION))
    assert set(asked) == {"/ping/hunter2"}
    assert said == []


def test_a_session_that_hangs_has_no_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stoptrail.live.watch.heartbeat._ALIVE_SECONDS", 0.2)
    with service(lambda: 200) as (url, asked), Heartbeat(url, 0.02, lambda text: None) as heart:
        until(lambda: bool(asked), lambda: heart.turned(SESSION))
        time.sleep(0.5)
        before = len(asked)
        time.sleep(0.3)
        assert len(asked) == before
        until(lambda: len(asked) > before, lambda: heart.turned(SESSION))


def test_failures_are_said_once_without_the_address() -> None:
    codes, said = [200, 500, 404, 503], []
    with (
        service(lambda: codes.pop() if codes else 200) as (url, _),
        Heartbeat(url, 0.02, said.append) as heart,
    ):
        until(lambda: len(said) == 2, lambda: heart.turned(SESSION))
    assert said[0] == "the heartbeat's address cannot be fetched (HTTP 503)"
    assert said[1] == "the heartbeat's address is fetched again"
    assert "hunter2" not in "".join(said)


def test_an_address_that_nobody_answers_delays_nothing() -> None:
    said: list[str] = []
    with Heartbeat("http://127.0.0.1:1/hunter2", 0.02, said.append) as heart:
        begun = time.monotonic()
        for _ in range(1000):
            heart.turned(SESSION)
        assert time.monotonic() - begun < 1.0
        until(lambda: bool(said), lambda: heart.turned(SESSION))
    assert said == ["the heartbeat's address cannot be fetched (Connection refused)"]


@pytest.mark.parametrize("url", ["ftp://x/y", "file:///etc/passwd", "hc", "http://", "http://a b"])
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="https://"):
        Settings.model_validate({"notify": {"heartbeat": url}})


class Witness:
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def happened(self, message: Message) -> None:
        self.said.append((message.kind, message.text))

    def turned(self, session: Any) -> None:
        """Nothing."""

    def texts(self, kind: str) -> list[str]:
        return [text for found, text in self.said if found == kind]


def life(url: str, count: int) -> Witness:
    witness = Witness()
    store = PlaybackStore(small_rows(count), WARM_UP, HOUR)
    play(settings(), store, url, Options(None, (witness,)))
    return witness


def test_start_restart_and_stop_are_said(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    first = life(url, 260)
    assert first.said[0] == ("notice", "reading BTC/USDT from binance")  # which may take long
    assert first.texts("started") == ["session 1 of binance BTC/USDT"]
    assert first.texts("stopped") == ["the market data has ended; the position is kept"]
    second = life(url, 262)
    assert "again: it was stopped at 20" in second.texts("started")[0]
    with existing_ledger(url) as database:
        Presence.update(state="running", beat=86_400_000 * 19_000 + 1000).execute(database)
    third = life(url, 264)
    assert third.texts("started")[0].endswith("again: it was last heard of at 2022-01-08T00:00:01Z")
    assert len(third.texts("daily")) == 1  # midnights have passed since
    assert second.texts("daily") == []


def test_the_summary_of_a_day_says_that_the_data_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day without trades is no news; one in which none could be made is."""
    monkeypatch.setattr("stoptrail.live.session._BEAT_SECONDS", 0.0)
    turns = itertools.count()
    monkeypatch.setattr(Daily, "told", lambda *_: "a day" if next(turns) == 20 else None)
    rows, witness = small_rows(WARM_UP + 40), Witness()
    between: Any = {rows[WARM_UP + 2][0]: [ConnectionLost("no route")]}
    store = PlaybackStore(rows, WARM_UP, HOUR, between=between)
    play(settings(), store, f"sqlite:///{tmp_path}/ledger.db", Options(None, (witness,)))
    assert witness.texts("daily") == ["a day; stale: no route"]


def test_a_sign_that_was_long_in_being_written_is_of_when_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a session would look gone, to itself too, once its disk has room again."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    life(url, 260)
    clock = itertools.count(2_000_000_000, 60)
    failures = [OperationalError("database or disk is full")] * 2
    with Ledger(url) as ledger:
        events = EventLog()
        attendance = Attendance(ledger, "binance", "BTC/USDT", lambda *_: None, events)

        def full(moment: str, kind: str) -> None:
            if moment == "within" and kind.startswith("presence") and failures:
                raise failures.pop()

        ledger.fault = full
        with monkeypatch.context() as patched:
            patched.setattr(presence, "time", SimpleNamespace(time=lambda: next(clock)))
            attendance.starting("x")
        assert not failures
        found = presence_of(ledger.database, 1)
    assert found is not None
    assert found["beat"] == 1000 * (next(clock) - 60)


def test_every_midnight_is_due_once() -> None:
    daily = Daily(5 * DAY_MS - 1, None)
    assert daily.due(5 * DAY_MS - 1) is None
    assert daily.due(5 * DAY_MS) == 4 * DAY_MS
    assert daily.due(5 * DAY_MS + 1) is None
    assert daily.due(9 * DAY_MS) == 8 * DAY_MS
    assert Daily(5 * DAY_MS + 5, 5 * DAY_MS - 5).due(5 * DAY_MS + 6) == 4 * DAY_MS
    assert Daily(5 * DAY_MS + 5, 9 * DAY_MS).due(5 * DAY_MS + 6) is None  # a clock put back


def test_the_summary_is_of_that_day(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    life(url, 520)
    with existing_ledger(url) as database:
        exits = list(
            PaperTrades.select().where(PaperTrades.exit_time > 0).dicts().execute(database)
        )
        points = list(StoredEquity.select().dicts().execute(database))
        day = exits[2]["exit_time"] // DAY_MS * DAY_MS
        text = summary(database, 1, day)
        empty = summary(database, 1, day + 4000 * DAY_MS)
    own = [row["pnl"] for row in exits if day <= row["exit_time"] < day + DAY_MS]
    assert f"{len(own)} trade" in text
    assert f"result {sum(own):+,.2f}" in text
    equity = [
        [row["equity"] for row in points if row["time"] <= end][-1] for end in (day, day + DAY_MS)
    ]
    assert f"equity {equity[1]:,.2f} ({equity[1] - equity[0]:+,.2f} in the day)" in text
    assert "0 trades closed, result +0.00" in empty


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    ("event", "kinds"),
    [("session", {"started", "stopped"}), ("error", {"stopped", "error"}), ("daily", {"daily"})],
)
def test_the_events_of_a_life_are_sent_where_they_are_chosen(event: str, kinds: set[str]) -> None:
    notifier = Notifier(["json://127.0.0.1:1"], (event,), "StopTrail")
    for kind in ("started", "stopped", "error", "daily", "trail"):
        notifier.happened(Message(kind, 0, "x"))
    (waiting,) = (service.undelivered() for service in notifier._services)
    assert {message.kind for message in waiting.values()} == kinds
