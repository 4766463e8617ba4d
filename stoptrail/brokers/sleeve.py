"""The broker of one sleeve of a book (C22): it fills as any of the contract does, and asks the book
for the equity, the room and the cash of the whole."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from stoptrail.brokers.candle import CandleBroker
from stoptrail.brokers.paper import PaperBroker
from stoptrail.rules.book import (
    CAP,
    Allowed,
    AtStake,
    Expected,
    capped_units,
    cut_entry,
    expected,
    fits_alone,
    margin_of,
    open_risk,
    stake,
    tied,
    too_small,
)
from stoptrail.rules.margin import liquidation, overtaken
from stoptrail.rules.stops import Stop
from stoptrail.rules.trade import SIZE, Position, TradeRules, marked


class SleeveBroker(CandleBroker):
    """The broker of one sleeve, on the account of a book. Parameters beside a CandleBroker's:
    share of the equity; lends: whether its market does, as a spot market does not."""

    params: ClassVar[Any] = (("share", 1.0), ("lends", False))
    book: Any
    number = 0
    """Its place in the book."""

    def reset(self) -> None:
        """Stand where a run begins."""
        super().reset()
        self.seen = 0
        """Candles of its feed that it has filled by."""
        self.margin = 0.0
        """What its position or order may lose (C20); set at the decision."""
        self.backings: list[float] = []
        """What each of its trades might lose."""
        self._expects = Expected(math.nan, math.nan)
        self.catch_up: Callable[[int], None] = _nothing_ahead
        """Makes the moves of its stop known that were played ahead, up to a close (ms)."""
        self._most = math.inf
        """Units that the caps have left of the entry order; infinite where they cut nothing."""
        self._tied: tuple[Position | None, float] = (None, 0.0)
        """What a position without funding ties up of the cash: as long as it is the same."""
        self._prices: Any = None

    def follow(self, closes: Any, pace: Any) -> None:
        """A run begins whose feed stands at `pace`; closes: of all its candles."""
        self._prices = closes, pace

    @property
    def stake(self) -> float:
        """What a trade is sized by (C4): the share of the book's equity."""
        return stake(self.book.getvalue(), self.p.share)

    @property
    def backing(self) -> float:
        """What its position may lose: its margin where it can be liquidated (C20)."""
        return self.margin if self.run_rules.trade_rules.margin.liquidates else self.balance

    def marked_on(self, value: float, price: float, time: int) -> float:
        """`value` and what the position adds to it, of a loss what backs it at most."""
        rules = self.run_rules.trade_rules
        if self.open is not None and self.schedule.is_empty:
            found = marked(value, self.open, price, time, rules)
        else:
            found = super().marked_on(value, price, time)
        if self.open is None or not rules.margin.liquidates:
            return found
        return max(found, value - self.margin)

    @property
    def nearest_danger(self) -> float:
        """A price before which the open trade is not liquidated; NaN where none is known."""
        if not self.run_rules.trade_rules.margin.liquidates or self._foreseen is None:
            return math.nan
        return float(self._foreseen[1])

    @property
    def close(self) -> float:
        """The last close of its market."""
        if self._prices is None:
            return float(self._data.lines.close[0])
        closes, pace = self._prices
        return float(closes[pace.at])

    @property
    def fresh(self) -> bool:
        """Whether its feed has a candle that it has not filled by."""
        return self._data is not None and len(self._data) > self.seen

    @property
    def idle(self) -> bool:
        """Whether its next candle can neither fill nor end anything."""
        return self.open is None and not self.pending

    def defer(self, decision: Callable[[], None]) -> None:
        """Decide when every sleeve's stops have moved."""
        self.book.deferred.append(decision)

    def stopped(self) -> bool:
        """Whether a protection of the book stops entries (C16)."""
        return bool(self.book.stopped())

    def room(self, side: int, wanted: float, atr: float) -> float:
        """Units of `wanted` that the caps leave; 0 where that is no trade."""
        rules, price, book = self.run_rules.trade_rules, self.close, self.book
        self._expects = entry = expected(side, price, atr, rules)
        equity, share, others = book.getvalue(), self.p.share, book.exposure()
        units = capped_units(wanted, side, price, entry, equity, share, others, book.caps, rules)
        if too_small(units, wanted, entry.fill, rules):
            return 0.0
        self._most = units if units < wanted else math.inf
        self.margin = margin_of(equity, share, others.margins)
        return units

    def at_stake(self, risk: float) -> AtStake:
        """What is held or ordered here, marked at the last close, with `risk` to the stop."""
        held = self.open or self.entry_order
        return held.units if held else 0.0, self.close, risk, self.margin

    def open_risk(self) -> float:
        """What is lost of it where the stop in force is hit, quote currency."""
        rules, order = self.run_rules.trade_rules, self.entry_order
        if self.open is not None:
            held = self.open.held
            return open_risk(held.side, self.open.units, held.fill, self.levels()[0], rules)
        if order is None:
            return 0.0
        return open_risk(order.side, order.units, *self._expects, rules)

    def tied_by(self, time: int) -> float:
        """What the position keeps of the cash at `time` (ms), funding included; 0 without one."""
        position = self.open
        if position is None:
            return 0.0
        if not self.schedule.is_empty:
            return tied(position, self.paid_by(max(time, position.held.time)))
        if self._tied[0] is not position:
            self._tied = position, tied(position)
        return self._tied[1]

    def ended(self, pnl: float) -> None:
        """A trade is over."""
        self.book.ended.append(pnl)

    def notify(self, order: Any) -> None:
        """Queue the order's state with the book, which Cerebro asks."""
        if self.patterns is None:
            self.book.news.append(order.clone())
        self.is_awake, self.below = True, math.inf
        self.book.note(self)

    def _entry_rules(self, order: Any) -> TradeRules:
        """Whether the margin suffices is asked once caps and cash have cut the units."""
        rules = super()._entry_rules(order)
        return rules._replace(margin=rules.margin._replace(checked=False))

    def _book_entry(self, position: Position, stop: Stop) -> None:
        rules = self.run_rules.trade_rules
        cash = math.inf if self.p.lends else self.book.cash
        cut = cut_entry(position, self._most, cash, rules)
        if cut.units > 0.0 and not self._holds(cut, stop):
            self._drop_entry(SIZE)
            return
        if not cut.units > 0.0 and (position.units > 0.0 or self._is_left_out(position)):
            self._drop_entry(CAP)
            return
        super()._book_entry(cut, stop)
        if self.open is not None:
            self.backings.append(self.backing)
            self.book.cash -= tied(self.open)

    def _is_left_out(self, position: Position) -> bool:
        """Whether the caps have cut the order and C4 would not have refused it by itself."""
        order, rules = self.entry_order, self._entry_rules(self._entry)
        assert order is not None
        return self._most < math.inf and fits_alone(order, position.held.fill, rules)

    def _holds(self, position: Position, stop: Stop) -> bool:
        """Whether the margin suffices up to the initial stop; otherwise there is no trade."""
        margin, held = self.run_rules.trade_rules.margin, position.held
        if not (margin.checked and margin.liquidates):
            return True
        given = held.side, position.units, held.fill, position.fee, self.margin, margin, self.tiers
        return not overtaken(held.side, stop.level, liquidation(*given).price)


class PaperSleeveBroker(SleeveBroker, PaperBroker):
    """The broker of a sleeve in a paper session (C14): both in one."""

    params: ClassVar[Any] = (("ticks", False),)

    @property
    def idle(self) -> bool:
        """False: it counts candles, and the funding of each."""
        return False

    @property
    def allowed(self) -> Allowed:
        """What another process needs of the book's word, to go on from here."""
        return Allowed(self._most, self.margin)

    def allow(self, allowed: Allowed, price: float) -> None:
        """Take that word over; `price` is the close at which a waiting order was decided."""
        self._most, self.margin = allowed
        order = self.entry_order
        if order is not None:
            self._expects = expected(order.side, price, order.atr, self.run_rules.trade_rules)

    def marked_on(self, value: float, price: float, time: int) -> float:
        """See Account; what a tick has entered after `time` is worth what it cost."""
        known = time if self.open is None else max(time, self.open.held.time)
        return super().marked_on(value, price, known)

    def _pay(self, moment: int, paid: float) -> float:
        held, before = self._paid_by_held(moment, paid), self._closed_cash()
        booked = super()._pay(moment, paid)
        self.book.pay_late(moment, booked, held + self._closed_cash() - before)
        return booked

    def _closed_cash(self) -> float:
        """The account's, with what targets have brought in."""
        return self.balance + (0.0 if self.open is None else self.open.parts.profit)


def _nothing_ahead(_now: int) -> None:
    """Of a sleeve whose candles come one by one."""
