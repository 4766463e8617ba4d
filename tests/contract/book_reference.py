"""A book once more, as simply as it can be said (C22): plain lists, one loop over all moments,
no code of the package. It knows closed candles, an ATR of the base candles, stop and trail,
costs, sizes by the risk, caps, free cash and protections; no breakeven, targets or funding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

DAY = 86_400_000
NOISE = 1e-12
"""A number so close to a step is that step."""


@dataclass
class Prices:
    """Candles of one market by their open time."""

    rows: dict[int, tuple[float, float, float, float, float]]
    """Open, high, low, close, volume."""
    tick: float
    lot: float
    least: float
    """Lowest notional of a trade."""


@dataclass
class Lane:
    """One sleeve: its rules, then its state."""

    prices: Prices
    zones: dict[int, int]
    first: int
    """Open time from which it may decide."""
    share: float
    spot: bool
    sides: int
    multiplier: float
    period: int
    risk: float
    leverage: float
    with_costs: bool
    fee: float
    slip: float
    borrow: float
    cooldown: int
    delay: int

    seen: int = 0
    """Candles so far."""
    ranges: list[float] = field(default_factory=list)
    atr: float = math.nan
    last: float = math.nan
    zone: int = 0
    quiet: int = 0
    order: dict[str, float] | None = None
    held: dict[str, float] | None = None
    trades: list[dict[str, float]] = field(default_factory=list)
    ignored: dict[str, int] = field(default_factory=dict)

    def refuse(self, why: str) -> None:
        """Count a signal that led to no trade."""
        self.ignored[why] = self.ignored.get(why, 0) + 1

    def down(self, value: float, step: float) -> float:
        """The multiple of `step` at or below `value`."""
        return math.floor(value / step * (1 + NOISE) + NOISE) * step

    def rounded(self, price: float, *, up: bool) -> float:
        """A price on the tick."""
        count = price / self.prices.tick
        noise = NOISE * max(1.0, count)
        return (math.ceil(count - noise) if up else math.floor(count + noise)) * self.prices.tick

    def worse(self, side: int, price: float) -> float:
        """What a market order on `side` gets at `price`."""
        return self.rounded(price * (1 + side * self.slip), up=side > 0)

    def stop_at(self, side: int, fill: float, atr: float) -> float:
        """The initial stop."""
        return self.rounded(fill - side * self.multiplier * atr, up=side < 0)

    def loss(self, side: int, fill: float, level: float) -> float:
        """What a unit loses at its stop: exactly, or on the tick, whichever is more."""
        left = (level * (1 - side * self.slip), self.worse(-side, level))
        return max(side * (fill - x) + self.fee * (fill + x) for x in left)

    def tradable(self, units: float, price: float) -> float:
        """Whole lots, or nothing."""
        lots = self.down(units, self.prices.lot)
        return lots if lots > 0 and lots * price >= self.prices.least else 0.0

    def worth(self, moment: int) -> float:
        """Profit of the open trade, marked."""
        trade = self.held
        if trade is None:
            return 0.0
        owed = self.interest(trade, moment)
        gross = trade["side"] * trade["units"] * (self.last - trade["fill"])
        return gross - trade["fee"] - owed

    def interest(self, trade: dict[str, float], moment: int) -> float:
        """What a short owes by `moment`."""
        days = (moment - trade["entry"]) / DAY
        return trade["units"] * trade["fill"] * self.borrow * days if trade["side"] < 0 else 0.0

    def at_stake(self) -> tuple[float, float]:
        """Open risk and notional."""
        it = self.held or self.order
        if it is None:
            return 0.0, 0.0
        side = int(it["side"])
        risk = it["units"] * self.loss(side, it["fill"], it["level"])
        return max(0.0, risk), it["units"] * self.last


@dataclass
class Account:
    """The book."""

    lanes: list[Lane]
    cash: float
    interval: int
    risk_cap: float
    notional_cap: float
    daily_loss: float = 0.0
    drawdown: float = 0.0
    losses: int = 0
    rest: int = 0

    def __post_init__(self) -> None:
        self.balance = self.peak = self.day_start = self.cash
        self.in_a_row, self.until, self.step = 0, 0, -1
        self.free = math.inf

    def equity(self, moment: int) -> float:
        """Everything marked at its last close."""
        return self.balance + sum(lane.worth(moment) for lane in self.lanes)

    def play(self) -> list[Lane]:
        """All moments, one after the other."""
        times = sorted({time for lane in self.lanes for time in lane.prices.rows})
        before = times[0]
        for opens in times:
            closes = opens + self.interval
            for midnight in range((before // DAY + 1) * DAY, closes, DAY):
                self.mark(midnight)
            self.step += 1
            self.free = self.balance - sum(
                lane.held["units"] * lane.held["fill"] + lane.held["fee"]
                for lane in self.lanes
                if lane.held
            )
            now = [lane for lane in self.lanes if opens in lane.prices.rows]
            ended = [pnl for lane in now for pnl in self.fills(lane, opens)]
            wanted = [lane for lane in now if self.moves(lane, opens)]
            for pnl in ended:
                self.after(pnl, closes)
            if closes % DAY == 0:
                self.mark(closes)
            for lane in wanted:
                self.decides(lane, opens)
            before = closes
        return self.lanes

    def mark(self, midnight: int) -> None:
        """A day ends."""
        self.day_start = self.equity(midnight)
        self.peak = max(self.peak, self.day_start)

    def after(self, pnl: float, closes: int) -> None:
        """A trade has closed."""
        self.peak = max(self.peak, self.equity(closes))
        self.in_a_row = self.in_a_row + 1 if pnl < 0 else 0
        if self.losses and self.in_a_row >= self.losses:
            self.in_a_row, self.until = 0, self.step + 1 + self.rest

    def stopped(self, closes: int) -> bool:
        """Whether a protection holds."""
        value = self.equity(closes)
        daily = self.daily_loss > 0 and value <= self.day_start * (1 - self.daily_loss)
        deep = self.drawdown > 0 and value <= self.peak * (1 - self.drawdown)
        return self.step < self.until or daily or deep

    def fills(self, lane: Lane, opens: int) -> list[float]:
        """The open, then the stop; profits of what closed."""
        price, high, low, _, volume = lane.prices.rows[opens]
        order = lane.order
        if order and opens > order["latest"]:
            lane.order = None
            lane.refuse("gap")
            order = None
        if not volume > 0:
            return []
        if order:
            lane.order = None
            self.enters(lane, order, price, opens)
        trade = lane.held
        if not trade:
            return []
        side, level = int(trade["side"]), trade["level"]
        if not (low <= level if side > 0 else high >= level):
            return []
        first = min(price, level) if side > 0 else max(price, level)
        out = lane.worse(-side, first)
        gross = side * trade["units"] * (out - trade["fill"])
        costs = trade["fee"] + trade["units"] * out * lane.fee + lane.interest(trade, opens)
        trade |= {"exit": opens, "price": out, "pnl": gross - costs}
        self.balance += trade["pnl"]
        lane.trades.append(trade)
        lane.held, lane.quiet = None, lane.seen + lane.cooldown
        return [trade["pnl"]]

    def enters(self, lane: Lane, order: dict[str, float], price: float, opens: int) -> None:
        """An order meets its open."""
        side, equity = int(order["side"]), order["equity"]
        fill = lane.worse(side, price)
        level = lane.stop_at(side, fill, order["atr"])
        most = lane.leverage * equity / (fill * (1 + lane.fee)) if level > 0 else 0.0
        if lane.with_costs:
            loss = lane.loss(side, fill, level)
            most = min(most, equity * lane.risk / loss) if loss > 0 else most
        whole = lane.tradable(min(order["units"], most), fill)
        afford = self.free / (fill * (1 + lane.fee)) if lane.spot else math.inf
        got = lane.tradable(max(0.0, min(whole, afford)), fill)
        if not got > 0:
            cut = whole > 0 or (order["cut"] and lane.tradable(most, fill) > 0)
            lane.refuse("cap" if cut else "size")
            return
        paid = got * fill * lane.fee
        self.free -= got * fill + paid
        lane.held = {"side": side, "units": got, "fill": fill, "fee": paid, "level": level}
        lane.held |= {"entry": opens, "extreme": fill, "initial": level}

    def moves(self, lane: Lane, opens: int) -> bool:
        """The candle has closed: ATR, trail, zone; whether a signal is to be decided on."""
        _, high, low, close, _ = lane.prices.rows[opens]
        known = lane.last == lane.last
        spread = max(high, lane.last) - min(low, lane.last) if known else high - low
        if len(lane.ranges) < lane.period:
            lane.ranges.append(spread)
            if len(lane.ranges) == lane.period:
                lane.atr = sum(lane.ranges) / lane.period
        else:
            lane.atr += (spread - lane.atr) / lane.period
        lane.last = close
        lane.seen += 1
        trade = lane.held
        if trade:
            side = int(trade["side"])
            best = high if side > 0 else low
            trade["extreme"] = side * max(side * trade["extreme"], side * best)
            candidate = trade["extreme"] - side * lane.multiplier * lane.atr
            level = lane.rounded(candidate, up=side < 0)
            trade["level"] = side * max(side * trade["level"], side * level)
        zone, lane.zone = lane.zone, lane.zones[opens]
        begins = lane.zone != zone and lane.zone != 0
        return begins and opens >= lane.first and lane.atr == lane.atr

    def decides(self, lane: Lane, opens: int) -> None:
        """A signal: an order, or why not."""
        side, closes = lane.zone, opens + self.interval
        if lane.sides not in (0, side):
            return
        if lane.held:
            lane.refuse("position")
        elif lane.order:
            lane.refuse("pending")
        elif lane.seen - 1 < lane.quiet:
            lane.refuse("cooldown")
        elif self.stopped(closes):
            lane.refuse("protection")
        else:
            self.orders(lane, side, opens, closes)

    def orders(self, lane: Lane, side: int, opens: int, closes: int) -> None:
        """Size by the risk, cut to the caps."""
        value = self.equity(closes)
        equity = value * lane.share
        distance = lane.multiplier * lane.atr
        if not (distance > 0 and equity > 0):
            lane.refuse("size")
            return
        wanted = equity * lane.risk / distance
        risk, notional = (sum(x) for x in zip(*(e.at_stake() for e in self.lanes), strict=True))
        fill = lane.worse(side, lane.last)
        level = lane.stop_at(side, fill, lane.atr)
        loss = lane.loss(side, fill, level) if level > 0 else fill
        units = min(wanted, max(0.0, self.risk_cap * value - risk) / loss) if loss > 0 else wanted
        if notional > 0 or self.notional_cap < lane.share * lane.leverage:
            units = min(units, max(0.0, self.notional_cap * value - notional) / lane.last)
        if units < wanted and not lane.tradable(units, fill) > 0:
            lane.refuse("cap")
            return
        lane.order = {"side": side, "units": units, "equity": equity, "atr": lane.atr}
        lane.order |= {"cut": float(units < wanted), "latest": closes + lane.delay}
        lane.order |= {"fill": fill, "level": level}
