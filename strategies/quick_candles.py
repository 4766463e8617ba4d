"""Backtrader's bookkeeping of one candle, without what a plain backtest does not need.

Between two calls of `next` the stock strategy asks every line for its length, its clock
and its owner, and works out the account's value for listeners that nobody attached. On
175,000 candles that is most of the time of a run. With one finished data feed and no
listeners every line stands at the same candle, so moving them on is all there is to do.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import nan
from typing import Any

from stoptrail.adapter.backtrader import bt
from stoptrail.core.program import is_plain

_HEARD_EVERY_CANDLE = ("_notify", "clear", "_getminperstatus", "notify_cashvalue", "notify_fund")
"""Methods that the quick path leaves out on candles without an order."""

_HEARD_OF_ORDERS = ("notify_order", "notify_trade", "_addnotification")
"""Methods to which states of orders go."""

_STOCK_ADVANCE = (bt.Indicator.advance, bt.linebuffer.LineBuffer.advance)


class Pace:
    """The place that many lines share."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at = -1


def forward(line: Any, value: float, size: int) -> None:
    """Move a line on by `size` places that hold `value`, in one go."""
    if type(line.array) is not array:  # a ring of the last values
        line.forward(value, size)
        return
    room = array("d", [value]) * size
    line.array = line.array + room if line.array else room
    line.idx += size
    line.lencount += size


class QuickCandles(bt.Strategy):  # type: ignore[misc]
    """A strategy whose `next` is called on every candle as ever, with less around it.

    The quick path is taken where it does the same as the stock one: one data feed, run
    preloaded and vectorised (`runonce`), no analyzer, no observer, and no override of
    what hears of every candle. Everything else, a live session too, is Backtrader's code.
    """

    _quick = False
    _moved: tuple[Any, ...] = ()

    def __len__(self) -> int:
        """Candles so far; Cerebro asks on every one."""
        return int(self.lines.lines[0].lencount)

    def forward(self, value: float = nan, size: int = 1) -> None:
        """Make room in all lines; once for a vectorised run."""
        for line in self.lines:
            forward(line, value, size)

    def _start(self) -> None:
        """Called once when everything is attached."""
        super()._start()
        self._quick = not is_plain() and self._unheard() and self._in_step()
        self._moved = tuple(line for each in self.getindicators() for line in each.lines)

    def _unheard(self) -> bool:
        """Whether nobody hears of every candle."""
        return not (
            list(self.analyzers)
            or self._slave_analyzers
            or self.getobservers()
            or self._overrides(_HEARD_EVERY_CANDLE)
        )

    @property
    def hears_of_orders(self) -> bool:
        """Whether it does something with the states of its orders, which nobody else hears of
        where the quick path is taken."""
        return self._overrides(_HEARD_OF_ORDERS)

    def _overrides(self, names: Sequence[str]) -> bool:
        return any(getattr(type(self), name) is not getattr(bt.Strategy, name) for name in names)

    def _in_step(self) -> bool:
        """Whether all lines move together: one feed, kept whole, and nothing of its own
        kind among what moves."""
        return (
            len(self.datas) == 1
            and self.lines.fullsize() == 1
            and not self.lines[0].bindings
            and not self._oldsync
            and not self.cerebro.p.exactbars
            and all(type(each).advance in _STOCK_ADVANCE for each in self.getindicators())
        )

    def _oncepost(self, dt: float) -> None:
        """One candle of a vectorised run, as in Strategy._oncepost of 1.9.78.123."""
        if not self._quick:
            super()._oncepost(dt)
            return
        for line in self._moved:
            line._idx += 1
            line.lencount += 1
        date = self.lines.lines[0]
        date._idx += 1
        date.lencount = length = date.lencount + 1
        date.array.append(dt)
        self.one_candle(length)

    def one_candle(self, length: int) -> None:
        """What Backtrader does once the lines have come to a candle, the `length`-th."""
        if self._orderspending or self._tradespending:
            self._notify()
        self._minperstatus = status = self._minperiods[0] - length
        if status < 0:
            self.next()
        elif status == 0:
            self.nextstart()
        else:
            self.prenext()
        if self._orderspending or self._tradespending:
            self.clear()

    def keep_pace(self, pace: Pace) -> None:
        """A run begins whose lines all stand at `pace`; called before its first candle."""
