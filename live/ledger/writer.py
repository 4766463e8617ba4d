"""A step as rows of the ledger. Writing a step again leaves the same rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from peewee import Database

from stoptrail.live.gate import REASONS
from stoptrail.live.journal import (
    Amended,
    Entered,
    Funded,
    Happening,
    Ignored,
    Leaving,
    Left,
    Moved,
    Ordered,
    Reduced,
)
from stoptrail.live.ledger.row_writer import CANCELLED, FILLED, WORKING, Rows
from stoptrail.live.ledger.tables import (
    MARK,
    Decisions,
    PaperOrders,
    PaperTrades,
    Sessions,
    StoredCandles,
    StoredEquity,
)
from stoptrail.live.step import Step
from stoptrail.rules.stops import BY_HAND, beyond_its_price, breakeven_armed
from stoptrail.rules.stops import REASONS as STOP_REASONS
from stoptrail.rules.trade import Fill
from stoptrail.rules.types import Checkpoint

_KIND_OF = {
    "manual": "exit",
    "manual_price": "exit",
    "time": "leave",
    "rule": "leave",
    "target": "target",
    "liquidated": "liquidation",
}
"""Kinds of the orders that filled for these reasons; for all others a stop did. A target and a
liquidation have no row: their fills tell of them."""


class StepWriter(Rows):
    """Writes the steps of one session, or of a sleeve of a book; the caller holds the
    transaction. Of several sleeves on one market one `keeps_candles`."""

    def __init__(
        self,
        database: Database,
        session: int,
        interval: int,
        *,
        of_book: bool = False,
        keeps_candles: bool = True,
    ) -> None:
        super().__init__(database, session, interval)
        self._of_book = of_book
        self._keeps_candles = keeps_candles

    def write(self, step: Step) -> None:
        """All rows of `step`."""
        self.write_all([step])

    def write_all(self, steps: Sequence[Step]) -> None:
        """All rows of `steps`, which follow each other."""
        with self._statements.together():
            for step, following in pairwise([*steps, None]):
                assert step is not None
                if step.candle is not None and self._keeps_candles:
                    self._candle(step)
                if step.tick is not None:
                    self._tick(step.tick)
                for event in step.events:
                    self._event(event, step)
                if step.candle is not None or any(isinstance(e, Funded) for e in step.events):
                    closes = step.after + self._interval
                    self.put(StoredEquity, time=closes, equity=step.equity, cash=step.cash)
                if following is None or following.events:  # else it says the same, or newer
                    self._trade(step.checkpoint, step)
            if steps:
                self._checkpoint(steps[-1])

    def _candle(self, step: Step) -> None:
        assert step.candle is not None
        opens, open_, high, low, close, volume = step.candle
        marks = (
            dict.fromkeys(MARK) if step.mark is None else dict(zip(MARK, step.mark, strict=True))
        )
        self.put(
            StoredCandles,
            time=opens,
            open=open_,
            high=high,
            low=low,
            close=close,
            volume=volume,
            caught_up=step.caught_up,
            step=step.ticks if self._of_book else None,
            **marks,
        )

    def _event(self, event: Happening, step: Step) -> None:
        match event:
            case Ordered():
                self._ordered(event, step)
            case Ignored():
                self._ignored(event, step)
            case Entered():
                self._entered(event, step)
            case Moved():
                self._moved(event, step)
            case Leaving():
                self._leaving(event, step)
            case Reduced():
                self._reduced(event, step)
            case Left():
                self._left(event, step)
            case Funded():
                self._funded(event)
            case Amended():
                self._amended(event.amendment)

    def _ordered(self, event: Ordered, step: Step) -> None:
        entry_order = event.entry_order
        self.put(
            Decisions,
            time=entry_order.signal,
            side=entry_order.side,
            outcome="ordered",
            units=entry_order.units,
            equity=entry_order.equity,
            atr=entry_order.atr,
            settings=step.settings,
            caught_up=step.caught_up,
        )
        self._order(
            step,
            "entry",
            entry_order.signal,
            entry_order.side,
            entry_order.units,
            None,
            latest=entry_order.latest,
        )

    def _ignored(self, event: Ignored, step: Step) -> None:
        outcome = REASONS[event.reason]
        found = Decisions.select().where(
            Decisions.session == self._session, Decisions.time == event.time
        )
        self._statements.send()
        if found.bind(self._database).exists():  # its order was withdrawn
            self.change(Decisions, {"outcome": outcome}, time=event.time)
            ended = {"status": CANCELLED, "reason": outcome, "done": step.after}
            self.change(PaperOrders, ended, kind="entry", signal=event.time)
            return
        self.put(
            Decisions,
            time=event.time,
            side=event.side,
            outcome=outcome,
            settings=step.settings,
            caught_up=step.caught_up,
        )

    def _entered(self, event: Entered, step: Step) -> None:
        entry_order, position, stop = event.entry_order, event.position, event.stop
        held = position.held
        self.change(Decisions, {"outcome": FILLED}, time=entry_order.signal)
        filled = {"status": FILLED, "done": held.time, "fill": held.fill, "fee": position.fee}
        filled |= {"units": position.units}
        self.change(PaperOrders, filled, kind="entry", signal=entry_order.signal)
        self._order(step, "stop", entry_order.signal, -held.side, position.units, stop.level)
        self.put(
            PaperTrades,
            number=event.trade,
            signal=entry_order.signal,
            side=held.side,
            units=position.units,
            entry_time=held.time,
            entry=held.fill,
            atr=held.atr,
            initial_stop=stop.level,
            sl=stop.level,
            sl_reason=STOP_REASONS[stop.reason],
            extreme=stop.extreme,
            breakeven=False,
            entry_fee=position.fee,
            funding=0.0,
            shortfall=0.0,
            settings=step.settings,
            entry_caught_up=step.caught_up,
        )
        self._move(event.trade, 0, held.time, None, stop, step)
        entered = Fill(position.units, held.fill, position.fee, 0.0, 0.0)
        first = event.trade, 0, held.time, held.side, entered, None, position.units
        self._fill(*first, "entry", step)

    def _moved(self, event: Moved, step: Step) -> None:
        after, old, position = event.after, event.before.level, step.checkpoint.position
        close = math.nan if step.candle is None else step.candle[4]
        by = event.tick if event.tick == event.tick else close
        passed = position is not None and beyond_its_price(position.held.side, after, by)
        self._move(event.trade, event.number, event.time, old, after, step, passed=passed)
        self.change(PaperOrders, {"price": after.level}, kind="stop", signal=event.signal)
        moved = {"sl": after.level, "sl_reason": STOP_REASONS[after.reason]}
        self.change(PaperTrades, {**moved, "extreme": after.extreme}, number=event.trade)

    def _leaving(self, event: Leaving, step: Step) -> None:
        position, reason = event.position, event.reason
        kind, why = ("exit", None) if reason in BY_HAND else ("leave", STOP_REASONS[reason])
        side, units = -position.held.side, position.units
        self._order(step, kind, event.signal, side, units, event.price, reason=why)

    def _reduced(self, event: Reduced, step: Step) -> None:
        position, reason = event.position, STOP_REASONS[event.reason]
        number, side = position.parts.number, -position.held.side
        part = event.trade, number, event.time, side, event.part, event.until, position.units
        self._fill(*part, reason, step)
        for kind in ("stop", "exit", "leave"):
            left = {"units": position.units}
            self.change(PaperOrders, left, kind=kind, signal=event.signal, status=WORKING)

    def _left(self, event: Left, step: Step) -> None:
        end, reason = event.end, STOP_REASONS[event.reason]
        last, side = end.last, -event.position.held.side
        filled = {"status": FILLED, "done": event.time, "fill": last.price, "fee": last.fee}
        filled |= {"reason": reason}
        over = {"status": CANCELLED, "done": event.time, "reason": "position closed"}
        for kind in ("stop", "exit", "leave"):
            what = filled if kind == _KIND_OF.get(reason, "stop") else over
            self.change(PaperOrders, what, kind=kind, signal=event.signal)
        number = event.position.parts.number + 1
        self._fill(event.trade, number, event.time, side, last, event.until, 0.0, reason, step)
        closed = {
            "exit_time": event.time,
            "exit": end.price,
            "reason": reason,
            "fees": event.position.fee + end.fee,
            "borrow": end.borrow,
            "funding": end.funding,
            "shortfall": end.shortfall,
            "pnl": end.pnl,
            "exit_caught_up": step.caught_up,
            "opening_sl": None,
            "opening_sl_reason": None,
        }
        self.change(PaperTrades, closed, number=event.trade)

    def _checkpoint(self, step: Step) -> None:
        checkpoint = step.checkpoint
        guard = checkpoint.guard
        now = {
            "candle": step.after,
            "ticks": step.ticks,
            "balance": checkpoint.balance,
            "day_start": guard.day_start,
            "peak": guard.peak,
            "peak_before": checkpoint.peak_before,
            "losses": guard.losses,
            "guarded_until": guard.until,
            "quiet_until": checkpoint.quiet_until,
        }
        self._statements.change(Sessions, now, {"id": self._session})

    def _trade(self, checkpoint: Checkpoint, step: Step) -> None:
        """The open trade's stop as it is now."""
        position, stop, opening = checkpoint.position, checkpoint.stop, checkpoint.opening
        if position is None or stop is None:
            return
        now = {
            "sl": stop.level,
            "sl_reason": STOP_REASONS[stop.reason],
            "extreme": stop.extreme,
            "funding": step.funding,
            "breakeven": breakeven_armed(position.held, stop.extreme, step.rules),
            "opening_sl": None if opening is None else opening.level,
            "opening_sl_reason": None if opening is None else STOP_REASONS[opening.reason],
        }
        self.change(PaperTrades, now, exit_time=None)


def untouched(cash: float) -> dict[str, float]:
    """The columns of a session's account before its first candle."""
    money = dict.fromkeys(("balance", "day_start", "peak"), cash)
    return {**money, "losses": 0, "guarded_until": 0, "quiet_until": 0}
