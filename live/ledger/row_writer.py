"""Rows of one session, by what they are about. Writing one again leaves the same row."""

from __future__ import annotations

import time
from typing import Any

from peewee import Database

from stoptrail.brokers.settlement import Amendment
from stoptrail.live.journal import Funded
from stoptrail.live.ledger.statements import Statements
from stoptrail.live.ledger.tables import (
    PaperFills,
    PaperOrders,
    PaperTrades,
    StopMoves,
    StoredFunding,
    Ticks,
)
from stoptrail.live.step import Step, StoredTick
from stoptrail.rules.stops import REASONS as STOP_REASONS
from stoptrail.rules.stops import Stop
from stoptrail.rules.trade import Fill

WORKING, FILLED, CANCELLED = "working", "filled", "cancelled"


class Rows:
    """The rows of one session; the caller holds the transaction."""

    def __init__(self, database: Database, session: int, interval: int) -> None:
        self._database = database
        self._session = session
        self._interval = interval
        self._statements = Statements(database)

    def put(self, table: Any, **values: Any) -> None:
        """Insert a row, or bring the row of the same key up to date."""
        self._statements.put(table, {"session": self._session, **values})

    def change(self, table: Any, values: dict[str, Any], **key: Any) -> None:
        """Change the rows of the session that `key` describes."""
        self._statements.change(table, values, {"session": self._session, **key})

    def _tick(self, tick: StoredTick) -> None:
        values = tick._asdict()
        quotes = {name: _known(values.pop(name)) for name in ("bid", "ask", "quote_age")}
        quotes["quote_rule"] = values.pop("quote_rule") or None
        self.put(Ticks, **values, **quotes)

    def _order(
        self,
        step: Step,
        kind: str,
        signal: int,
        side: int,
        units: float,
        price: float | None,
        latest: int | None = None,
        reason: str | None = None,
    ) -> None:
        self.put(
            PaperOrders,
            kind=kind,
            signal=signal,
            side=side,
            units=units,
            price=price,
            status=WORKING,
            reason=reason,
            latest=latest,
            sent_after=step.after,
            sent_tick=step.ticks,
            done=None,
            fill=None,
            fee=None,
            caught_up=step.caught_up,
        )

    def _fill(
        self,
        trade: int,
        number: int,
        time: int,
        side: int,
        fill: Fill,
        left: float,
        reason: str,
        step: Step,
    ) -> None:
        self.put(
            PaperFills,
            trade=trade,
            number=number,
            time=time,
            side=side,
            **fill._asdict(),
            left=left,
            reason=reason,
            caught_up=step.caught_up,
        )

    def _move(
        self, trade: int, number: int, time: int, old: float | None, stop: Stop, step: Step
    ) -> None:
        self.put(
            StopMoves,
            trade=trade,
            number=number,
            time=time,
            old=old,
            new=stop.level,
            reason=STOP_REASONS[stop.reason],
            caught_up=step.caught_up,
        )

    def _funded(self, event: Funded) -> None:
        row = event.row
        self.put(
            StoredFunding,
            time=row.time,
            rate=row.rate,
            price=_known(row.price),
            hours=row.hours,
            after=event.after,
            tick=event.ticks,
            seen=int(time.time() * 1000),
        )

    def _amended(self, amendment: Amendment) -> None:
        self.change(
            PaperFills,
            {"funding": amendment.funding},
            trade=amendment.trade,
            number=amendment.fill,
        )
        if amendment.pnl is not None:
            settled = {"funding": amendment.booked, "pnl": amendment.pnl}
            self.change(PaperTrades, settled, number=amendment.trade)


def _known(value: float) -> float | None:
    return value if value == value else None
