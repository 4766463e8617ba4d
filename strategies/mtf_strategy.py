"""The strategy: a multi-timeframe signal, an ATR stop, one position at a time.

The same class runs in a backtest and in a paper session; everything that differs is in
the feed, the broker and the journal that it is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from stoptrail.adapter.feed_candles import (
    as_candles,
    interval_of,
    is_daily,
    known_candles,
    open_time,
)
from stoptrail.config.signals import resolve_signal
from stoptrail.core.errors import UsageError
from stoptrail.exchange.rows import Row
from stoptrail.rules.costs import DAY
from stoptrail.rules.decide import NO_OBSTACLE, obstacle, order_for, quiet_after
from stoptrail.rules.journal import Journal
from stoptrail.rules.protections import guard_exit, guard_start
from stoptrail.rules.trade import (
    SIZE,
    EntryOrder,
    Exit,
)
from stoptrail.rules.types import BOTH, CYCLE_EXIT, Checkpoint, RunRules, window_of
from stoptrail.sizers.atr_risk import AtrRiskSizer
from stoptrail.strategies.calm import STIRRED, Places, deciding
from stoptrail.strategies.cycle_exit import CycleExit
from stoptrail.strategies.day_marks import LastClose, MidnightMarks, last_close
from stoptrail.strategies.indicators import (
    FOUR_HOURS,
    EntrySignal,
    StopAtr,
    recent_extremes,
    volatility_line,
)
from stoptrail.strategies.own_orders import OwnOrders
from stoptrail.strategies.parameters import checked_parameters, require_before
from stoptrail.strategies.quick_candles import Pace
from stoptrail.strategies.signals.mtf_cycle import mtf_cycle
from stoptrail.strategies.stop_trail import StopTrail


class MtfStrategy(OwnOrders):
    """Enter at the first candle of a zone, manage the trade, ignore what comes meanwhile.

    The broker is a CandleBroker: its terms decide size, stop and costs. Parameters, all
    optional:

    signal, parameters: the entry signal, a function or the name of one, and its keyword
    parameters (see docs/signals.md; default: the shipped one with its defaults); sides:
    "both", "long" or "short", or the code of rules.types.SIDES; atr_period, atr_interval
    (ms): of the stop's ATR; start: open time in ms of the first candle that may decide
    (C17); past: candles before the feed's first (Candles, or rows), which only warm the
    indicators and which no analyzer sees; manager: a class like StopTrail that manages
    trades; gate: a function of a signal's open time that gives the code of what else stands
    against an entry, or None.

    Orders of one's own in a subclass: `buy` or `sell` enters as a signal does, with its stop;
    `close`, or the opposite side, leaves at the next open.

    exit_rule: the rule of the user's own that stands for the trail (rules.own_exit), where
    the broker's rules say so.
    """

    params: ClassVar[Any] = (
        ("signal", mtf_cycle),
        ("parameters", None),
        ("sides", BOTH),
        ("atr_period", 14),
        ("atr_interval", FOUR_HOURS),
        ("manager", None),
        ("exit_rule", None),
        ("start", 0),
        ("gate", None),
        ("past", ()),
    )

    def __init__(self) -> None:
        broker = self.broker
        if not hasattr(broker, "attach"):
            raise UsageError(
                f"MtfStrategy needs cerebro.setbroker(stoptrail.CandleBroker()), not "
                f"{type(broker).__name__}, which cannot hit a stop on the candle of its entry and "
                "knows no size from the risk"
            )
        self.interval = interval_of(self.data)
        self._daily = is_daily(self.data)
        past = as_candles(self.p.past, self.interval)
        self._past, self._known = past, len(past.time)
        broker.attach(self.data, self._known)
        require_before(past, known_candles(self.data), self.interval)
        self.run_rules: RunRules = broker.run_rules
        self.journal: Journal = broker.journal
        self.setsizer(AtrRiskSizer())  # until Cerebro sets one that was added
        self._sides = checked_parameters(self.p, self.interval)
        self.signal = EntrySignal(
            self.data, signal=self._signal(), parameters=self.p.parameters, past=past
        )
        self.zone, self.exit_zone = self.signal.zone, self.signal.exit_zone
        self.atr = StopAtr(
            self.data, timeframe=self.p.atr_interval, period=self.p.atr_period, past=past
        ).atr
        self.volatility = volatility_line(self.data, self.run_rules.trade_rules.sizing, past)
        self.reach = recent_extremes(self.data, window_of(self.run_rules), past)
        self.manager: StopTrail | CycleExit = self._managed()
        self.guard = guard_start(self.run_rules.cash)
        self._protected = any(self.run_rules.protections)
        self._marks = MidnightMarks(self.run_rules)
        self._closed = 0
        """Candles of its feed that it has seen."""
        self._quiet_until = 0
        self._pace = Pace()
        self._sleeps_until = -1
        self._calm = STIRRED
        self._signals: Places | None = None
        self._times: Any = None
        self._ahead: StopTrail | None = None
        """The manager, where it takes the closes of a trade ahead."""

    @property
    def place(self) -> int:
        """Number of the candle at hand in a run that knows all of them, -1 in another."""
        return self._pace.at

    def _signal(self) -> Any:
        """The signal function, looked up where it is named. Raises ConfigError."""
        signal = self.p.signal
        return resolve_signal(signal) if isinstance(signal, str) else signal

    def _start(self) -> None:
        if "manager" not in vars(self):
            raise UsageError(
                f"{type(self).__name__}.__init__ has to call super().__init__(), which prepares "
                "the signal and the order manager"
            )
        super()._start()

    def _managed(self) -> StopTrail | CycleExit:
        own = self.p.manager
        if own is None and self.run_rules.exits == CYCLE_EXIT:
            return CycleExit(self)
        manager = StopTrail if own is None else own
        if not (isinstance(manager, type) and issubclass(manager, StopTrail)):
            raise UsageError(f"manager must be a subclass of stoptrail.StopTrail, not {manager!r}")
        if own is not None and not self.broker.own_managers:
            raise UsageError(
                f"a session manages trades with StopTrail alone, not {own.__name__}: run your own "
                "manager in a Cerebro of your own (docs/library.md)"
            )
        if self.run_rules.trade_rules.stop.ruled != (self.p.exit_rule is not None):
            raise UsageError("exit_rule and the broker's StopRules.ruled go together")
        return manager(self, self.run_rules.trade_rules, self.journal)

    def next(self) -> None:
        """One closed candle: ratchet, then the signal."""
        at = self._pace.at
        if at < self._sleeps_until:
            return
        until, floor, ceiling = self._calm
        if at < until and floor <= self._lows[at] and self._highs[at] <= ceiling:
            return
        self._candle_closed()
        if self._signals is not None:
            self._rest(at, self._signals.after(at))

    def keep_pace(self, pace: Pace) -> None:
        """See QuickCandles. Which candles have nothing to do is known beforehand, unless a
        subclass or a manager does what it likes or every midnight is marked."""
        if type(self) is MtfStrategy and self.p.manager is None and not self._protected:
            self._foresee(pace)

    def _foresee(self, pace: Pace) -> None:
        self._pace = pace
        self._lows, self._highs = self.data.low.array, self.data.high.array
        self._times = self.data.candles.time
        lines = self.zone, self.signal.past_zone, self._sides, self.atr
        self._signals = deciding(*lines, self._times, self.p.start)
        manager = self.manager
        if isinstance(manager, StopTrail) and manager.foresee_closes():
            self._ahead = manager
        else:
            manager.foresee()

    def wake(self) -> None:
        """Look at the coming candle, whatever was known of it."""
        self._sleeps_until, self._calm = -1, STIRRED

    def _rest(self, at: int, until: int) -> None:
        """After candle `at`, up to a signal at candle `until`."""
        if self.manager.position is None:
            self._sleeps_until = until
        elif self._ahead is not None:
            self._sleeps_until = min(until, self._ahead.following(at))
        else:
            self._calm = self.manager.calm(at, until)

    def _candle_closed(self) -> None:
        if len(self.data) == self._closed:  # another feed alone has a candle
            return
        self._closed = len(self.data)
        if self.manager.position is not None:
            self.manager.candle_closed(self._time() + self.interval)
        if self._protected:
            self._mark_days()
        zone = self.zone[0]
        if zone and zone != self.signal.zone_before():
            self._consider(int(zone))

    def _consider(self, side: int) -> None:
        """A zone begins: send one entry order, or say why not (C2, C3)."""
        time = self._time()
        atr = self.atr[0]
        if time < self.p.start or atr != atr or self._sides not in (BOTH, side):
            return
        reason = self._obstacle()
        if reason is None:
            units = self.getsizing(self.data, isbuy=side > 0)
            if units > 0.0:
                self._send(side, units, atr, time)
                return
            reason = SIZE
        self.journal.ignored(side, reason, time)

    def _obstacle(self) -> int | None:
        against = obstacle(
            self.broker.open is not None,
            self.broker.pending,
            self._known + len(self.data) - 1,
            self._quiet_until,
            self.guard,
            self.broker.balance,
            self.run_rules,
        )
        if against != NO_OBSTACLE:
            return against
        return self.p.gate(self._time()) if self.p.gate is not None else None

    def _send(self, side: int, units: float, atr: float, time: int) -> None:
        equity, closes = self.broker.stake, time + self.interval
        self._place(order_for(side, units, equity, atr, time, closes, self.run_rules))

    def _place(self, entry_order: EntryOrder) -> None:
        place = self.buy if entry_order.side > 0 else self.sell
        told = {"filled": self.manager.entered, "closed_out": self.manager.left}
        place(size=entry_order.units, entry_order=entry_order, **told)

    def trade_closed(self, end: Exit) -> None:
        """The manager's word that the trade is over, inside the candle of its exit."""
        self.wake()
        index = self.broker.index
        self._quiet_until = quiet_after(index, self.run_rules)
        limits = self.run_rules.protections
        self.guard = guard_exit(self.guard, end.pnl, self.broker.balance, index, limits)

    def checkpoint(self) -> Checkpoint:
        """What another process would need, besides the candles, to go on from here."""
        broker, manager = self.broker, self.manager
        return Checkpoint(
            balance=broker.balance,
            position=manager.position,
            stop=manager.stop,
            opening=broker.opening,
            entry_order=broker.entry_order,
            guard=self.guard,
            quiet_until=self._quiet_until,
            history=broker.history,
            peak_before=self._marks.peak_before,
        )

    def go_on(self, checkpoint: Checkpoint, start: int) -> None:
        """Take `checkpoint` over at the close of the candle at hand; signals of candles
        that open at `start` (ms) or later count from now on. The broker has to be one
        that can `carry` it."""
        self.guard, self._quiet_until = checkpoint.guard, checkpoint.quiet_until
        self.p.start = start
        self.broker.carry(checkpoint)
        if checkpoint.position is not None and checkpoint.stop is not None:
            self.manager.entered(checkpoint.position, checkpoint.stop)
            if isinstance(self.manager, StopTrail) and self.p.exit_rule is not None:
                self.manager.take_up(checkpoint.position, self._candles())
        if checkpoint.entry_order is not None:
            self._place(checkpoint.entry_order)
        closes = self._time() + self.interval
        last = last_close(checkpoint, closes, self.data.close[0])
        midnight = int(np.searchsorted(self._past.time + self.interval, closes // DAY * DAY))
        price = self._past.close[midnight] if midnight < self._known else last.price
        self._marks.go_on(last, float(price), checkpoint.peak_before)

    def _candles(self) -> Iterator[Row]:
        """Every candle up to the one at hand."""
        yield from zip(*(column.tolist() for column in self._past[:6]), strict=True)
        lines = self.data.lines
        columns = (lines.open, lines.high, lines.low, lines.close, lines.volume)
        for ago in range(1 - len(self.data), 1):
            time = open_time(lines.datetime[ago], self._daily)
            yield time, *(column[ago] for column in columns)

    def _mark_days(self) -> None:
        """Tell the guard the equity at every 00:00 UTC up to this close."""
        broker, closes = self.broker, self._time() + self.interval
        held = LastClose(closes, broker.balance, broker.open, self.data.close[0])
        self.guard = self._marks.close(held, self.guard, broker.schedule)

    def mark_again(self, time: int) -> None:
        """Funding of `time` (ms) was published after its mark."""
        if self._protected:
            self.guard = self._marks.again(time, self.guard, self.broker.schedule)

    def _time(self) -> int:
        if self._signals is not None:
            return int(self._times[self._pace.at])
        return open_time(self.data.lines.datetime[0], self._daily)
