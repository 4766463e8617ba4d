"""What the stream makes of single messages."""

from __future__ import annotations

import asyncio
import math
from types import SimpleNamespace
from typing import Any, ClassVar

from stoptrail.live.market.events import Tick
from stoptrail.live.market.ordering import Sequence
from stoptrail.live.market.outbox import Outbox
from stoptrail.live.market.stream import Stream
from stoptrail.live.market.timing import Timing
from stoptrail.live.market.warnings import Redaction, WarningLog
from tests.live.scenario import INTERVAL, QUICK, START, SYMBOL


class Quoting:
    """An exchange that knows one quote."""

    id = "binance"
    has: ClassVar[dict[str, Any]] = {}
    options: ClassVar[dict[str, Any]] = {}

    async def watch_bids_asks(self, symbols: list[str]) -> dict[str, Any]:
        return {SYMBOL: {"bid": 99.0, "ask": 101.0}}


def tick_after(timing: Timing, breaks: str) -> Tick:
    """A tick that comes after a quote and after the socket of kind `breaks` has broken."""
    warning_log, outbox = WarningLog(Redaction({})), Outbox()
    sequence = Sequence(INTERVAL, START - INTERVAL, warning_log)
    sequence.confirm([(START, 100.0, 100.0, 100.0, 100.0, 1.0)])
    reader: Any = None
    stream = Stream(
        Quoting(), reader, sequence, SYMBOL, "15m", "auto", True, timing, warning_log, outbox
    )
    asyncio.run(stream.ticks.watch_quotes())
    if breaks:
        stream._socket_failed(breaks, ConnectionError("broken"), 1)
    stream.ticks.heard([{"timestamp": START + 1, "price": 100.0, "id": "1"}])
    while not isinstance(event := outbox.get(), Tick):
        assert event is not None
    return event


def test_a_tick_carries_the_quote_of_the_moment() -> None:
    tick = tick_after(QUICK, "")
    assert (tick.bid, tick.ask) == (99.0, 101.0)


def test_a_quote_whose_socket_broke_is_none() -> None:
    tick = tick_after(QUICK, "quotes")
    assert math.isnan(tick.bid)
    assert math.isnan(tick.ask)


class Charting(Quoting):
    """An exchange that shows one candle after the other."""

    def __init__(self, *volumes: float) -> None:
        self._rows = [
            [START + (k + 1) * INTERVAL, 100.0, 100.0, 100.0, 100.0, volume]
            for k, volume in enumerate(volumes)
        ]
        self.ohlcvs: dict[str, Any] = {}

    async def watch_ohlcv(self, symbol: str, timeframe: str) -> list[list[float]]:
        return [self._rows.pop(0)]


def hides_trades_after(*volumes: float) -> bool:
    """Whether trades count as hidden once candles of `volumes` came, no trade having been told."""
    warning_log, outbox = WarningLog(Redaction({})), Outbox()
    sequence = Sequence(INTERVAL, START - INTERVAL, warning_log)
    sequence.confirm([(START, 100.0, 100.0, 100.0, 100.0, 1.0)])
    reader: Any = SimpleNamespace(in_coins=lambda row: row)
    given = reader, sequence, SYMBOL, "15m", "auto", True, QUICK, warning_log, outbox
    stream = Stream(Charting(*volumes), *given)
    stream._silence.trade_at -= 2 * QUICK.silence
    stream._silence.traded_at -= 2 * QUICK.silence
    for _ in volumes:
        asyncio.run(stream._watch_candles())
    return stream._silence.hides_trades(True)


def test_candles_without_volume_show_no_trade_that_the_socket_hides() -> None:
    """As binance shows them of a market in which nothing is traded."""
    assert not hides_trades_after(0.0, 0.0)
    assert hides_trades_after(0.0, 1.0)
