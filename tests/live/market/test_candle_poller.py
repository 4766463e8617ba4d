"""When a closed candle is told that waits for its last trades."""

from __future__ import annotations

import asyncio
from typing import Any

from stoptrail.exchange.rows import Row
from stoptrail.live.market.candle_poller import Confirmation
from stoptrail.live.market.events import CandleClosed, Event
from stoptrail.live.market.ordering import Sequence
from stoptrail.live.market.quotes import Known
from stoptrail.live.market.timing import Timing
from stoptrail.live.market.warnings import Redaction, WarningLog
from tests.live.scenario import INTERVAL, START, SYMBOL

GRACE = 0.2


class Record:
    """An exchange's record of candles, as a reader gives it."""

    most = 1000

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows
        self.readings = 0

    async def page(self, symbol: str, timeframe: str, since: int, limit: int, **more: Any) -> Any:
        self.readings += 1
        await asyncio.sleep(0)
        return [row for row in self._rows if row[0] >= since][:limit]

    async def clock(self) -> None:
        return None


def row(at: int) -> Row:
    return at, 100.0, 100.0, 100.0, 100.0, 1.0


async def told_of(record: Any) -> list[Event]:
    """What is told of a market whose sockets say nothing after a trade within its first candle,
    once its record has a second one."""
    sequence = Sequence(INTERVAL, START - INTERVAL, WarningLog(Redaction({})))
    sequence.confirm([row(START)])
    sequence.tick(START + 1, 100.0, Known(), "1")
    told: list[Event] = []
    over = asyncio.Event()

    def tell(events: list[Event]) -> None:
        told.extend(events)
        if any(isinstance(event, CandleClosed) for event in events):
            over.set()

    async def room() -> None:
        pass

    given = record, sequence, SYMBOL, "15m", Timing(grace=GRACE), tell, lambda: True
    polling = asyncio.ensure_future(Confirmation(*given, lambda: None, room).run())
    try:
        await asyncio.wait_for(over.wait(), 100 * GRACE)
    finally:
        polling.cancel()
    return told


def test_a_candle_that_the_record_has_closed_waits_for_its_trades_for_the_grace_alone() -> None:
    """Though no stream tells of the next one, as in a market that is quiet from here on; meanwhile
    the exchange is not asked again and again."""
    record = Record([row(START - INTERVAL), row(START), row(START + INTERVAL)])
    told = asyncio.run(told_of(record))
    assert [event.time for event in told if isinstance(event, CandleClosed)] == [START]
    assert record.readings <= 4
