"""Cerebro with one loop in place of its bookkeeping, where nothing of that is heard.

Backtrader's loop asks feeds for their dates, looks for timers and writers, calls the broker
and moves every line on, candle by candle. With one finished feed, the project's broker and a
strategy whose lines move together (QuickCandles), all lines stand at one place: a number.
The broker is called where an order waits or a candle reaches the stop, the strategy's `next`
on every candle, each as they are.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stoptrail.adapter.backtrader import bt
from stoptrail.brokers.candle import CandleBroker
from stoptrail.core.program import is_plain
from stoptrail.feeds.columnar import ColumnarFeed
from stoptrail.rules.candles import Candles
from stoptrail.rules.margin import outermost
from stoptrail.strategies.quick_candles import Pace, QuickCandles

LineBuffer: Any = bt.linebuffer.LineBuffer


class InStep(LineBuffer):  # type: ignore[misc]
    """A line whose place is that of its `pace`, until something moves it by itself."""

    pace: Pace

    def __getitem__(self, ago: int) -> Any:
        return self.array[self.pace.at + ago]

    def __len__(self) -> int:
        return self.pace.at + 1

    @property
    def _idx(self) -> int:
        return self.pace.at

    @_idx.setter
    def _idx(self, place: int) -> None:
        _on_its_own(self)
        self._idx = place

    @property
    def lencount(self) -> int:
        """Candles so far."""
        return self.pace.at + 1

    @lencount.setter
    def lencount(self, count: int) -> None:
        _on_its_own(self)
        self.lencount = count


def put_in_step(line: Any, pace: Pace) -> None:
    """Let `line` stand where `pace` does."""
    line.pace = pace
    line.__class__ = InStep


def _on_its_own(line: Any) -> None:
    place = line.pace.at
    line.__class__ = LineBuffer
    line._idx, line.lencount = place, place + 1


class QuickCerebro(bt.Cerebro):  # type: ignore[misc]
    """Backtrader's Cerebro, quicker where a run allows it; the same run in any case."""

    def _runonce(self, strategies: list[Any]) -> None:
        """A vectorised run, as Cerebro._runonce of 1.9.78.123."""
        if not self._is_alone(strategies):
            super()._runonce(strategies)
            return
        (strategy,), (feed,) = strategies, self.datas
        strategy._once()
        strategy.reset()
        # The broker sees a candle before the strategy's lines have come to it.
        lead, own = Pace(), Pace()
        for line in feed.lines:
            put_in_step(line, lead)
        apart = [line for line in strategy._moved if type(line) is not LineBuffer]
        strategy.lines[0].array = feed.lines.datetime.array[: feed.count]
        for line in (*strategy.lines, *strategy._moved):
            if type(line) is LineBuffer:
                put_in_step(line, own)
        strategy.keep_pace(own)
        self._broker.patterns = None if strategy.hears_of_orders else {}
        self._play(strategy, feed, lead, own, apart)

    def _is_alone(self, strategies: list[Any]) -> bool:
        """Whether nothing but one strategy, one feed and one broker hears of a candle."""
        return (
            not is_plain()
            and len(strategies) == len(self.datas) == 1
            and isinstance(strategies[0], QuickCandles)
            and strategies[0]._quick
            and type(self.datas[0]) is ColumnarFeed
            and type(self._broker) is CandleBroker
            and not (self._timers or self._timerscheat or self.runwriters)
            and not (self.p.cheat_on_open or self.p.quicknotify)
        )

    def _play(self, strategy: Any, feed: Any, lead: Pace, own: Pace, apart: list[Any]) -> None:
        """Candle by candle: the broker where it has something to do, then the strategy."""
        broker, following = self._broker, strategy.next
        lows, highs = outermost(feed.lines.low.array, feed.lines.high.array, broker.marks)
        due, due_at = math.inf, feed.count
        # Until indicators are warm, and with lines that move by themselves, every candle is
        # told of as one with orders.
        warm = feed.count if apart else strategy._minperiods[0]
        for at in range(feed.count):
            if broker.due != due:
                due, due_at = broker.due, closing_by(broker.due, feed.candles)
            lead.at = own.at = at
            if at < warm or (
                broker.is_awake
                and (lows[at] <= broker.below or highs[at] >= broker.above or at >= due_at)
            ):
                own.at = at - 1
                self._brokernotify()
                if self._event_stop:
                    return
                own.at = at
                for line in apart:
                    line._idx += 1
                    line.lencount += 1
                strategy.one_candle(at + 1)
            else:
                following()
            if self._event_stop:
                return


def closing_by(due: float, candles: Candles) -> int:
    """The first of `candles` that closes at `due` (ms) or later; their number where none does."""
    opens = due - candles.interval
    if opens > candles.time[-1]:
        return len(candles.time)
    if opens <= candles.time[0]:
        return 0
    return int(np.searchsorted(candles.time, math.ceil(opens)))
