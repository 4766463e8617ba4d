"""The order manager: one working stop order, ratcheted at every close (C5 to C8)."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

import numpy as np

from stoptrail.adapter.backtrader import bt
from stoptrail.exchange.rows import Row
from stoptrail.rules.costs import HOUR
from stoptrail.rules.exits import entry_candle, time_is_up
from stoptrail.rules.jit import compiled, is_quick
from stoptrail.rules.journal import Journal
from stoptrail.rules.manage import (
    STAYS,
    Managed,
    manage_close,
    managed_from,
    managed_through,
)
from stoptrail.rules.margin import Mark
from stoptrail.rules.own_exit import NOTHING_SEEN, called, seen_more
from stoptrail.rules.paths import TICKS, undisturbed
from stoptrail.rules.stops import (
    CHANDELIER,
    TARGET,
    TIME,
    Entry,
    Stop,
    breakeven_settled,
    held_throughout,
    quiet_atr,
    ratchet,
)
from stoptrail.rules.trade import Exit, Fill, Position, TradeRules, working_target
from stoptrail.strategies.calm import STIRRED, Changes, Lull
from stoptrail.strategies.played_moves import PlayedAhead, played_ahead, room

NO_REACH = np.empty(0)
"""Of a stop that hangs from no price of the market's."""


class StopTrail:
    """Protects the position of `strategy` with one stop order that is amended in place.

    The order is never cancelled and replaced: between the two a position would stand
    unprotected, or two stops could fill. A manager of one's own is a subclass that
    overrides `next_stop`; `position` and `stop` are None while there is no trade.
    """

    def __init__(self, strategy: Any, trade_rules: TradeRules, journal: Journal) -> None:
        self.strategy = strategy
        self.trade_rules = trade_rules
        self._journal = journal
        self._order: Any = None
        self.position: Position | None = None
        self.stop: Stop | None = None
        self.leaving = STAYS
        """Why an order to leave waits for an open, a code of rules.stops.REASONS; STAYS."""
        self._seen = NOTHING_SEEN
        self._ask = called(strategy.p.exit_rule)
        self._own = type(self).next_stop is not StopTrail.next_stop
        self._atrs: Changes | None = None
        self._times: Any = None
        self._told_in_one_go = getattr(journal, "moved_on", None)
        self._coming: PlayedAhead | None = None
        """Moves that were played ahead."""
        self._known = 0
        """How many of their rows are known by now."""
        self._played_until = -1
        """The candle before which all closes were played ahead for the strategy's `next`."""
        self._paid = 0.0
        """Funding that one unit held long has paid by the prices at hand (C19)."""

    def entered(self, position: Position, stop: Stop) -> None:
        """An entry filled: place its initial stop at once, and its target (C18)."""
        self.position, self.stop, self.leaving = position, stop, STAYS
        self._played_until = -1
        self._seen = managed_from(position.held, stop).seen
        self.strategy.wake()
        self._order = self._place(
            exectype=bt.Order.Stop,
            price=stop.level,
            size=position.units,
            reason=stop.reason,
            ratchet=self.tick,
            undisturbed=self.undisturbed,
        )
        self._aim(position)

    def _place(self, **options: Any) -> Any:
        """An order that leaves the position."""
        assert self.position is not None
        place = self.strategy.sell if self.position.held.side > 0 else self.strategy.buy
        return place(**options, filled=self.left, managed=True)

    def _aim(self, position: Position) -> None:
        """Place the limit order that takes the next profit, where there is one."""
        target = working_target(position, self.trade_rules)
        if target.units > 0.0 and 0.0 < target.level < math.inf:
            self._place(
                exectype=bt.Order.Limit,
                price=target.level,
                size=target.units,
                reason=TARGET,
                reduced=self.reduced,
            )

    def reduced(self, position: Position, part: Fill) -> None:
        """A target took a part, and left `position`."""
        del part
        self.position = position
        self.strategy.wake()
        self._aim(position)

    def candle_closed(self, now: int) -> None:
        """Ratchet on the candle that closed at `now` (ms); in force from the next one. The time
        stop, or a rule of the user's own, may send an order to leave at its open."""
        if self.position is None or self.stop is None:
            return
        if self.strategy.place < self._played_until:
            self.catch_up(now)
            return
        managed = self._managed(self.position, self.stop, now)
        self._move(managed.stop, now)
        self._seen = managed.seen
        if managed.leaving != self.leaving:
            self.leave_for(managed.leaving)

    def leave_for(self, reason: int) -> None:
        """Send an order to leave at the next open, for a code of rules.stops.REASONS."""
        assert self.position is not None
        self.leaving = reason
        self._place(size=self.position.units, reason=reason)
        self._journal.leaving(self.position, reason)

    def _managed(self, position: Position, stop: Stop, now: int) -> Managed:
        """What the close of the candle at hand makes of the trade."""
        lines, rules, held = self.strategy.data.lines, self.trade_rules, position.held
        opens, high, low, close = lines.open[0], lines.high[0], lines.low[0], lines.close[0]
        time, atr = now - self.strategy.interval, self.strategy.atr[0]
        if not held_throughout(held, time):
            high = low = close
        self._paid = self.strategy.broker.paid_before(now)
        before = Managed(stop, self.leaving, self._seen)
        if self._own:
            stop = self.next_stop(stop, position, high, low, close, atr, now)
            given = held, close, now, self.strategy.interval, rules.exits, rules.stop
            due = self.leaving == STAYS and time_is_up(*given)
            return Managed(stop, TIME if due else self.leaving, self._seen)
        reach, volume = self._reach(held.side), lines.volume[0]
        prices = time, opens, high, low, close, volume, atr, reach, now
        return manage_close(before, position, *prices, rules, self._ask, self._paid)

    def _reach(self, side: int) -> float:
        """What a chandelier hangs from."""
        reach = self.strategy.reach
        if reach is None:
            return 0.0
        return float(reach.highest[0] if side > 0 else reach.lowest[0])

    def take_up(self, position: Position, candles: Iterable[Row]) -> None:
        """Count for a rule of the user's own what it is told of the `candles` so far."""
        for time, _, high, low, close, _ in candles:
            whole = held_throughout(position.held, time)
            if time + self.strategy.interval > position.held.time:
                ends = (high, low) if whole else (close, close)
                self._seen = seen_more(self._seen, position.held.side, *ends)

    def foresee(self) -> None:
        """A run begins that knows its lines as a whole."""
        self._times = self.strategy.data.candles.time
        self._atrs = Changes(self.strategy.atr)

    def foresee_closes(self) -> bool:
        """The same, where the closes of a trade are played ahead; whether they can be."""
        self._times = self.strategy.data.candles.time
        return self._plays_ahead()

    def calm(self, at: int, until: int) -> Lull:
        """The candles after `at` and before `until` whose close moves neither the extreme
        nor the stop, and sends no order to leave: no ATR is low enough, and breakeven stays."""
        position, stop, rules = self.position, self.stop, self.trade_rules
        assert position is not None
        assert stop is not None
        assert self._atrs is not None
        held = position.held
        until = min(until, self._due(held))
        if until <= at + 1 or self._ask is not None or rules.stop.trail == CHANDELIER:
            return STIRRED
        broker, interval = self.strategy.broker, self.strategy.interval
        now = int(self._times[at]) + interval
        if (payment := broker.schedule.following(now)) < math.inf:
            until = min(until, int(np.searchsorted(self._times, payment - interval, "right")))
        paid, bound = broker.paid_by(now), quiet_atr(stop, held, rules.stop)
        far = until if bound == -math.inf else min(until, self._atrs.after_above(at, bound))
        near = min(until, self._atrs.after(at))
        # The breakeven of a short creeps with its borrow: it may be settled for a while only.
        for end in (far, near) if near < far else (far,):
            closes = int(self._times[end - 1]) + interval
            if breakeven_settled(stop, held, closes, rules.stop, rules.costs, rules.market, paid):
                if held.side > 0:
                    return Lull(end, ceiling=stop.extreme)
                return Lull(end, floor=stop.extreme)
        return STIRRED

    def _plays_ahead(self) -> bool:
        """Whether the closes of many candles can be taken in one go: nothing of the user's own,
        no funding and no tick has a say in between."""
        broker, rules = self.strategy.broker, self.trade_rules
        return (
            type(self) is StopTrail
            and self._ask is None
            and broker.run_rules.path != TICKS
            and not rules.costs.funding
            and not len(broker.marks)
            and is_quick(managed_through)
        )

    def following(self, at: int) -> int:
        """The first candle after `at` whose close moves the stop or asks for a look; the closes
        up to there are played ahead."""
        if self.leaving != STAYS:
            return at + 1
        if at >= self._played_until:
            self._played_until = self.play_ahead(at, len(self._times), math.nan)
        if self._coming is None or self._known == len(self._coming.candles):
            return self._played_until
        return self._coming.candles[self._known]

    def play_ahead(self, at: int, until: int, danger: float) -> int:
        """Take the closes of the candles after `at` up to the one at which something else may
        happen, `until` at the latest; that candle. `catch_up` makes the moves known. danger: a
        price before which nothing is liquidated, NaN for none."""
        position, stop, strategy = self.position, self.stop, self.strategy
        assert position is not None
        assert stop is not None
        reach, target = NO_REACH, strategy.broker.levels()[1]
        if strategy.reach is not None:
            line = strategy.reach.highest if position.held.side > 0 else strategy.reach.lowest
            reach = np.frombuffer(line.array)
        candles, atr = strategy.data.candles, np.frombuffer(strategy.atr.array)
        given = stop, position, at + 1, until, candles, atr, reach, target, danger, self.trade_rules
        moves = room()
        following, count = compiled(managed_through)(*given, moves)
        self._coming, self._known = played_ahead(moves, count, self._times, strategy.interval), 0
        return int(following)

    def catch_up(self, now: int) -> None:
        """Make the moves at closes up to `now` (ms) that were played ahead."""
        played, first, before = self._coming, self._known, self.stop
        if played is None or before is None:
            return
        end = bisect_right(played.closes, now, lo=first)
        if end == first:
            return
        self._known, self.stop = end, played.stop(end - 1)
        if self.stop.level == before.level:
            return
        # The last row of all is the stop after the last close, and no move.
        self._tell(before, played, first, min(end, len(played.closes) - 1))
        self.strategy.broker.amend(self._order, self.stop)

    def _tell(self, before: Stop, played: PlayedAhead, first: int, last: int) -> None:
        """Let the journal know of the moves in the rows [first, last)."""
        if self._told_in_one_go is not None and last - first > 1:
            self._told_in_one_go(played.moves(first, last), played.stop(last - 1))
            return
        for row in range(first, last):
            after = played.stop(row)
            self._journal.moved(before, after, played.closes[row])
            before = after

    def _due(self, held: Entry) -> int:
        """The first candle at whose close the time stop is tested; behind all others without
        one, or where the order to leave was sent."""
        hours, count = self.trade_rules.exits.time_hours, len(self._times)
        if not hours > 0.0 or self.leaving != STAYS:
            return count
        interval = self.strategy.interval
        opens = entry_candle(held, interval) + hours * HOUR - interval
        return int(np.searchsorted(self._times, opens))

    def tick(self, price: float, now: int) -> None:
        """Ratchet on a tick at `now` (ms), with the ATR of the last closed candle (C14)."""
        if self.position is None or self.stop is None:
            return
        self._paid = self.strategy.broker.paid_by(now)
        atr = self.strategy.atr[0]
        stop = self.next_stop(self.stop, self.position, price, price, price, atr, now)
        self._move(stop, now, price)

    def undisturbed(self, high: float, low: float, until: int, mark: Mark) -> bool:
        """Whether ticks between `low` and `high`, none later than `until` (ms), would do
        nothing; mark: what the mark prices are by then."""
        position, stop = self.position, self.stop
        if position is None or stop is None or self._own:
            return False
        held, leaving, broker = position.held, self.leaving != STAYS, self.strategy.broker
        target, paid = broker.levels()[1], broker.paid_by(until)
        atr, rules, danger = self.strategy.atr[0], self.trade_rules, broker.danger(until, paid)
        prices = high, low, atr, until
        return undisturbed(stop, target, leaving, held, *prices, rules, paid, danger.price, mark)

    def _move(self, stop: Stop, now: int, tick: float = math.nan) -> None:
        before, self.stop = self.stop, stop
        assert before is not None
        if stop.level != before.level:
            self.strategy.broker.amend(self._order, stop)
            self._journal.moved(before, stop, now, tick)

    def next_stop(
        self,
        stop: Stop,
        position: Position,
        high: float,
        low: float,
        close: float,
        atr: float,
        now: int,
    ) -> Stop:
        """The stop in force from `now` (ms) on, after prices of the trade between `low` and
        `high` that ended at `close`; `atr` is the last one known, in price units (C7, C8)."""
        rules = self.trade_rules
        return ratchet(
            stop,
            position.held,
            high,
            low,
            close,
            atr,
            now,
            rules.stop,
            rules.costs,
            rules.market,
            self._paid,
        )

    def left(self, position: Position, end: Exit) -> None:
        """The trade is over."""
        self.position = self.stop = self._order = None
        self.leaving = STAYS
        self._coming = None
        self.strategy.trade_closed(end)
