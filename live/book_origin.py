"""Where the engine of a book goes on, as its ledger says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from peewee import Database

from stoptrail.backtest.book import BookTerms, terms_of
from stoptrail.exchange.rows import Row
from stoptrail.live.book_engine import BookOptions, SeatOptions
from stoptrail.live.engine import Gated
from stoptrail.live.ledger.records import (
    SessionRow,
    SettingsRow,
    account_of,
    allowed_of,
    marks_of,
    settings_rows,
    sleeves_of,
    stored_candles,
)
from stoptrail.live.origin import origin_of
from stoptrail.live.session_settings import funding_of, plan_from, settings_from
from stoptrail.live.step import BookAccount
from stoptrail.rules.types import Checkpoint


class BookBeginning(NamedTuple):
    """A book before its next step."""

    book: SessionRow
    sleeves: list[SessionRow]
    candles: dict[str, list[Row]]
    """Every closed candle so far, by market, warm-up included."""
    terms: BookTerms
    account: BookAccount
    said: tuple[tuple[str, str], ...] = ()
    """What is said at the start: (kind of message, text) of warm-ups and settings."""
    warm_from: int = 0
    """Time in ms from which signals of every sleeve can come."""

    @property
    def session(self) -> int:
        """Its number in the ledger."""
        return self.book.id


def beginning_of(
    database: Database, book: SessionRow, candles: dict[str, list[Row]]
) -> BookBeginning:
    """A book that its ledger knows."""
    terms = terms_of(settings_from(active_settings(database, book.id).content))
    rows = sleeves_of(database, book.id)
    return BookBeginning(book, rows, candles, terms, account_of(database, book.id))


def active_settings(database: Database, session: int) -> SettingsRow:
    """Those in force."""
    return [row for row in settings_rows(database, session) if row.applied is not None][-1]


def share_of(content: dict[str, Any], sleeve: int) -> float:
    """Of the sleeve of this number, in the settings of its book."""
    return float(content["book"]["sleeves"][sleeve - 1]["share"])


def kept_candles(database: Database, sleeves: Sequence[SessionRow]) -> dict[str, list[Row]]:
    """Every candle of each market that the ledger has, oldest first."""
    return {row.symbol: stored_candles(database, row.id) for row in sleeves if row.source == row.id}


def seats_of(
    database: Database,
    found: BookBeginning,
    gates: Sequence[Gated],
    caught_up: Sequence[Callable[[int], bool]],
) -> list[SeatOptions]:
    """The sleeves as an engine takes them, from where the ledger ended."""
    whole = active_settings(database, found.book.id).content
    made = []
    for row, gate, late in zip(found.sleeves, gates, caught_up, strict=True):
        active = active_settings(database, row.id)
        settings, candles = settings_from(active.content), found.candles[row.symbol]
        origin = origin_of(database, row, candles, settings)
        made.append(
            SeatOptions(
                symbol=row.symbol,
                plan=plan_from(settings),
                share=share_of(whole, row.sleeve),
                lends=settings.market_type != "spot",
                volume_known=settings.data.volume == "known",
                settings=active.number,
                constant_funding=funding_of(settings) == "constant",
                origin=origin,
                allowed=allowed_of(database, row.id),
                decided_at=decided_at(origin.checkpoint, candles),
                gate=gate,
                caught_up=late,
                session=row.id,
                by_tick=settings.live.ratchet == "tick",
                published=funding_of(settings) == "published",
                marks=marks_of(database, row.id),
            )
        )
    return made


def decided_at(checkpoint: Checkpoint, candles: Sequence[Row]) -> float:
    """The close at which the waiting entry order was decided; 0 where none waits."""
    order = checkpoint.entry_order
    if order is None:
        return 0.0
    return next(row[4] for row in reversed(candles) if row[0] == order.signal)


def options_of(found: BookBeginning, **more: Any) -> BookOptions:
    """The book as an engine takes it."""
    return BookOptions(found.terms, found.book.interval, found.account, **more)
