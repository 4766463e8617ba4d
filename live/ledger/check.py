"""What is wrong or odd in a ledger, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise, zip_longest
from typing import Any

from peewee import Database, SqliteDatabase

from stoptrail.core.text import number_of
from stoptrail.core.time import iso_time
from stoptrail.live.ledger.damage import damaged_cell
from stoptrail.live.ledger.fill_prices import wrong_prices
from stoptrail.live.ledger.records import (
    SessionRow,
    rows,
    settings_rows,
    sleeves_of,
    stored_candles,
    with_sleeves,
)
from stoptrail.live.ledger.row_writer import WORKING
from stoptrail.live.ledger.tables import (
    PaperFills,
    PaperOrders,
    PaperTrades,
    StopMoves,
    StoredEquity,
)
from stoptrail.rules.stops import MANUAL_PRICE, REASONS


def problems(database: Database) -> Iterator[str]:
    """Everything in the ledger that a sound one cannot hold. Tables and version are taken
    as right: opening has seen to them."""
    yield from _file_problems(database)
    cell = damaged_cell(database)
    if cell:
        yield cell
        return  # what follows would stumble over it
    for session in with_sleeves(database):
        for text in _session_problems(database, session):
            yield f"session {session.id}: {text}"


def gaps(database: Database) -> Iterator[str]:
    """Spans without candles, which an exchange's standstill makes, or what it did not give after
    an outage: odd, but not wrong."""
    for session in with_sleeves(database):
        if text := gaps_of(database, session):
            yield f"session {session.id}: {text}"


def gaps_of(database: Database, session: SessionRow) -> str:
    """What is missing between the candles of one session, in words; empty where nothing is."""
    return gaps_in([row[0] for row in stored_candles(database, session.id)], session.interval)


def gaps_in(times: list[int], interval: int) -> str:
    """What is missing between these open times (ms), in words; empty where nothing is."""
    holes = [
        ((after - before) // interval - 1, before + interval, after)
        for before, after in pairwise(times)
        if after - before > interval
    ]
    if not holes:
        return ""
    most, start, end = max(holes)
    return (
        f"candles missing: {sum(hole[0] for hole in holes)}, gaps: {len(holes)}, "
        f"the longest {most} from {iso_time(start)} to {iso_time(end)}"
    )


def _file_problems(database: Database) -> Iterator[str]:
    if isinstance(database, SqliteDatabase):
        found: Any = database.execute_sql("PRAGMA integrity_check")  # type: ignore[no-untyped-call]
        yield from (f"the file: {text}" for (text,) in found.fetchall() if text != "ok")


def _session_problems(database: Database, session: SessionRow) -> Iterator[str]:
    if not any(row.applied is not None for row in settings_rows(database, session.id)):
        yield "no settings are in force"
    times = [row[0] for row in stored_candles(database, session.source)]
    if session.sleeves:
        times = [session.candle] * (len(sleeves_of(database, session.id)) == session.sleeves)
    if not times or times[-1] != session.candle:
        yield f"its last candle is not the one that it says ({session.candle})"
    trades = rows(database, PaperTrades, session.id)
    yield from _trade_problems(trades)
    yield from _order_problems(database, session.id, trades)
    yield from _stop_problems(database, session.id, trades)
    yield from _fill_problems(database, session.id, trades)
    yield from _funding_problems(database, session.id, trades)
    for wrong in wrong_prices(database, session):
        yield f"{wrong.where}: {wrong.found}; expected {wrong.expected}"
    for row in rows(database, StoredEquity, session.id):
        if not math.isfinite(row["equity"]):
            yield f"the equity at {row['time']} is {row['equity']}"


def _trade_problems(trades: list[dict[str, Any]]) -> Iterator[str]:
    numbers = [trade["number"] for trade in trades]
    if numbers != list(range(1, len(trades) + 1)):
        yield "its trades are not numbered from 1 without a hole"
    for trade, after in zip_longest(trades, trades[1:]):
        end = trade["exit_time"]
        if end is None and after is not None:
            yield f"trade {trade['number']} is open though a later one exists"
        elif end is not None and end < trade["entry_time"]:
            yield f"trade {trade['number']} ends before it begins"
        elif trade["reason"] == REASONS[MANUAL_PRICE]:
            continue  # where no process runs the session it has this machine's time
        elif end is not None and after is not None and after["entry_time"] < end:
            yield f"trade {after['number']} begins before trade {trade['number']} has ended"


def _order_problems(
    database: Database, session: int, trades: list[dict[str, Any]]
) -> Iterator[str]:
    """An open trade has one working stop of its own; nothing else has one."""
    working = rows(database, PaperOrders, session, status=WORKING)
    stops = [order["signal"] for order in working if order["kind"] == "stop"]
    opened = [trade["signal"] for trade in trades if trade["exit_time"] is None]
    if stops != opened:
        yield (
            f"{number_of(len(opened), 'open trade')} and "
            f"{number_of(len(stops), 'working stop order')} do not match"
        )
    if sum(order["kind"] == "entry" for order in working) > 1:
        yield "more than one entry order works"


def _fill_problems(database: Database, session: int, trades: list[dict[str, Any]]) -> Iterator[str]:
    """Fills of a trade leave less and less of it, and nothing of one that is over. Trades of
    an older program have none."""
    ended = {trade["number"]: trade["exit_time"] is not None for trade in trades}
    left: dict[int, float] = {}
    for fill in rows(database, PaperFills, session):
        number, before = fill["trade"], left.get(fill["trade"], math.inf)
        if number not in ended:
            yield f"a fill belongs to trade {number}, which there is not"
        elif not 0.0 <= fill["left"] < before:
            yield f"fill {fill['number']} of trade {number} leaves {fill['left']!r} units"
        left[number] = fill["left"]
    for number, units in left.items():
        if ended.get(number, units == 0.0) != (units == 0.0):
            yield f"the fills of trade {number} leave {units!r} units, which it does not say"


def _funding_problems(
    database: Database, session: int, trades: list[dict[str, Any]]
) -> Iterator[str]:
    """A trade that is over has the funding of its fills."""
    booked: dict[int, float] = {}
    for fill in rows(database, PaperFills, session):
        booked[fill["trade"]] = booked.get(fill["trade"], 0.0) + fill["funding"]
    for trade in trades:
        whole = booked.get(trade["number"], trade["funding"])
        over = trade["exit_time"] is not None
        if over and not math.isclose(trade["funding"], whole, rel_tol=1e-9, abs_tol=1e-9):
            text = f"the funding of trade {trade['number']} is {trade['funding']!r}"
            yield f"{text}, that of its fills {whole!r}"


def _stop_problems(database: Database, session: int, trades: list[dict[str, Any]]) -> Iterator[str]:
    sides = {trade["number"]: trade["side"] for trade in trades}
    for move in rows(database, StopMoves, session):
        side = sides.get(move["trade"])
        if side is None:
            yield f"a stop move belongs to trade {move['trade']}, which there is not"
        elif move["old"] is not None and side * (move["new"] - move["old"]) < 0.0:
            yield f"the stop of trade {move['trade']} loosened in move {move['number']}"
