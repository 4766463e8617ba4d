"""Who watches a session: view, notifications, metrics."""

from __future__ import annotations

import errno
import html
import io
import json
import os
import re
import time
import urllib.request
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from stoptrail.core.errors import ConfigError
from stoptrail.core.time import iso_time
from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.database import open_existing
from stoptrail.live.ledger.records import all_sessions, open_trade
from stoptrail.live.session import Options
from stoptrail.live.watch.messages import Message
from stoptrail.live.watch.metrics import Endpoint
from stoptrail.live.watch.notify import Notifier
from stoptrail.live.watch.plain_view import PlainView
from stoptrail.live.watch.snapshot import Snapshot, snapshot
from stoptrail.live.watch.story import Happened
from stoptrail.live.watch.view import TerminalView, next_close, panel
from tests.live.books import books_of, looked_at
from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows
from tests.web_server import receiver

pytestmark = pytest.mark.filterwarnings(
    "ignore:'imghdr' is deprecated:DeprecationWarning"  # Apprise imports it where it is there
)


ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def market() -> list[Row]:
    return small_rows(520)


def text_of(found: Snapshot, width: int = 120) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(panel(found))
    return out.getvalue()


def in_a_trade(market: list[Row], url: str) -> Snapshot:
    """A session that ends while a position is open."""
    before = f"{url}.before"
    play(settings(), PlaybackStore(market, WARM_UP, HOUR), before)
    entry = books_of(before)["PaperTrades"][4]["entry_time"]
    until = next(k for k, row in enumerate(market) if row[0] > entry)
    play(settings(), PlaybackStore(market[:until], WARM_UP, HOUR), url)
    return looked_at(url)


def test_the_view_shows_the_position_with_its_stop(market: list[Row], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    found = in_a_trade(market, url)
    trade = found.trade
    assert trade is not None
    text = text_of(found)
    for value in (trade["entry"], trade["sl"], found.price):
        assert f"{value:,.2f}".rstrip("0").rstrip(".") in text
    for word in ("breakeven", "distance", "unrealised", "realised", "equity", "trend", "cycle"):
        assert word in text
    narrow = text_of(found, 80).splitlines()
    assert all(len(line) <= 80 for line in narrow)
    assert len(narrow) <= 24
    assert any("since" in line for line in narrow)  # the last line of its box
    assert sum("signal" in line and "position" in line and "result" in line for line in narrow) == 1


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (140, 50)])
def test_the_view_fills_the_terminal_and_wraps_nothing(
    width: int, height: int, market: list[Row], tmp_path: Path
) -> None:
    found = in_a_trade(market, f"sqlite:///{tmp_path}/ledger.db")
    connection = "stale: " + "no message from the exchange " * 4
    busy = found._replace(state="running", connection=connection, paused=True)
    events = tuple(Happened(k, f"event {k} " + "and on " * 40) for k in range(60))
    out = io.StringIO()
    Console(file=out, width=width).print(panel(busy._replace(recent=events), (), height))
    lines = out.getvalue().splitlines()
    assert len(lines) == height
    assert all(len(line) <= width for line in lines)
    assert sum("event " in line for line in lines) == height - 14
    titles = next(line for line in lines if "signal" in line)
    assert "position" in titles
    assert "result" in titles
    assert any("last events, UTC" in line for line in lines)


@pytest.mark.parametrize(
    ("times", "starts"),
    [((0, 61_000), ["01-01 00:01:01", "01-01 00:00:00"]), ((0, -1), ["1970-01-01", "1969-12-31"])],
)
def test_events_tell_their_year_where_there_are_several(
    times: tuple[int, ...], starts: list[str], market: list[Row], tmp_path: Path
) -> None:
    """A narrow terminal has better use for its room."""
    found = in_a_trade(market, f"sqlite:///{tmp_path}/ledger.db")
    events = tuple(Happened(time, "event") for time in times)
    out = io.StringIO()
    Console(file=out, width=80).print(panel(found._replace(recent=events)))
    lines = [line[2:] for line in out.getvalue().splitlines() if "event " in line]
    assert [line[: len(start)] for line, start in zip(lines, starts, strict=True)] == starts


def test_what_is_wrong_with_the_data_is_shown_whole(market: list[Row], tmp_path: Path) -> None:
    """By `status`, which has room; the panel, which has not, shows its beginning."""
    found = in_a_trade(market, f"sqlite:///{tmp_path}/ledger.db")._replace(state="running")
    why = "stale: candles socket: closed, code 1006; kraken cannot be reached (certificate has "
    ill = found._replace(connection=f"{why}expired at api.kraken.com), since 2026-11-30T06:13:11Z")
    assert ill.connection in re.sub(r"\s*\n\s*", " ", text_of(ill, 80))
    out = io.StringIO()
    Console(file=out, width=80).print(panel(ill, (), 24))
    lines = out.getvalue().splitlines()
    assert len(lines) == 24
    assert lines[1].startswith(" stale: candles socket")


def test_the_view_tells_the_day_the_next_close_and_the_warm_up(
    market: list[Row], tmp_path: Path
) -> None:
    found = in_a_trade(market, f"sqlite:///{tmp_path}/ledger.db")._replace(state="running")
    text = text_of(found._replace(today=-12.5), 80)
    assert re.search(r"today +-12\.50", text)
    over = text_of(found._replace(today=-12.5, state="stopped", beat=0), 80)
    assert re.search(r"last day +-12\.50", over)
    assert re.search(r"next close in (\d+:)?\d+:\d\d", text)
    assert re.search(r"warm-up +done", text)
    assert re.search(r"candle of [\d-]+ [\d:]+ UTC", text)
    later = found.candle + found.interval + 11 * 24 * HOUR + 1
    cold = found._replace(reading={**found.reading, "warm_from": later})
    assert re.search(r"warm in +12 d", text_of(cold, 80))
    assert "next close" not in text_of(found._replace(state="stopped"), 80)


@pytest.mark.parametrize(
    ("interval", "now", "left"),
    [(900_000, 900_000 * 7, 900_000), (900_000, 900_000 * 7 + 1, 899_999), (HOUR, HOUR - 1, 1)],
)
def test_the_next_close_is_the_end_of_the_candle_that_is_open(
    interval: int, now: int, left: int
) -> None:
    assert next_close(interval, now) == left


def test_the_snapshot_adds_up(market: list[Row], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    found = in_a_trade(market, url)
    assert found.equity == pytest.approx(books_of(url)["StoredEquity"][-1]["equity"])
    assert found.equity == pytest.approx(100_000.0 + found.realised + found.unrealised)
    assert found.trades == 4
    database = open_existing(url)
    stored = open_trade(database, 1)
    database.close()
    assert stored is not None
    assert found.trade == {**stored, "held": stored["units"]}  # no part has left


def test_what_has_the_same_time_is_told_in_its_order(market: list[Row], tmp_path: Path) -> None:
    """A candle on which a stop moves may be that on which it is hit: newest first."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    in_a_trade(market, url)
    database = open_existing(url)
    story = snapshot(database, all_sessions(database)[0], 500).recent
    database.close()
    words = [(one.time, one.text.split()[0]) for one in story]
    together = [pair for pair in pairwise(words) if pair[0][0] == pair[1][0]]
    assert ("left", "stop") in [(new, old) for (_, new), (_, old) in together]
    assert ("stop", "left") not in [(new, old) for (_, new), (_, old) in together]
    times = [time_ for time_, _ in words]
    assert times == sorted(times, reverse=True)


def test_a_signal_that_makes_no_trade_is_told_with_the_time_at_which_that_was_known(
    market: list[Row], tmp_path: Path
) -> None:
    """At the close of its candle (C2), as the session said it; before what the next open does."""
    url, said = f"sqlite:///{tmp_path}/ledger.db", Heard()
    play(settings(), PlaybackStore(market, WARM_UP, HOUR), url, Options(None, (said,)))
    database = open_existing(url)
    story = snapshot(database, all_sessions(database)[0], 500).recent
    database.close()
    ignored = [(one.time, one.text) for one in story if "signal ignored" in one.text]
    assert ignored[::-1] == [(m.time, m.text) for m in said.messages if "ignored" in m.text]
    assert len(ignored) >= 5
    times = [one.time for one in story]
    for at, one in enumerate(story):
        if "signal ignored" in one.text:
            later = story[at - times[:at][::-1].count(one.time) : at]
            assert not any(other.text.startswith("stop") for other in later)
            earlier = [other for other in story[at + 1 :] if other.time == one.time]
            assert not any(other.text.startswith(("entered", "left")) for other in earlier)


class Heard:
    """Keeps every message."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def happened(self, message: Message) -> None:
        self.messages.append(message)

    def turned(self, session: Any) -> None:
        """Nothing to do."""


_NOBODY = 2**30
"""A number that no process has."""


@pytest.mark.parametrize("off", [-60, 86_400])
def test_a_session_that_was_not_ended_in_order_is_gone_after_a_while(
    off: int, market: list[Row], tmp_path: Path
) -> None:
    """Also where the clock was set back since."""
    from stoptrail.live.ledger.spoken import Presence

    url = f"sqlite:///{tmp_path}/ledger.db"
    play(settings(), PlaybackStore(market[:300], WARM_UP, HOUR), url)
    assert looked_at(url).state == "stopped"
    database = open_existing(url)
    beat = int(time.time() + off) * 1000
    told = {"state": "running", "beat": beat, "connection": "live"}
    Presence.update(**told, pid=_NOBODY).execute(database)
    assert looked_at(url).state == "gone"
    assert (
        looked_at(url).connection == f"last heard of at {iso_time(beat // 1000 * 1000)}"
    )  # not "live"
    Presence.update(pid=os.getpid()).execute(database)  # as where its ledger's disk is full
    database.close()
    assert looked_at(url).state == "gone"
    assert looked_at(url).connection.endswith(
        f"; process {os.getpid()} is there: it hangs, or cannot write its ledger"
    )


class Full(io.StringIO):
    """A file on a disk that is full for a while."""

    room = True

    def flush(self) -> None:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write(self, text: str) -> int:
        return super().write(text) if self.room else len(text)


def test_a_full_disk_costs_lines_and_nothing_else() -> None:
    """A session that is left alone prints into a file; it had ended there."""
    out = Full()
    view = PlainView(Console(file=out, width=80))
    for number in range(6):
        out.room = number not in (2, 3)
        view.happened(Message("notice", 0, f"number {number}"))
    assert re.findall(r"number (\d)", out.getvalue()) == ["0", "1", "4", "5"]


def test_without_a_terminal_every_event_is_a_line(market: list[Row], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    out = io.StringIO()
    view = PlainView(Console(file=out, width=80))
    play(settings(), PlaybackStore(market, WARM_UP, HOUR), url, Options(watchers=(view,)))
    lines = out.getvalue().splitlines()
    assert all(line.startswith("time=") and " kind=" in line for line in lines)
    entries = [line for line in lines if " kind=entry " in line]
    assert len(entries) == len(books_of(url)["PaperTrades"])
    assert any(" kind=state " in line and "equity=" in line for line in lines)


def test_a_terminal_shows_what_is_said_before_there_is_a_picture() -> None:
    """As of a start that waits for its exchange, for a day perhaps."""
    out = io.StringIO()
    with TerminalView(Console(file=out, width=120, force_terminal=True)) as view:
        view.happened(
            Message("connection", 0, "kraken cannot be reached: the start is tried again")
        )
        assert "connection: kraken cannot be reached: the start is tried again" in out.getvalue()


def test_the_terminal_view_draws_itself_anew(market: list[Row], tmp_path: Path) -> None:
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=True)
    url = f"sqlite:///{tmp_path}/ledger.db"
    with TerminalView(console) as view:
        play(settings(), PlaybackStore(market, WARM_UP, HOUR), url, Options(watchers=(view,)))
    assert "last events" in out.getvalue()
    assert "the market data has ended" in out.getvalue()
    assert "warm-up: 10.0 of 10 days" in out.getvalue()


def test_chosen_events_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "stoptrail.live.watch.notify._FAREWELL_SECONDS", 60.0
    )  # Apprise loads slowly
    with receiver() as (url, got), Notifier([url], ("entry", "exit"), "StopTrail") as notifier:
        notifier.happened(Message("entry", 0, "long 1 at 100"))
        notifier.happened(Message("trail", 0, "stop 90 to 91"))
        notifier.happened(Message("connection", 0, "lost"))
        notifier.happened(Message("alarm", 0, "the stop was reached"))
    assert len(got) == 2
    assert "long 1 at 100" in got[0]
    assert "the stop was reached" in got[1]


def test_telegram_gets_any_text_whole_and_none_that_is_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It refuses what looks like a tag to it, and more than 4,096 characters."""
    from apprise.plugins.telegram import NotifyTelegram

    monkeypatch.setattr("stoptrail.live.watch.notify._FAREWELL_SECONDS", 60.0)
    with receiver() as (url, got):
        monkeypatch.setattr(NotifyTelegram, "notify_url", url.replace("json:", "http:") + "/bot")
        bot = "tgram://123456789:abcdefg_hijklmnop/12315544/"
        with Notifier([bot], ("error",), "StopTrail binance BTC/USDT") as notifier:
            notifier.happened(Message("error", 0, "<html> a & b_c *d* [e](f): 1 < 2"))
            notifier.happened(Message("error", 0, "&<" * 3000))
    texts = [json.loads(body) for body in got]
    assert [text["parse_mode"] for text in texts] == ["HTML", "HTML"]
    assert html.unescape(texts[0]["text"]).endswith("error: <html> a & b_c *d* [e](f): 1 < 2")
    assert "<" not in texts[0]["text"].partition("</b>")[2]
    shown = [html.unescape(text["text"].partition("</b>")[2]) for text in texts]
    assert 1500 < len(shown[1]) < 1600
    assert shown[1].endswith("...")


def test_a_slow_service_delays_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stoptrail.live.watch.notify._FAREWELL_SECONDS", 0.1)
    with receiver(delay=0.3) as (url, _):
        begun = time.monotonic()
        with Notifier([url], ("entry",), "StopTrail") as notifier:
            for _ in range(300):
                notifier.happened(Message("entry", 0, "again"))
            took = time.monotonic() - begun
        assert notifier.dropped > 0
    assert took < 10.0


def test_a_service_that_fails_or_makes_no_sense_harms_nothing() -> None:
    urls = ["json://127.0.0.1:1", "what is this"]
    missed: list[str] = []
    with Notifier(urls, ("error",), "StopTrail", missed.append) as notifier:
        notifier.happened(Message("error", 0, "something"))
    assert missed == ["[notify] could not deliver 1 message (1 error)"]


def test_prometheus_reads_the_figures(market: list[Row], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    with Endpoint("127.0.0.1", 0) as endpoint:
        play(settings(), PlaybackStore(market, WARM_UP, HOUR), url, Options(None, (endpoint,)))
        address = f"http://127.0.0.1:{endpoint.port}/metrics"
        with urllib.request.urlopen(address) as answer:
            text = answer.read().decode()
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")

    def figure(name: str, state: str = "") -> float:
        return float(values[f"stoptrail_{name}{{{labels(state)}}}"])

    def messages(kind: str) -> float:
        own = f'exchange="binance",kind="{kind}",session="1",symbol="BTC/USDT"'
        return float(values[f"stoptrail_messages_total{{{own}}}"])

    def labels(state: str = "") -> str:
        more = f',state="{state}"' if state else ""
        return f'exchange="binance",session="1"{more},symbol="BTC/USDT"'

    assert figure("candles") == len(market) - WARM_UP
    found = looked_at(url)
    assert figure("realised") == pytest.approx(found.realised)
    assert figure("restarts") == 0
    assert 0 <= figure("beat_age_seconds") < 30
    assert figure("connection", "live") == 1
    assert figure("connection", "stale") == 0
    assert messages("error") == 0
    held = f"stoptrail_stop_level{{{labels()}}}" in values
    assert held == (found.trade is not None)
    if found.trade is not None:
        assert figure("stop_level") == found.trade["sl"]
    entries = len(books_of(url)["PaperTrades"])
    assert messages("entry") == entries


def test_an_address_in_use_is_one_line() -> None:
    with (
        Endpoint("127.0.0.1", 0) as endpoint,
        pytest.raises(ConfigError, match=r"live\.prometheus_port"),
        Endpoint("127.0.0.1", endpoint.port),
    ):
        pass


def test_prometheus_knows_no_stop_level_while_flat_and_counts_restarts(
    market: list[Row], tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    for count in (WARM_UP + 4, len(market)):
        endpoint = Endpoint("127.0.0.1", 0)
        witness = _Positions(endpoint)
        store = PlaybackStore(market[:count], WARM_UP, HOUR)
        play(settings(), store, url, Options(None, (endpoint, witness)))
        assert witness.stops == witness.positions
    assert True in witness.stops
    assert False in witness.stops
    (restarts,) = (m.samples[0].value for m in endpoint.collect() if "restarts" in m.name)
    assert restarts == 1


class _Positions:
    """Compares, at every turn, whether there is a position and whether a stop level is told."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.stops: list[bool] = []
        self.positions: list[bool] = []

    def happened(self, message: Message) -> None:
        """Nothing."""

    def turned(self, session: Any) -> None:
        self.positions.append(session.engine.broker.open is not None)
        names = {metric.name for metric in self.endpoint.collect()}
        self.stops.append("stoptrail_stop_level" in names)


def test_every_figure_of_the_dashboard_is_served(market: list[Row], tmp_path: Path) -> None:
    endpoint = Endpoint("127.0.0.1", 0)
    url = f"sqlite:///{tmp_path}/ledger.db"
    play(settings(), PlaybackStore(market[:300], WARM_UP, HOUR), url, Options(None, (endpoint,)))
    served = {sample.name for m in endpoint.registry.collect() for sample in m.samples}
    board = json.loads((ROOT / "deploy" / "grafana.json").read_text("utf-8"))
    asked = {
        name
        for panel_ in board["panels"]
        for target in panel_["targets"]
        for name in re.findall(r"stoptrail_\w+", target["expr"])
    }
    assert len(board["panels"]) >= 8
    assert asked - {"stoptrail_stop_level"} <= served
    assert "stoptrail_stop_level" in asked
