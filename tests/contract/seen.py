"""What an engine did with a table, in rows of that table and in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from stoptrail.backtest.plan import Record
from stoptrail.rules.funding import NO_ROWS, FundingRows, funding_of
from stoptrail.rules.margin import NO_TIERS, margin_tiers
from stoptrail.rules.stops import REASONS
from stoptrail.rules.trade import IGNORED
from stoptrail.rules.types import OPEN
from tests.contract.tables import Table, mirrored, plan

Tiers = tuple[tuple[float, float], ...]
Level = tuple[int, float, str]
"""First row in which a level holds, the level, and what set it."""


Part = tuple[int, float, float, str]
"""Row, units, price and reason of a fill that closed something."""


class Trade(NamedTuple):
    """One trade; rows count from 0, `exit` is None while it is open."""

    side: int
    signal: int
    entry: int
    exit: int | None
    reason: str
    units: float
    fill: float
    initial: float
    atr: float
    price: float
    fees: float
    borrow: float
    pnl: float
    funding: float
    shortfall: float
    levels: list[Level]
    """Every level in force; of the pre-screen the last one only, its row unknown."""
    exits: list[Part]
    """What closed it, part by part; empty for the pre-screen."""


class Seen(NamedTuple):
    """The outcome of one run."""

    trades: list[Trade]
    ignored: dict[str, int]
    """Signals that led to no trade, by reason; reasons without any are left out."""
    paths: bool
    """Whether every level is known, and not the last one of each trade only."""

    @property
    def one(self) -> Trade:
        """The only trade."""
        assert len(self.trades) == 1
        return self.trades[0]

    def expect_levels(self, *levels: Level, trade: int = 0) -> None:
        """The stop of a trade went exactly this way."""
        found = self.trades[trade]
        if self.paths:
            assert found.levels == list(levels)
        else:
            assert found.initial == levels[0][1]
            assert found.levels[0][1:] == levels[-1][1:]

    def expect_exits(self, *parts: Part) -> None:
        """The only trade was closed exactly so; of the pre-screen the sum is known."""
        if self.paths:
            assert self.one.exits == list(parts)
        units = sum(part[1] for part in parts)
        assert self.one.units == units
        assert self.one.price == pytest.approx(sum(n * p for _, n, p, _ in parts) / units)


def see(record: Record, one: Table, *, paths: bool = True) -> Seen:
    """`record` of a run over `one`, in words."""
    trades = []
    for k, row in enumerate(zip(*record.trades, strict=True)):
        signal, entry, end, side, reason, *numbers, _, _ = row
        closed = None if end == OPEN else one.row_of(end)
        levels = [
            (one.row_of(candle), float(level), REASONS[code])
            for trade, candle, level, code, *_ in zip(*record.stops, strict=True)
            if trade == k
        ]
        money = (float(number) for number in numbers)
        exits = [
            (one.row_of(candle), float(units), float(price), REASONS[code])
            for owner, candle, _, units, price, _, code, _ in zip(*record.fills, strict=True)
            if owner == k
        ]
        rows = (one.row_of(signal), one.row_of(entry), closed, REASONS[reason])
        trades.append(Trade(int(side), *rows, *money, levels, exits))
    ignored = {name: int(n) for name, n in zip(IGNORED, record.ignored, strict=True) if n}
    return Seen(trades, ignored, paths)


class Engine(NamedTuple):
    """One engine, ready to run tables."""

    name: str
    call: Callable[..., Record]
    sign: int
    """1 for tables as they are; -1 for their mirror image, whose prices and sides are
    turned back afterwards: what is expected of a long is written once."""

    def run(
        self,
        one: Table,
        *,
        start: int = 0,
        rows: FundingRows = NO_ROWS,
        tiers: Tiers = (),
        marks: Table | None = None,
        **numbers: Any,
    ) -> Seen:
        """Run a table; `start` is the index of the first candle of the span, `rows` are of
        funding, `tiers` of the maintenance margin, `marks` are mark prices, `numbers` go to
        tests.contract.tables.plan."""
        market = one if self.sign > 0 else mirrored(one)
        known = None
        if marks is not None:
            known = (marks if self.sign > 0 else mirrored(marks)).candles
        steps = margin_tiers(tiers) if tiers else NO_TIERS
        funding = funding_of(rows, market.candles, steps, known)
        record = self.call(market.candles, start, plan(market, **numbers), funding=funding)
        seen = see(record, market, paths=self.name != "kernel")
        if self.sign < 0:
            seen = seen._replace(trades=[_turned(trade) for trade in seen.trades])
        return seen


def _turned(trade: Trade, about: float = 100.0) -> Trade:
    """A trade of a mirrored market as it would be in the market itself."""

    def price(value: float) -> float:
        return round(2 * about - value, 9)

    return trade._replace(
        side=-trade.side,
        fill=price(trade.fill),
        initial=price(trade.initial),
        price=price(trade.price),
        levels=[(row, price(level), reason) for row, level, reason in trade.levels],
        exits=[(row, units, price(at), reason) for row, units, at, reason in trade.exits],
    )
