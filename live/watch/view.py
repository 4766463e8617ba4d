"""What a person watches on a terminal: a live panel; and a session's state in a line."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from peewee import PeeweeException

from stoptrail.core.time import DAY_MS, iso_moment
from stoptrail.live.ledger.records import find_session
from stoptrail.live.market.events import is_fresh
from stoptrail.live.market.funding_poller import Forecast
from stoptrail.live.watch.book_snapshot import (
    SLEEVE_COLUMNS,
    holds_of,
    sleeve_lines,
    snapshot_of,
)
from stoptrail.live.watch.messages import SIDES, UNWRITTEN, Message, number
from stoptrail.live.watch.snapshot import Snapshot, clock_words, health_of
from stoptrail.live.watch.story import Happened, newest_first, told

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

    from stoptrail.live.watch.watched import Watched

_REFRESH_SECONDS = 0.5
_EVENTS = 50
"""Messages that the ledger does not keep, and that are remembered."""
_HEIGHT = 10
_SHARES = (22, 34, 24)
"""Of the width for the three boxes: side by side on a terminal of 80 columns."""
_HEAD_HEIGHT = 2
_TREND = {1: "up", -1: "down", 0: "none"}
_COLOURS = {"running": "green", "stopped": "yellow", "failed": "red", "gone": "red"}


class TerminalView:
    """A panel that is redrawn in place; use it with `with`. A terminal that went away is said by a
    signal (SIGHUP), and until it is heard nothing is shown."""

    def __init__(self, console: Console) -> None:
        from rich.live import Live

        self._live = Live(console=console, auto_refresh=False)
        self._last = 0.0
        self._drawn = False
        """Whether there is a picture; a start may wait for a day for its exchange."""
        self._said: deque[Happened] = deque(maxlen=_EVENTS)

    def __enter__(self) -> TerminalView:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._live.stop()

    def happened(self, message: Message) -> None:
        """Show the message with the next picture; what the ledger tells comes from there."""
        if message.kind in UNWRITTEN:
            self._said.append(Happened(message.time, told(message.kind, message.text)))
        if message.kind in ("error", "stopped") or not self._drawn:
            with suppress(OSError):
                self._live.console.print(f"{message.kind}: {message.text}", markup=False)

    def turned(self, session: Watched) -> None:
        """Redraw, not too often."""
        if time.monotonic() - self._last < _REFRESH_SECONDS:
            return
        self._last = time.monotonic()
        found = seen_by(session, self._live.console.height)
        if found is not None:
            self._drawn = True
            height = self._live.console.height - 1  # the cursor's line
            with suppress(OSError):
                self._live.update(panel(found, tuple(self._said), height), refresh=True)


def seen_by(session: Watched, events: int = 1) -> Snapshot | None:
    """The ledger's state; None while it cannot be read, which the session itself says."""
    try:
        database = session.ledger.database
        return snapshot_of(database, find_session(database, str(session.number)), events)
    except PeeweeException:
        return None


def state_line(found: Snapshot) -> dict[str, Any]:
    """The state as flat keys and values."""
    trade = found.trade
    line: dict[str, Any] = {
        "time": iso_moment(found.price_time or found.candle),
        "kind": "state",
        "market": f"{found.exchange} {found.symbol}",
        "state": found.state,
        "connection": found.connection,
        "price": found.price,
        "position": "flat" if trade is None else SIDES[trade["side"]],
    }
    if trade is not None:
        line |= {"entry": trade["entry"], "units": trade["held"], "stop": trade["sl"]}
        line |= {"breakeven": "armed" if trade["breakeven"] else "no"}
        line |= {"unrealised": round(found.unrealised, 2)}
        line |= {"funding": round(trade["funding"], 2)} if trade["funding"] else {}
    if found.sleeves:
        line |= {"position": holds_of(found), "unrealised": round(found.unrealised, 2)}
    line |= {"realised": round(found.realised, 2), "equity": round(found.equity, 2)}
    line |= {"liquidated_by": found.liquidation} if found.liquidation else {}
    if found.forecast is not None:
        line["forecast"] = forecast_words(found.forecast)
    return line


def forecast_words(forecast: Forecast) -> str:
    """The funding that is expected, marked as such: nothing is booked by it."""
    return f"{_rate(forecast)}, forecast"


def _rate(forecast: Forecast) -> str:
    when = f" at {_moment(forecast.time)[11:16]}" if forecast.time else ""
    return f"{forecast.rate:+.4%}{when}"


def brief_line(found: Snapshot) -> str:
    """One line for `status --brief`: number, market, health, and where it stands."""
    trade = found.trade
    position = "flat"
    if trade is not None:
        position = f"{SIDES[trade['side']]} {number(trade['held'])}, stop {number(trade['sl'])}"
    if found.sleeves:
        position = holds_of(found)
    parts = [
        f"{found.session} {found.exchange} {found.symbol}: {health_of(found).words}",
        f"{found.state}, paused" if found.paused else found.state,
        found.connection,
        position,
        f"equity {found.equity:,.2f}",
        *filter(None, (clock_words(found),)),
    ]
    return " · ".join(parts)


def panel(
    found: Snapshot, said: tuple[Happened, ...] = (), height: int | None = None
) -> RenderableType:
    """The whole picture, whatever the width; `said` are messages that the ledger does not
    keep. The events fill what `height`, in lines, leaves for them; without it they take
    what they need."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    boxes, funding = Table.grid(expand=True), _funding_lines(found)
    high = max(_HEIGHT, len(found.sleeves) + 3) + len(funding)
    money = _grid(_money_lines(found))
    titles = {"sleeves": _sleeves(found), "result": money}
    if not found.sleeves:
        held = [*_position_lines(found), *funding]
        titles = {"signal": _grid(_signal_lines(found)), "position": _grid(held), "result": money}
    for share in _SHARES if len(titles) == len(_SHARES) else (sum(_SHARES[:2]), _SHARES[2]):
        boxes.add_column(ratio=share)
    boxes.add_row(*(Panel(lines, title=title, height=high) for title, lines in titles.items()))
    room = None if height is None else max(1, height - _HEAD_HEIGHT - high - 2)
    events = newest_first({*found.recent, *said})[:room]
    year = 0 if len({_moment(e.time)[:4] for e in events}) > 1 else len("2026-")  # needs no telling
    lines = [f"{_moment(e.time)[year:]}  {e.text}" for e in events] or ["nothing yet"]
    lines += [""] * ((room or 0) - len(lines))
    story = Text("\n".join(lines), no_wrap=True, overflow="ellipsis")  # one line each
    return Group(*_head(found, height is not None), boxes, Panel(story, title="last events, UTC"))


def _head(found: Snapshot, cut: bool) -> Iterator[Text]:
    """Two lines, each cut where it is too long; where they are not to be `cut`, what is wrong with
    the connection is on lines of its own."""
    from rich.text import Text

    yield Text.assemble(
        (f" {found.exchange} {found.symbol} ", "bold reverse"),
        "  ",
        (_price(found.price), "bold"),
        f"   session {found.session} ",
        (found.state, _COLOURS.get(found.state, "white")),
        " · paused" if found.paused else "",
        f" · {clock}" if (clock := clock_words(found)) else "",
        no_wrap=True,
        overflow="ellipsis",
    )
    words = [f"candle of {_moment(found.candle)[5:16]} UTC"]
    if found.state == "running":
        now = time.time() * 1000 + found.clock_lead
        words.append(f"next close in {_countdown(next_close(found.interval, now))}")
    well = is_fresh(found.connection)
    if well or cut:  # what is wrong may be long, and comes first
        words.insert(len(words) if well else 0, found.connection)
    yield Text(f" {' · '.join(words)}", style="dim", no_wrap=True, overflow="ellipsis")
    if not (well or cut):
        yield Text(f" {found.connection}")


def next_close(interval: int, now: float) -> int:
    """Milliseconds until the candle that is open `now` (ms; the clock's time) closes:
    candles divide the UTC day."""
    return int(interval - now % interval)


def _countdown(milliseconds: int) -> str:
    minutes, seconds = divmod(-(-milliseconds // 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _grid(lines: list[tuple[str, str, str]]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    for name, value, style in lines:
        grid.add_row(name, Text(value, style=style))
    return grid


def _sleeves(found: Snapshot) -> RenderableType:
    from rich.table import Table

    grid = Table(box=None, padding=(0, 0, 0, 1), expand=True, show_edge=False)
    for name in SLEEVE_COLUMNS:
        grid.add_column(name, no_wrap=True, justify="right", min_width=0 if name else 2)
    for cells in sleeve_lines(found):
        grid.add_row(*cells)
    return grid


def _signal_lines(found: Snapshot) -> list[tuple[str, str, str]]:
    reading = found.reading
    lines: list[tuple[str, str, str]] = []
    for name in ("trend", "structure"):
        if name in reading:
            value = reading[name]
            colour = "green" if value > 0 else "red" if value < 0 else "white"
            lines.append((name, _TREND.get(round(value), f"{value:g}"), colour))
    if "cycle" in reading:
        lines.append(("cycle", f"{reading['cycle']:+.2f}", "white"))
    lines.append(_warm_up(found))
    zone = round(reading.get("zone", 0.0))
    lines.append(("zone", SIDES.get(zone, "none"), "bold" if zone else "white"))
    if "atr" in reading:
        lines.append(("ATR", f"{reading['atr']:,.6g}", "white"))
    if found.ordered is not None:
        lines.append(("order", SIDES[found.ordered], "bold"))
    return lines


def _warm_up(found: Snapshot) -> tuple[str, str, str]:
    """Whether signals can come, or in how many days of candles."""
    if not found.cold:
        return "warm-up", "done", "white"
    left = found.reading["warm_from"] - found.candle - found.interval
    return "warm in", f"{math.ceil(left / DAY_MS):,} d", "yellow"


def _of(trade: dict[str, Any]) -> str:
    """What a position was entered with, where a part of it is gone."""
    return "" if trade["held"] == trade["units"] else f" of {number(trade['units'])}"


def _position_lines(found: Snapshot) -> list[tuple[str, str, str]]:
    trade = found.trade
    if trade is None:
        return [("position", "flat", "white")]
    armed = trade["breakeven"]
    multiple = found.r_multiple
    digits = 2 if abs(found.unrealised) < 1e4 else 0  # or it has no room beside the multiple
    won = "" if multiple is None else f" ({multiple:+.2f} R)"
    return [
        ("position", f"{SIDES[trade['side']]} {number(trade['held'])}{_of(trade)}", "bold"),
        ("entry", f"{_price(trade['entry'])}", "white"),
        ("stop", f"{_price(trade['sl'])}", "bold"),
        ("set by", f"{trade['sl_reason']}", "white"),
        ("distance", "" if found.distance is None else f"{found.distance:.2%}", "white"),
        ("breakeven", "armed" if armed else "not armed", "green" if armed else "white"),
        ("unrealised", f"{found.unrealised:+,.{digits}f}{won}", _sign(found.unrealised)),
        ("since UTC", _moment(trade["entry_time"])[:16], "white"),
    ]


def _funding_lines(found: Snapshot) -> list[tuple[str, str, str]]:
    """By which prices a swap is liquidated, what its position has booked, what is expected."""
    by = [("liquidated by", found.liquidation, "white")] * bool(found.liquidation)
    booked = found.trade["funding"] if found.trade else 0.0
    if found.forecast is None and not booked:
        return by
    expected = "none" if found.forecast is None else _rate(found.forecast)
    return [*by, ("funding", f"{booked:+,.2f}", _sign(booked)), ("forecast", expected, "white")]


def _money_lines(found: Snapshot) -> list[tuple[str, str, str]]:
    lines = [
        ("equity", f"{found.equity:,.2f}", "bold"),
        (found.day_name, f"{found.today:+,.2f}", _sign(found.today)),
        ("realised", f"{found.realised:+,.2f}", _sign(found.realised)),
        ("trades", f"{found.trades}, {found.wins} won", "white"),
        ("ratchet", f"by {found.ratchet}", "white"),
    ]
    lines += [("settings", "waiting", "yellow")] * found.waiting
    # a market alone has its warm-up beside its signal
    return [*lines, _warm_up(found)] if found.sleeves else lines


def _moment(time_: int) -> str:
    """A time to the second, UTC, short enough to read at a glance."""
    return datetime.fromtimestamp(time_ / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _sign(value: float) -> str:
    return "green" if value > 0 else "red" if value < 0 else "white"


def _price(value: float | None) -> str:
    return "-" if value is None else number(value)
