"""Where a session's engine goes on, as its ledger says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from peewee import Database

from stoptrail.brokers.settlement import REACH, Settled
from stoptrail.config.settings import Settings
from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.reading import stored_marks
from stoptrail.live.ledger.records import (
    Counters,
    SessionRow,
    booked_funding,
    checkpoint_of,
    counters,
    settled_trades,
    waits_to_leave,
)
from stoptrail.live.session_settings import funding_of
from stoptrail.rules.funding import FundingRow
from stoptrail.rules.margin import Mark
from stoptrail.rules.types import Checkpoint


class Origin(NamedTuple):
    """Where a run goes on."""

    known: int
    """Candles of the feed that were processed before; they only warm the indicators."""
    start: int
    """Open time of the first candle that may decide, ms."""
    after: int
    """Open time of the last known candle."""
    ticks: int
    """How many ticks have changed something."""
    checkpoint: Checkpoint
    counters: Counters
    leaving: int
    """Why an order to leave at market waits, a code of rules.stops.REASONS, or STAYS."""
    past: Sequence[Row] = ()
    """Earlier ones that the feed does not play: the indicators take them in at once."""
    booked: Sequence[FundingRow] = ()
    """Rows of published funding that were booked before (C19)."""
    settled: Sequence[Settled] = ()
    """Trades that a late one may reach."""
    marks: Mapping[int, Mark] = {}
    """Mark prices of known candles, by open time."""


def origin_of(
    database: Database, row: SessionRow, candles: list[Row], settings: Settings
) -> Origin:
    """Where a session goes on, from its ledger; `candles` are all that it has stored."""
    by_tick, published = settings.live.ratchet == "tick", funding_of(settings) == "published"
    booked = booked_funding(database, row.id) if published else ()
    since = min(candles[-1][0], max((each.time for each in booked), default=0)) - REACH
    return Origin(
        known=1,
        start=row.start,
        after=candles[-1][0],
        ticks=row.ticks,
        checkpoint=checkpoint_of(database, row.id),
        counters=counters(database, row.id),
        leaving=waits_to_leave(database, row.id),
        past=candles[:-1],
        booked=booked,
        settled=settled_trades(database, row.id, since) if published else (),
        marks=stored_marks(database, row.id) if published and not by_tick else {},
    )
