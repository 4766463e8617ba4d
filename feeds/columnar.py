"""A Backtrader feed that hands its line buffers over in one go.

Backtrader's own feeds load candle by candle: a Python loop over filters, stacks and
six lines each. This one copies NumPy columns into the line arrays.
"""

from __future__ import annotations

import math
from array import array
from typing import Any, cast

import numpy as np

from stoptrail.adapter.backtrader import bt
from stoptrail.adapter.feed_candles import lent
from stoptrail.core.errors import UsageError
from stoptrail.core.time import MINUTE_MS, date_number
from stoptrail.rules.candles import Candles, Floats, Times

_NEVER = math.inf


def date_numbers(time: Times) -> Floats:
    """Open times in milliseconds as Backtrader's date numbers, shape (n,)."""
    return cast(Floats, date_number(time))  # type: ignore[arg-type]  # NumPy divides alike


class ColumnarFeed(bt.DataBase):  # type: ignore[misc]
    """A finished series of candles as a Backtrader feed; `ColumnarFeed(candles=...)`.

    Works preloaded (runonce or not) and candle by candle (`preload=False`). The
    `tick_*` attributes, which only live feeds need, are not kept. Filters, resampling,
    `fromdate`, `todate` and `exactbars` are not supported: cut the candles instead.
    """

    params = (("candles", None), ("timeframe", bt.TimeFrame.Minutes))

    candles: Candles
    interval: int
    """Length of a candle in milliseconds."""
    only_read = False
    """Whether nobody writes into the lines of a preloaded run: they are the columns themselves."""

    def __init__(self, **_: Any) -> None:  # Backtrader's metaclass takes the parameters out
        super().__init__()
        if not isinstance(self.p.candles, Candles):
            raise UsageError(
                "ColumnarFeed(candles=...) takes stoptrail.Candles, as stoptrail.load_candles() "
                f"reads them of a file, not {type(self.p.candles).__name__}; of a table, "
                "bt.feeds.PandasData is the feed"
            )
        self.candles = self.p.candles
        self.interval = self.candles.interval
        self.p.compression = self._compression = self.interval // MINUTE_MS
        self._count = len(self.candles.time)
        self._at = 0
        self._dates = array("d")
        self._moved: tuple[Any, ...] = tuple(self.lines)

    def __len__(self) -> int:
        """Candles delivered so far; asked for several times on every candle."""
        return int(self._moved[0].lencount)

    @property
    def index(self) -> int:
        """Position in `candles` of the candle under way, -1 before the first."""
        return int(self._moved[0]._idx)

    @property
    def count(self) -> int:
        """Candles in all."""
        return self._count

    def start(self) -> None:
        """Begin at the first candle; called by Cerebro before every run."""
        super().start()
        if self._filters or self.p.fromdate is not None or self.p.todate is not None:
            raise UsageError("ColumnarFeed takes no filter and no date limits: cut the candles")
        self._at = 0

    def preload(self) -> None:
        """Fill every line at once; a look-ahead that `extend` has asked for is kept."""
        lines, candles = self.lines, self.candles
        for line, column in (
            (lines.datetime, date_numbers(candles.time)),
            (lines.open, candles.open),
            (lines.high, candles.high),
            (lines.low, candles.low),
            (lines.close, candles.close),
            (lines.volume, candles.volume),
            (lines.openinterest, np.zeros(self._count)),
        ):
            is_lent = self.only_read and not line.extension
            line.array = (
                lent(column).toreadonly() if is_lent else _line_array(column, line.extension)
            )
        self._dates = lines.datetime.array
        self._moved = tuple(lines)
        self._at = self._count
        self.home()

    def reset(self, *names: Any, **values: Any) -> None:
        """Let the lines' contents go; called by Cerebro before every run."""
        super().reset(*names, **values)
        self._dates = array("d")

    def advance_peek(self) -> float:
        """Date number of the next candle of a preloaded run, infinity after the last."""
        at = self._moved[0]._idx + 1
        return self._dates[at] if at < self._count else _NEVER

    def advance(self, size: int = 1, datamaster: Any = None, ticks: bool = True) -> None:
        """Move on by `size` candles; seven assignments where the stock feed makes 30 calls."""
        if datamaster is not None:
            super().advance(size, datamaster, ticks)
            return
        a, b, c, d, e, f, g = self._moved
        at = a._idx + size
        a._idx = b._idx = c._idx = d._idx = e._idx = f._idx = g._idx = at
        at += 1
        a.lencount = b.lencount = c.lencount = d.lencount = at
        e.lencount = f.lencount = g.lencount = at

    def _load(self) -> bool:
        """One candle at the current position, for runs that do not preload."""
        i = self._at
        if i >= self._count:
            return False
        candles, lines = self.candles, self.lines
        lines.datetime[0] = date_number(int(candles.time[i]))
        lines.open[0] = candles.open[i]
        lines.high[0] = candles.high[i]
        lines.low[0] = candles.low[i]
        lines.close[0] = candles.close[i]
        lines.volume[0] = candles.volume[i]
        lines.openinterest[0] = 0.0
        self._at = i + 1
        return True

    def _tick_nullify(self) -> None:
        """Nothing reads ticks of a finished series."""

    def _tick_fill(self, force: bool = False) -> None:
        """Nothing reads ticks of a finished series."""


def _line_array(column: Floats, extension: int) -> array[float]:
    line = array("d")
    line.frombytes(np.ascontiguousarray(column, np.float64).tobytes())
    line.extend([math.nan] * extension)
    return line
