"""A position left at a named price by a session that does not run: its market may be gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from peewee import Database

from stoptrail.live.book_engine import BookEngine
from stoptrail.live.book_origin import beginning_of, kept_candles, options_of, seats_of
from stoptrail.live.book_steps import Rows, Steps, joined
from stoptrail.live.engine import Engine, EngineOptions
from stoptrail.live.gate import Gate
from stoptrail.live.ledger.book_ledger import BookWriter
from stoptrail.live.ledger.records import (
    SessionRow,
    find_session,
    settings_rows,
    sleeves_of,
    stored_candles,
)
from stoptrail.live.ledger.writer import StepWriter
from stoptrail.live.market.events import CandleClosed
from stoptrail.live.market.recorded import RecordedFeed
from stoptrail.live.origin import origin_of
from stoptrail.live.session_settings import funding_of, plan_from, settings_from
from stoptrail.live.step import BookStep, Step


def leave_at(database: Database, row: SessionRow, price: float, time: int) -> float | None:
    """Leave the session's position at `price` at `time` (ms), as its engine would have done
    after the last candle; the fill, None where there is no position. The caller holds the
    market's lock and a transaction. Raises ConfigError for a signal that cannot be loaded."""
    if row.book:
        return _sleeve_leaves(database, row, price, time)
    candles = stored_candles(database, row.id)
    active = [entry for entry in settings_rows(database, row.id) if entry.applied is not None][-1]
    settings = settings_from(active.content)
    origin = origin_of(database, row, candles, settings)
    steps: list[Step] = []
    fills: list[float | None] = []
    nothing_new = Gate("stops_only", lambda: True)
    by_tick = settings.live.ratchet == "tick"
    options = EngineOptions(
        by_tick,
        active.number,
        nothing_new,
        steps.append,
        lambda _: False,
        funding=funding_of(settings),
    )
    engine = Engine(plan_from(settings), origin, options)
    feed: Any = RecordedFeed(  # type: ignore[call-arg]  # Backtrader's parameters
        events=(CandleClosed(*candles[-1]), None),
        interval=row.interval,
        on_event=lambda _: fills.append(engine.leave_at(price, time)),
    )
    engine.run(feed)
    StepWriter(database, row.id, row.interval).write_all(steps)
    return fills[0]


def _sleeve_leaves(database: Database, row: SessionRow, price: float, time: int) -> float | None:
    """The same of one sleeve of a book, on the account of all."""
    sleeves = sleeves_of(database, row.book)
    candles = kept_candles(database, sleeves)
    found = beginning_of(database, find_session(database, str(row.book)), candles)
    nothing_new = [Gate("stops_only", lambda: True) for _ in sleeves]
    seats = seats_of(database, found, nothing_new, [lambda _: False for _ in sleeves])
    steps: list[BookStep] = []
    fills: list[float | None] = []
    engine = BookEngine(seats, options_of(found, store=steps.append))

    def told() -> Iterator[Rows]:
        yield from joined({symbol: rows[-1:] for symbol, rows in candles.items()})
        fills.append(engine.seats[row.sleeve - 1].leave_at(price, time))

    engine.run(Steps(told()))
    BookWriter(database, found.book, sleeves).write_all(steps)
    return fills[0]
