"""What a stream said of its newest candles, for comparison with the exchange's record."""

from __future__ import annotations

from stoptrail.exchange.rows import Row
from stoptrail.live.market.warnings import WarningLog

_REMEMBERED = 8
"""States that are kept."""
_NEAR = 0.01
"""By how much turnover over volume may lie outside of a candle's prices: roundings, and trades
that one of the two does not have yet."""


class CandleCheck:
    """The last state of each of the stream's newest candles.

    `interval` is a candle's length in milliseconds. Nothing that is said here changes a
    candle: the record decides.
    """

    def __init__(self, interval: int, warning_log: WarningLog) -> None:
        self.newest = 0
        """Open time of the stream's latest candle; 0 before there is one."""
        self._interval = interval
        self._warning_log = warning_log
        self._known: dict[int, Row] = {}

    def heard(self, row: Row) -> None:
        """A state of a candle came."""
        time, before = row[0], self.newest
        self.newest = max(before, time)
        if before and time > before + self._interval:
            self._warning_log.say(
                "gap", "the stream left out candles: they are fetched before any later one"
            )
        if time < before:
            self._check_late(row)
        self._known[time] = row
        while len(self._known) > _REMEMBERED:
            del self._known[min(self._known)]

    def lags(self, row: Row) -> bool:
        """Whether the record's `row` has less volume than the stream has told of."""
        state = self._state(row)
        return state is not None and state[5] > row[5] * (1 + 1e-9)

    def ended_as(self, row: Row) -> bool:
        """Whether the stream ended this candle with the same values and began the next."""
        return self._state(row) == row and self.newest == row[0] + self._interval

    def check(self, row: Row) -> None:
        """Compare the record's closed candle with the stream's last state of it."""
        state = self._state(row)
        if state is None or state == row or self.newest <= row[0]:
            return
        if state[5] < row[5]:
            self._warning_log.say(
                "unfinished", "the stream left a candle unfinished: the exchange's record is used"
            )
        else:
            self._warning_log.say(
                "revised", "stream and record differ in a closed candle: the record is used"
            )

    def _state(self, row: Row) -> Row | None:
        """The stream's last state of the record's `row`. Where its volume is money (gate's
        spot candles), it says nothing of the coins: those of the record stand for it."""
        state = self._known.get(row[0])
        if state is None or not row[5] > 0.0:
            return state
        price = state[5] / row[5]
        turnover = row[3] * (1 - _NEAR) <= price <= row[2] * (1 + _NEAR)
        return (*state[:5], row[5]) if turnover and not 1 - _NEAR < price < 1 + _NEAR else state

    def _check_late(self, row: Row) -> None:
        """A state of a candle that comes after the stream has begun a later one."""
        state = self._known.get(row[0])
        if state is None or state == row:
            return
        if state[5] == row[5]:
            self._warning_log.say(
                "revised", "a closed candle came again with other values: the first ones stay"
            )
        else:
            self._warning_log.say(
                "out of order", "a state of a candle came late: the exchange's record decides"
            )
