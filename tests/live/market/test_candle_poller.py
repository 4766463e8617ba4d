"""When a closed candle is told that waits for its last trades."""

from __future__ import annotations

import asyncio
from typing import Any

from stoptrail.exchange.rows import Row
from stoptrail.live.market.candle_poller import Confirmation, Holes
from stoptrail.live.market.events import CandleClosed, Event
from stoptrail.live.market.ordering import Sequence
from stoptrail.live.market.timing import Timing
from stoptrail.live.market.warnings import Redaction, WarningLog
from stoptrail.rules.quotes import TradeQuote
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
    sequence.tick(START + 1, 100.0, TradeQuote(), "1")
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


def test_a_candle_that_the_record_has_with_other_values_later_is_said_once() -> None:
    """It counted trades late: what was told stays."""
    part, late = row(START), (*row(START)[:5], 2.0)
    log = WarningLog(Redaction({}))
    said: list[str] = []
    log.heard = lambda notice: said.append(notice.text)
    sequence = Sequence(INTERVAL, START - INTERVAL, log)
    rows = [row(START - INTERVAL), part, row(START + INTERVAL)]
    record: Any = Record(rows)
    holes = Holes(record, sequence, SYMBOL, "15m", Timing())

    def closed() -> list[Row]:
        found = asyncio.run(holes.rows(10))
        return [
            (event.time, *event[1:])
            for event in sequence.confirm(found, passed=holes.passed)
            if isinstance(event, CandleClosed)
        ]

    assert closed() == [part]
    rows.append(row(START + 2 * INTERVAL))
    assert closed() == [row(START + INTERVAL)]
    assert said == []
    rows[2] = (START + INTERVAL, *late[1:])
    rows.append(row(START + 3 * INTERVAL))
    assert closed() == [row(START + 2 * INTERVAL)]
    assert len(said) == 1
    assert "has another candle of" in said[0]
    assert "the first one stays" in said[0]
    rows[3] = (START + 2 * INTERVAL, *late[1:])
    rows.append(row(START + 4 * INTERVAL))
    closed()
    assert (len(said), log.counts["record changed"]) == (1, 2)
