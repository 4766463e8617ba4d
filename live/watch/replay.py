"""A session again, from what its ledger holds: candles, ticks, commands, settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from peewee import Database, SqliteDatabase

from stoptrail.brokers.settlement import Settled
from stoptrail.core.database import closed_on_error
from stoptrail.exchange.rows import Row
from stoptrail.live.engine import Engine, EngineOptions
from stoptrail.live.gate import (
    CHANGING,
    MISSED,
    PAUSED,
    REASONS,
    STALE,
)
from stoptrail.live.ledger.reading import stored_marks
from stoptrail.live.ledger.records import (
    Counters,
    SessionRow,
    SettingsRow,
    booked_funding,
    counters,
    rows,
    settings_rows,
    stored_candles,
    stored_ticks,
)
from stoptrail.live.ledger.tables import (
    TABLES,
    Decisions,
    PaperOrders,
    Sessions,
    StoredFunding,
)
from stoptrail.live.ledger.writer import StepWriter, untouched
from stoptrail.live.market.events import CandleClosed, Marked, Tick
from stoptrail.live.market.recorded import RecordedFeed
from stoptrail.live.origin import Origin
from stoptrail.live.session_settings import funding_of, plan_from, settings_from
from stoptrail.live.step import StoredTick
from stoptrail.rules.funding import FundingRow
from stoptrail.rules.manage import STAYS
from stoptrail.rules.margin import Mark
from stoptrail.rules.protections import guard_start
from stoptrail.rules.types import Checkpoint

_OUTSIDE = {REASONS[code]: code for code in (MISSED, STALE, PAUSED, CHANGING)}
"""Reasons that came from outside the rules, and are taken as they were."""


class ManualExit(NamedTuple):
    """Somebody asked to leave."""

    after: int
    """Open time of the last candle before."""
    ticks: int
    """How many ticks had changed something by then."""
    price: float | None
    """That was named; None: at market."""
    time: int
    """When it left, ms; 0 where it has not yet."""


class ReplayedFunding(NamedTuple):
    """A row of funding came."""

    after: int
    """Open time of the last candle before."""
    ticks: int
    """How many ticks had changed something by then."""
    row: FundingRow


class Recording(NamedTuple):
    """Everything that a session's ledger holds of what came in."""

    session: SessionRow
    candles: list[Row]
    ticks: list[StoredTick]
    settings: list[SettingsRow]
    """Those that applied."""
    closes: list[ManualExit]
    refused: dict[int, int]
    """Code of what stood against an entry, by the signal's time."""
    withdrawn: dict[int, int]
    """Code of what cancelled an entry order, by the candle's time."""
    funding: list[ReplayedFunding]
    marks: dict[int, Mark]
    """Of the candles that have any, by open time."""


def recording_of(database: Database, session: SessionRow) -> Recording:
    """Read a session's recording; a running one up to its last commit."""
    orders = rows(database, PaperOrders, session.id)
    entries = {order["signal"] for order in orders if order["kind"] == "entry"}
    decisions = rows(database, Decisions, session.id)
    return Recording(
        session,
        stored_candles(database, session.id),
        stored_ticks(database, session.id),
        [entry for entry in settings_rows(database, session.id) if entry.applied is not None],
        [
            ManualExit(o["sent_after"], o["sent_tick"], o["price"], o["done"] or 0)
            for o in orders
            if o["kind"] == "exit"
        ],
        {
            row["time"]: _OUTSIDE[row["outcome"]]
            for row in decisions
            if row["outcome"] in _OUTSIDE and row["time"] not in entries
        },
        {
            order["done"]: _OUTSIDE[order["reason"]]
            for order in orders
            if order["kind"] == "entry" and order["reason"] in _OUTSIDE
        },
        [
            ReplayedFunding(row["after"], row["tick"], known)
            for row, known in zip(
                rows(database, StoredFunding, session.id),
                booked_funding(database, session.id),
                strict=True,
            )
        ],
        stored_marks(database, session.id),
    )


class AsItWas:
    """A gate that refuses what the session refused from outside the rules."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def signal(self, time: int) -> int | None:
        """What stood against an entry then."""
        return self._recording.refused.get(time)

    def fill(self, time: int) -> int | None:
        """What cancelled an entry order then."""
        return self._recording.withdrawn.get(time)

    def tick(self) -> bool:
        """Only ticks that changed something are recorded."""
        return True


class Open:
    """A gate that refuses nothing."""

    def signal(self, time: int) -> int | None:
        """Nothing stands against an entry."""

    def fill(self, time: int) -> int | None:
        """Nothing cancels an entry order."""

    def tick(self) -> bool:
        """Ticks fill as they come."""
        return True


@contextmanager
def memory_ledger() -> Iterator[Database]:
    """An empty ledger that is nowhere but in memory; left open, but where it cannot be filled."""
    database = SqliteDatabase(":memory:")
    with closed_on_error(database):
        with database.bind_ctx(TABLES):
            database.create_tables(TABLES)
        yield database


def start_with(cash: float) -> Checkpoint:
    """Where an account of `cash` stands before its first candle."""
    return Checkpoint(cash, None, None, None, None, guard_start(cash), 0)


def replay(recording: Recording, *, candles_alone: bool = False) -> Database:
    """A ledger in memory with what the session's broker and strategy do on `recording`.

    With `candles_alone` neither ticks nor people play a part: what a backtest would have
    done under the same settings.
    """
    with memory_ledger() as database:
        session = recording.session
        if candles_alone:
            recording = recording._replace(ticks=[], closes=[], refused={}, withdrawn={})
        first = recording.settings[0]
        cash = first.content["account"]["cash"]
        checkpoint = start_with(cash)
        begun(database, session, checkpoint, recording.candles[0][0])
        writer = StepWriter(database, session.id, session.interval)
        leaving, ticks, counted = STAYS, 0, Counters(0, 0, 0)
        settled: list[Settled] = []
        for at, settings in enumerate(recording.settings):
            following = recording.settings[at + 1 : at + 2]
            until = following[0].applied if following else None
            assert settings.applied is not None
            known = sum(row[0] <= settings.applied for row in recording.candles)
            booked = booked_funding(database, session.id)
            where = (known, session.start, settings.applied, ticks, checkpoint, counted, leaving)
            origin = Origin(*where, booked=booked, settled=settled)
            engine = _run(recording, settings, origin, until, writer, candles_alone)
            if engine.strategy is None:
                raise ValueError(f"settings {settings.number} applied to no candle")
            settled = [] if engine.settlement is None else engine.settlement.trades
            checkpoint, leaving = engine.strategy.checkpoint(), engine.broker.leaving_for
            ticks, counted = engine.ticks, counters(database, session.id)
    return database


def _run(
    recording: Recording,
    settings: SettingsRow,
    origin: Origin,
    until: int | None,
    writer: StepWriter,
    candles_alone: bool,
) -> Engine:
    """One stretch of the session, under one set of settings."""
    chosen = settings_from(settings.content)
    engine_options = EngineOptions(
        chosen.live.ratchet == "tick" and not candles_alone,
        settings.number,
        Open() if candles_alone else AsItWas(recording),
        writer.write,
        lambda time: False,
        funding=funding_of(chosen),
    )
    engine = Engine(plan_from(chosen), origin, engine_options)
    feed = RecordedFeed(  # type: ignore[call-arg]  # Backtrader's parameters
        events=_events(recording, origin, until),
        interval=recording.session.interval,
        on_tick=engine.on_tick,
        on_event=lambda event: _hear(engine, event),
    )
    engine.run(feed)
    return engine


def _hear(engine: Engine, event: ManualExit | ReplayedFunding | Marked) -> None:
    if isinstance(event, Marked):
        engine.on_mark(event)
    elif isinstance(event, ReplayedFunding):
        engine.on_funding(event.row)
    elif event.price is None:
        engine.leave_at_market()
    else:
        engine.leave_at(event.price, event.time)


def _events(recording: Recording, origin: Origin, until: int | None) -> Iterator[Any]:
    """Known candles, then candles, ticks and requests as they came, up to `until`."""
    between: dict[int, list[tuple[int, Any]]] = {}
    for tick in recording.ticks:
        told = Tick(*tick[2:])  # all that was told of it
        between.setdefault(tick.after, []).append((2 * tick.number, told))
    booked = {row.time for row in origin.booked}
    for close in recording.closes:
        between.setdefault(close.after, []).append((2 * close.ticks + 1, close))
    for row in recording.funding:
        if row.row.time not in booked:
            came = max(row.after, origin.after)
            between.setdefault(came, []).append((2 * row.ticks + 1, row))
    for candle in recording.candles:
        if until is not None and candle[0] > until:
            return
        if candle[0] in recording.marks:
            yield Marked(candle[0], recording.marks[candle[0]])
        yield CandleClosed(*candle)
        if candle[0] >= origin.after and (until is None or candle[0] < until):
            told_then = sorted(between.get(candle[0], ()), key=lambda entry: entry[0])
            yield from (event for _, event in told_then)


def begun(database: Database, session: SessionRow, checkpoint: Checkpoint, since: int) -> None:
    """Let `database` know a session as it began."""
    cash = checkpoint.balance
    Sessions.insert(
        id=session.id,
        exchange=session.exchange,
        symbol=session.symbol,
        interval=session.interval,
        began=0,
        warm_up_from=since,
        start=session.start,
        candle=session.start - session.interval,
        **untouched(cash),
        sleeves=session.sleeves,
        book=session.book,
        sleeve=session.sleeve,
        market=session.market,
    ).execute(database)
