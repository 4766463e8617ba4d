"""The session of a book again, from what its ledger holds: steps, commands, settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

from peewee import Database

from stoptrail.backtest.book import terms_of
from stoptrail.live.book_engine import BookEngine, BookOptions, Seat, SeatOptions
from stoptrail.live.book_origin import active_settings, share_of
from stoptrail.live.book_steps import Coming, Rows, Steps, joined
from stoptrail.live.ledger.book_ledger import BookWriter
from stoptrail.live.ledger.records import (
    Counters,
    SessionRow,
    sleeves_of,
    stored_candles,
    stored_steps,
)
from stoptrail.live.market.events import Tick
from stoptrail.live.origin import Origin
from stoptrail.live.session_settings import funding_of, plan_from, settings_from
from stoptrail.live.step import BookAccount
from stoptrail.live.watch.differences import Compared, compare
from stoptrail.live.watch.replay import (
    AsItWas,
    ManualExit,
    Open,
    Recording,
    begun,
    memory_ledger,
    recording_of,
    start_with,
)
from stoptrail.rules.book import FREE
from stoptrail.rules.manage import STAYS
from stoptrail.rules.protections import guard_start


class BookRecording(NamedTuple):
    """Everything that a book's ledger holds of what came in."""

    book: SessionRow
    content: dict[str, Any]
    """Settings of the whole."""
    sleeves: list[Recording]
    steps: list[tuple[int, Rows]]
    """Number and candles of every step, in order."""


def book_recording(database: Database, book: SessionRow) -> BookRecording:
    """Read a book's recording; a running one up to its last commit."""
    sleeves = sleeves_of(database, book.id)
    kept = {row.id: stored_candles(database, row.id) for row in sleeves if row.source == row.id}
    return BookRecording(
        book,
        active_settings(database, book.id).content,
        [recording_of(database, row)._replace(candles=kept[row.source]) for row in sleeves],
        stored_steps(database, book.id),
    )


def replay_book(recording: BookRecording, *, candles_alone: bool = False) -> Database:
    """A ledger in memory with what account and sleeves do on `recording`.

    With `candles_alone` nobody's orders play a part, and no candle is late: what a backtest
    would have done under the same settings.
    """
    book, steps = recording.book, recording.steps
    if candles_alone:
        alone: dict[str, Any] = {"ticks": [], "closes": [], "refused": {}, "withdrawn": {}}
        sleeves = [one._replace(**alone) for one in recording.sleeves]
        steps = list(enumerate(joined(_by_market(steps)), 1))
        recording = recording._replace(sleeves=sleeves, steps=steps)
    with memory_ledger() as database:
        cash = float(recording.content["account"]["cash"])
        guard = guard_start(cash)
        begun(database, book, start_with(cash), book.warm_up_from)
        for one in recording.sleeves:
            share = share_of(recording.content, one.session.sleeve)
            start = start_with(cash * share)
            begun(database, one.session, start, one.candles[0][0])
        writer = BookWriter(database, book, [one.session for one in recording.sleeves])
        account = BookAccount(cash, guard, 0, 0, book.start, cash, cash)
        options = BookOptions(
            terms_of(settings_from(recording.content)), book.interval, account, writer.write
        )
        seats = [_seat(recording, one, cash, candles_alone) for one in recording.sleeves]
        engine = BookEngine(seats, options)
        engine.run(Steps(_told(recording, engine)))
    return database


def _by_market(steps: Sequence[tuple[int, Rows]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for _, rows in steps:
        for symbol, row in rows.items():
            found.setdefault(symbol, []).append(row)
    return found


def _seat(
    recording: BookRecording, own: Recording, cash: float, candles_alone: bool
) -> SeatOptions:
    """A sleeve as it began."""
    row, chosen = own.session, settings_from(own.settings[0].content)
    share = share_of(recording.content, row.sleeve)
    past = [candle for candle in own.candles if candle[0] < row.start]
    checkpoint = start_with(cash * share)
    counted = Counters(0, 0, 0)
    after = past[-1][0]
    return SeatOptions(
        symbol=row.symbol,
        plan=plan_from(chosen),
        share=share,
        lends=chosen.market_type != "spot",
        volume_known=chosen.data.volume == "known",
        settings=own.settings[0].number,
        constant_funding=funding_of(chosen) == "constant",
        origin=Origin(1, row.start, after, 0, checkpoint, counted, STAYS, past[:-1]),
        allowed=FREE,
        decided_at=0.0,
        gate=Open() if candles_alone else AsItWas(own),
        caught_up=lambda _time: False,
        session=row.id,
        by_tick=chosen.live.ratchet == "tick" and not candles_alone,
        published=funding_of(chosen) == "published",
    )


def _told(recording: BookRecording, engine: BookEngine) -> Iterator[Coming]:
    """The last candles of the warm-ups, then the steps, with what came in between."""
    known: dict[str, list[Any]] = {}
    for own in recording.sleeves:
        row = own.session
        known[row.symbol] = [candle for candle in own.candles if candle[0] < row.start][-1:]
    yield from joined(known)
    moments: list[tuple[int, int, Coming]] = [(number, 0, rows) for number, rows in recording.steps]
    for seat, own in zip(engine.seats, recording.sleeves, strict=True):
        moments += [(t.number, 0, partial(seat.on_tick, Tick(*t[2:]))) for t in own.ticks]
        moments += [(row.ticks, 1, partial(seat.on_funding, row.row)) for row in own.funding]
        moments += [(order.ticks, 2, partial(_leave, seat, order)) for order in own.closes]
    for _, _, coming in sorted(moments, key=itemgetter(0, 1)):
        yield coming


def _leave(seat: Seat, order: ManualExit) -> None:
    if order.price is None:
        seat.leave_at_market()
    else:
        seat.leave_at(order.price, order.time)


def compare_book(stored: Database, replayed: Database, book: int) -> Compared:
    """Every value of all sleeves, and of the account at every step."""
    found = [compare(stored, replayed, row.id, of_book=True) for row in sleeves_of(stored, book)]
    whole = compare(stored, replayed, book, of_book=True)
    return Compared(
        sum(one.trades for one in found),
        sum(one.levels for one in found),
        [difference for one in (*found, whole) for difference in one.differences],
        sum(one.ticks for one in found),
    )
