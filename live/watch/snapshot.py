"""A session as its ledger shows it at this moment, and whether it is well: for `status`, the
view and the endpoint."""

from __future__ import annotations

import json
import math
import os
import socket
import time
from enum import IntEnum
from typing import Any, NamedTuple

from peewee import Database, fn

from stoptrail.config.settings import Settings
from stoptrail.core.time import DAY_MS, iso_time
from stoptrail.live.ledger.reading import liquidated_by
from stoptrail.live.ledger.records import (
    SessionRow,
    SettingsRow,
    allowed_of,
    checkpoint_of,
    open_trade,
    rows,
    settings_rows,
)
from stoptrail.live.ledger.tables import (
    PaperTrades,
    StoredCandles,
    StoredFunding,
)
from stoptrail.live.market.events import is_fresh
from stoptrail.live.market.funding_poller import Forecast
from stoptrail.live.session_settings import run_rules_from, settings_from
from stoptrail.live.watch.beats import Beats
from stoptrail.live.watch.daily import equity_at
from stoptrail.live.watch.presence import SILENT_MS, presence_of
from stoptrail.live.watch.story import Happened, recent
from stoptrail.rules.costs import fill_price
from stoptrail.rules.funding import booked_funding, unit_payment
from stoptrail.rules.trade import Position, credited, leave, marked
from stoptrail.rules.types import Checkpoint

_SLOW_START_MS = 300_000
"""The same while it starts: it says nothing while it reads."""
_AHEAD_MS = 300_000
"""A last sign so far in the future is none: the clock was set back, and nothing came since."""


class Snapshot(NamedTuple):
    """What a person wants to know of a session; money in the quote currency."""

    session: int
    exchange: str
    symbol: str
    interval: int
    state: str
    """"starting", "running", "stopped" in order, "failed" of itself, or "gone" where one that
    starts or runs has not been heard of."""
    pid: int | None
    beat: int | None
    """When the session last said that it is there, by its machine's clock, ms."""
    restarts: int
    connection: str
    paused: bool
    ratchet: str
    price: float | None
    price_time: int | None
    candle: int
    """Open time of the last closed candle, ms."""
    reading: dict[str, float]
    trade: dict[str, Any] | None
    """Row of the open trade."""
    distance: float | None
    """From the price to the stop, as a fraction of the price."""
    at_stop: float | None
    """Result of the open trade, costs included, should its stop be filled at the level now."""
    unrealised: float
    realised: float
    today: float
    """Equity less that at the last 00:00 UTC before the newest price."""
    equity: float
    trades: int
    wins: int
    waiting: bool
    """Whether changed settings wait for the position to end."""
    ordered: int | None
    """Side of an entry order that waits for its fill."""
    recent: tuple[Happened, ...]
    forecast: Forecast | None
    """The funding that the exchange expects next; None where it says nothing, or it was
    published since."""
    expected: float | None
    """What it would book for the open position, at the price."""
    liquidation: str = ""
    """By which prices a swap is liquidated (C20), see ledger.reading.liquidated_by."""
    clock_lead: int = 0
    """By how much the clock of its machine is ahead of this one's, ms, where they differ."""
    sleeves: tuple[Any, ...] = ()
    """Snapshots of the sleeves of a book."""

    @property
    def r_multiple(self) -> float | None:
        """The open result in multiples of what the initial stop would have lost."""
        if self.trade is None:
            return None
        risk = self.trade["units"] * abs(self.trade["entry"] - self.trade["initial_stop"])
        return self.unrealised / risk if risk > 0.0 else None

    @property
    def day_name(self) -> str:
        """The day of `today`: of a session that runs no more, the last on which it did."""
        runs = self.state in ("running", "starting")
        same = (self.beat or 0) // DAY_MS == int(time.time() * 1000) // DAY_MS
        return "today" if runs or same else "last day"

    @property
    def cold(self) -> bool:
        """Whether signals cannot come yet at the close of the next candle."""
        return self.reading.get("warm_from", 0) > self.candle + self.interval


def snapshot(
    database: Database, row: SessionRow, events: int = 8, beats: Beats | None = None
) -> Snapshot:
    """The session now; the newest `events` of its story, newest first; `beats` of who looks on."""
    presence = _presence(database, row)
    lead = beats.clock_lead(database, row.book or row.id, presence) if beats else 0
    history = settings_rows(database, row.id)
    active = [entry for entry in history if entry.applied is not None][-1]
    settings = settings_from(active.content)
    checkpoint = checkpoint_of(database, row.id)
    price, when = _price(database, row, presence)
    now = when or row.candle
    trade, position = open_trade(database, row.id), checkpoint.position
    if trade is not None and position is not None:
        trade["held"] = position.units
    account = _marked(database, row, checkpoint, trade, price, now, settings)
    realised, trades, wins = closed_trades(database, row.id)
    forecast = _forecast(database, row.id, presence)
    return Snapshot(
        session=row.id,
        exchange=row.exchange,
        symbol=row.symbol,
        interval=row.interval,
        state=state_of(presence, lead),
        pid=presence.get("pid"),
        beat=presence.get("beat"),
        restarts=presence.get("restarts", 0),
        connection=connection_of(presence, lead),
        paused=row.paused,
        ratchet=active.content["live"]["ratchet"],
        price=price,
        price_time=when,
        candle=row.candle,
        reading=json.loads(presence.get("reading", "{}")),
        trade=trade,
        distance=account.distance,
        at_stop=account.at_stop,
        unrealised=account.equity - checkpoint.balance,
        realised=realised,
        today=account.equity - day_start(database, row.id, now, history[0]),
        equity=account.equity,
        trades=trades,
        wins=wins,
        waiting=history[-1].applied is None,
        ordered=None if checkpoint.entry_order is None else checkpoint.entry_order.side,
        recent=tuple(recent(database, row.id, events)),
        forecast=forecast,
        expected=None if forecast is None else _expected(position, price, forecast.rate),
        liquidation=liquidated_by(database, row, settings),
        clock_lead=lead or 0,
    )


class _Marked(NamedTuple):
    """An account at a price, see the fields of Snapshot."""

    equity: float
    distance: float | None = None
    at_stop: float | None = None


def _marked(
    database: Database,
    row: SessionRow,
    checkpoint: Checkpoint,
    trade: dict[str, Any] | None,
    price: float | None,
    now: int,
    settings: Settings,
) -> _Marked:
    """What the open trade makes of the account at `price`, at `now` (ms)."""
    balance, position, stop = checkpoint.balance, checkpoint.position, checkpoint.stop
    if not trade or position is None or stop is None or price is None:
        return _Marked(balance)
    trade_rules, side = run_rules_from(settings).trade_rules, position.held.side
    paid, backing = _paid(trade, position), balance
    if row.book:
        limited = trade_rules.margin.liquidates
        backing = allowed_of(database, row.id).margin if limited else math.inf
    equity = marked(balance, position, price - paid, now, trade_rules)
    fill = fill_price(-side, stop.level, trade_rules.costs, trade_rules.market)  # C6
    end = leave(position, fill, now, trade_rules, paid=paid)
    return _Marked(
        equity=max(equity, balance - backing),  # what is missing is credited (C20)
        distance=side * (price - stop.level) / price,
        at_stop=credited(end, backing).pnl,
    )


def _presence(database: Database, row: SessionRow) -> dict[str, Any]:
    """What the session last said of itself; of a sleeve what its book said of it and its market."""
    found = presence_of(database, row.book or row.id) or {}
    if not row.book:
        return found
    told = json.loads(found.get("reading", "{}"))
    own = told.get("sleeves", {}).get(str(row.sleeve), {})
    return {**found, "reading": json.dumps(own), **told.get("markets", {}).get(row.symbol, {})}


def _forecast(database: Database, session: int, presence: dict[str, Any]) -> Forecast | None:
    rate, time_ = presence.get("forecast_rate"), presence.get("forecast_time")
    if rate is None:
        return None
    table = StoredFunding
    newest = table.select(fn.MAX(table.time)).where(table.session == session).scalar(database)
    published = time_ is not None and time_ <= (newest or 0)
    return None if published else Forecast(rate, time_)


def _expected(position: Position | None, price: float | None, rate: float) -> float | None:
    if position is None or price is None:
        return None
    return booked_funding(position.held.side, position.units, unit_payment(price, rate))


def day_start(database: Database, session: int, now: int, first: SettingsRow) -> float:
    """Equity at the last 00:00 UTC up to `now`, ms; of a younger session its starting cash."""
    equity = equity_at(database, session, now // DAY_MS * DAY_MS)
    return float(first.content["account"]["cash"]) if equity is None else equity


def _paid(trade: dict[str, Any], position: Position) -> float:
    """Funding that one unit of `position` held long has paid since the entry (C19)."""
    rest = trade["funding"] - position.parts.funding
    return -float(position.held.side * rest / position.units)


def closed_trades(database: Database, session: int) -> tuple[float, int, int]:
    """Result, number and number of winners of the closed trades."""
    pnl = PaperTrades.pnl
    query = PaperTrades.select(fn.SUM(pnl), fn.COUNT(pnl)).where(PaperTrades.session == session)
    ((total, count),) = query.tuples().execute(database)
    wins = PaperTrades.select().where(PaperTrades.session == session, pnl > 0.0)
    return total or 0.0, count, wins.bind(database).count()


def _price(
    database: Database, row: SessionRow, presence: dict[str, Any]
) -> tuple[float | None, int | None]:
    """The newest price that the ledger knows, and its time: what the session last said of
    itself, or the close of its last candle, which may have come after that."""
    closed = row.candle + row.interval
    if presence.get("price") is not None:
        price, when = float(presence["price"]), int(presence["price_time"])
        if when >= closed:
            return price, when
    candles = rows(database, StoredCandles, row.source, time=row.candle)
    return (candles[0]["close"], closed) if candles else (None, None)


def state_of(presence: dict[str, Any], lead: int | None) -> str:
    """The state of a session by its presence; "gone" where it was not heard of for too long, or
    does not beat. `lead`: see live.watch.beats."""
    state = str(presence.get("state", "stopped"))
    patience = {"running": SILENT_MS, "starting": _SLOW_START_MS}.get(state)
    if patience is None:
        return state
    if lead is None:
        return "gone"
    silent = time.time() * 1000 + lead - presence.get("beat", 0)
    return state if -_AHEAD_MS < silent <= patience else "gone"


def connection_of(presence: dict[str, Any], lead: int | None) -> str:
    """The state of the data; of a session that is gone, when it was last known, and by whose
    clock."""
    if state_of(presence, lead) != "gone":
        return str(presence.get("connection", "closed"))
    host = presence.get("host") or ""
    whose = "" if host in ("", socket.gethostname()) else f" by the clock of {host}"
    text = f"last heard of at {iso_time(presence.get('beat', 0) // 1000 * 1000)}{whose}"
    if host == socket.gethostname() and _is_there(presence.get("pid")):
        text += f"; process {presence['pid']} is there: it hangs, or cannot write its ledger"
    return text


def _is_there(pid: Any) -> bool:
    """Whether this machine has a process of that number."""
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def clock_words(found: Snapshot) -> str:
    """That the clock of a session's machine is ahead of or behind this one; "" where it is not."""
    if not found.clock_lead:
        return ""
    way = "ahead" if found.clock_lead > 0 else "behind"
    return f"its clock {abs(found.clock_lead) / 1000:,.0f} s {way}"


class Health(IntEnum):
    """What is wrong with a session; the number is the exit code of `status`, 2 being wrong
    usage. Of several sessions the highest counts."""

    WELL = 0
    GONE = 3
    STALE = 4
    COLD = 5
    DATABASE = 6

    @property
    def words(self) -> str:
        """As people say it."""
        return "not warm" if self is Health.COLD else self.name.lower()


def health_of(found: Snapshot) -> Health:
    """How a session is; one that was stopped in order is well."""
    if found.state in ("gone", "failed"):
        return Health.GONE
    if found.state not in ("running", "starting"):
        return Health.WELL
    if not is_fresh(found.connection):
        return Health.STALE
    return Health.COLD if found.cold else Health.WELL
