"""A recorded market as the exchange would show it at any moment of market time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import NamedTuple

from stoptrail.rules.candles import Candles


class Filters(NamedTuple):
    """Trading rules that exchangeInfo reports; Binance's BTC/USDT by default."""

    tick: str = "0.01000000"
    lot: str = "0.00001000"
    min_quantity: str = "0.00001000"
    min_notional: str = "5.00000000"


class Trade(NamedTuple):
    """One trade of the tape."""

    number: int
    time: int
    price: float
    quantity: float


class Kline(NamedTuple):
    """A candle as it stands at some moment, finished or not."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    trades: int
    closed: bool


class RecordedMarket:
    """Candles of one market, and the tape of trades that would have made them.

    Trades of a candle: `ticks` prices along open-low-high-close (a rising candle) or
    open-high-low-close (a falling one), evenly spread over its time; none where the
    volume is zero. A tape therefore adds up to its candles.
    """

    def __init__(
        self,
        candles: Candles,
        symbol: str = "BTC/USDT",
        filters: Filters | None = None,
        ticks: int = 4,
    ) -> None:
        if ticks < 4:
            raise ValueError(f"ticks must be at least 4 to show a candle's path, got {ticks}")
        self.base, self.quote = symbol.split("/")
        self.symbol = symbol
        self.id = self.base + self.quote
        self.filters = filters or Filters()
        self.interval = candles.interval
        self.ticks = ticks
        self.times: list[int] = candles.time.tolist()
        columns = (candles.open, candles.high, candles.low, candles.close, candles.volume)
        self._rows = list(zip(*(column.tolist() for column in columns), strict=True))

    def __len__(self) -> int:
        return len(self.times)

    def index(self, time: int) -> int:
        """Position of the candle that opens at `time`; KeyError where there is none."""
        at = bisect_left(self.times, time)
        if at == len(self.times) or self.times[at] != time:
            raise KeyError(time)
        return at

    def trades(self, at: int) -> list[Trade]:
        """The tape of candle `at`, oldest first."""
        open_, high, low, close, volume = self._rows[at]
        if volume == 0.0:
            return []
        corners = (open_, low, high, close) if close >= open_ else (open_, high, low, close)
        step = (self.interval - 2) / (self.ticks - 1)
        return [
            Trade(
                at * self.ticks + k + 1,
                self.times[at] + 1 + int(k * step),
                self._along(corners, 3 * k / (self.ticks - 1)),
                volume / self.ticks,
            )
            for k in range(self.ticks)
        ]

    @staticmethod
    def _along(corners: tuple[float, ...], where: float) -> float:
        """Price at `where` in [0, 3] along the path; the corners themselves exactly."""
        k = min(int(where), 2)
        part = where - k
        if part in (0.0, 1.0):
            return corners[k + int(part)]
        return round(corners[k] + part * (corners[k + 1] - corners[k]), 2)

    def kline(self, at: int, now: int) -> Kline:
        """Candle `at` as known at market time `now`: unfinished before its end."""
        open_, high, low, close, volume = self._rows[at]
        time = self.times[at]
        if now >= time + self.interval:
            count = self.ticks if volume else 0
            return Kline(time, open_, high, low, close, volume, count, True)
        seen = [trade for trade in self.trades(at) if trade.time <= now]
        prices = [trade.price for trade in seen] or [open_]
        amount = sum(trade.quantity for trade in seen)
        return Kline(time, open_, max(prices), min(prices), prices[-1], amount, len(seen), False)

    def klines(
        self, interval: int, start: int | None, end: int | None, limit: int, now: int
    ) -> list[Kline]:
        """Candles of `interval` that open in [start, end] and are under way at `now`.

        As the exchange does it: the first `limit` from `start`, or without a start the
        newest `limit` up to `end`.
        """
        if interval % self.interval:
            raise ValueError(f"interval {interval} is not a multiple of {self.interval}")
        last = now if end is None else min(now, end)
        if start is None:
            newest = bisect_right(self.times, last)
            at = max(0, newest - (limit + 1) * (interval // self.interval))
            first = self.times[at] if self.times else 0
        else:
            first = start
            at = bisect_left(self.times, first + -first % interval)
        out: list[Kline] = []
        while at < len(self.times) and self.times[at] <= now:
            piece = self.kline(at, now)
            at += 1
            bucket = piece.time - piece.time % interval
            if bucket > last or (start is not None and len(out) > limit):
                break
            closed = now >= bucket + interval
            if out and out[-1].time == bucket:
                out[-1] = _joined(out[-1], piece, closed)
            else:
                out.append(piece._replace(time=bucket, closed=closed))
        return out[-limit:] if start is None else out[:limit]

    def revise(self, time: int, close: float) -> None:
        """From now on REST shows another close for the candle that opens at `time`."""
        at = self.index(time)
        open_, high, low, _, volume = self._rows[at]
        self._rows[at] = (open_, max(high, close), min(low, close), close, volume)

    def last_before(self, now: int) -> int:
        """Position of the newest candle under way at `now`; -1 before the first."""
        return bisect_right(self.times, now) - 1


def _joined(first: Kline, second: Kline, closed: bool) -> Kline:
    return Kline(
        first.time,
        first.open,
        max(first.high, second.high),
        min(first.low, second.low),
        second.close,
        first.volume + second.volume,
        first.trades + second.trades,
        closed,
    )
