"""Snapshots of whatever a ledger holds: a session of one market, a sleeve, a book."""

from __future__ import annotations

import json

from peewee import Database

from stoptrail.live.ledger.records import SessionRow, settings_rows, sleeves_of
from stoptrail.live.watch.beats import Beats
from stoptrail.live.watch.messages import SIDES, number, sleeve_names
from stoptrail.live.watch.presence import presence_of
from stoptrail.live.watch.snapshot import (
    Snapshot,
    closed_trades,
    connection_of,
    day_start,
    snapshot,
    state_of,
)
from stoptrail.live.watch.story import Happened, newest_first, recent


def snapshot_of(
    database: Database, row: SessionRow, events: int = 8, beats: Beats | None = None
) -> Snapshot:
    """The session, sleeve or book now; the newest `events` of its story, newest first. `beats`:
    see live.watch.snapshot."""
    of = _whole if row.sleeves else snapshot
    return of(database, row, events, beats)


def _whole(database: Database, row: SessionRow, events: int, beats: Beats | None) -> Snapshot:
    presence = presence_of(database, row.id) or {}
    lead = beats.clock_lead(database, row.id, presence) if beats else 0
    rows = sleeves_of(database, row.id)
    sleeves = tuple(snapshot(database, own, 1, beats) for own in rows)
    closed = [closed_trades(database, own.id) for own in rows]
    unrealised = sum(own.unrealised for own in sleeves)
    equity = row.balance + unrealised
    times = [own.price_time for own in sleeves if own.price_time is not None]
    now = max(times, default=row.candle)
    reading = json.loads(presence.get("reading", "{}"))
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
        paused=all(own.paused for own in rows),
        ratchet=sleeves[0].ratchet,
        price=None,
        price_time=max(times, default=None),
        candle=row.candle,
        reading={"warm_from": reading.get("warm_from", 0)},
        trade=None,
        distance=None,
        at_stop=None,
        unrealised=unrealised,
        realised=sum(result for result, _, _ in closed),
        today=equity - day_start(database, row.id, now, settings_rows(database, row.id)[0]),
        equity=equity,
        trades=sum(count for _, count, _ in closed),
        wins=sum(won for _, _, won in closed),
        waiting=False,
        ordered=None,
        recent=stories(database, row, events),
        forecast=None,
        expected=None,
        clock_lead=lead or 0,
        sleeves=sleeves,
    )


def stories(database: Database, row: SessionRow, count: int) -> tuple[Happened, ...]:
    """The newest of what happened to a session, newest first; of a book at its sleeves too, each
    with its market."""
    own = [
        one._replace(text=f"{name}: {one.text}")
        for session, name in sleeve_names(sleeves_of(database, row.id)).items()
        for one in recent(database, session, count)
    ]
    return tuple(newest_first([*own, *recent(database, row.id, count)])[:count])


def holds_of(found: Snapshot) -> str:
    """How many sleeves of a book hold a position, in words."""
    held = sum(sleeve.trade is not None for sleeve in found.sleeves)
    return f"{held} of {len(found.sleeves)} sleeves hold" if held else "flat"


SLEEVE_COLUMNS = ("", "market", "position", "stop", "open", "closed")


def sleeve_lines(found: Snapshot) -> list[tuple[str, ...]]:
    """A line for each sleeve: its number as a session, market, position, stop, and results."""
    lines: list[tuple[str, ...]] = []
    for one in found.sleeves:
        trade = one.trade
        held = "flat" if trade is None else f"{SIDES[trade['side']]} {number(trade['held'])}"
        stop = "-" if trade is None else number(trade["sl"])
        market = one.symbol + (" \u2016" if one.paused else "")  # as on a player
        results = _short(one.unrealised), _short(one.realised)
        lines.append((str(one.session), market, held, stop, *results))
    return lines


def _short(result: float) -> str:
    """Money in at most seven places, up to 99,999: all have to stand beside each other."""
    return f"{result:+,.{2 if abs(result) < 100.0 else 0}f}"
