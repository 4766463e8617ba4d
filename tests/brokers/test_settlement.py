"""What late funding changes of trades that are over, against an account reckoned from its beginning
with everything known (C19, C20)."""

from __future__ import annotations

import random
from typing import NamedTuple

import pytest

from stoptrail.brokers.settlement import Amendment, Settled, Settlement
from stoptrail.rules.sizing import NO_CLOSED_TRADES

HOUR = 3_600_000
CASH = 1_000.0


class Raw(NamedTuple):
    """A trade before funding and credits."""

    side: int
    entry: int
    exit: int
    units: float
    gross: float


def account(trades: list[Raw], rows: list[tuple[int, float]]) -> list[tuple[float, float]]:
    """Profit and shortfall of each, all rows known from the beginning: candles of an hour."""
    cash, found = CASH, []
    for trade in trades:
        paid = sum(p for moment, p in rows if trade.entry < moment < trade.exit + HOUR)
        whole = trade.gross - trade.side * trade.units * paid
        short = max(0.0, -(cash + whole))
        found.append((whole + short, short))
        cash += whole + short
    return found


def settled(trades: list[Raw], known: list[tuple[int, float]]) -> Settlement:
    """A session that had `known` when the trades ended."""
    made, told = Settlement(NO_CLOSED_TRADES, CASH), account(trades, known)
    for number, (trade, (pnl, short)) in enumerate(zip(trades, told, strict=True), 1):
        own = Settled(number, trade.side, trade.entry, trade.units, 1.0, pnl, short)
        made.closed(own, trade.units, 0.0, trade.exit + HOUR)
    return made


def drawn(chance: random.Random, count: int) -> list[Raw]:
    """Trades one after the other, of which some lose more than there is."""
    found, at = [], 0
    for _ in range(count):
        entry = at + HOUR * chance.randrange(1, 3)
        at = entry + HOUR * chance.randrange(1, 12)
        gross = chance.choice([-3000.0, -900.0, -200.0, 150.0, 800.0]) * chance.random()
        found.append(Raw(chance.choice([1, -1]), entry, at, chance.choice([1.0, 30.0]), gross))
    return found


def test_late_rows_leave_what_there_would_be_had_they_come_in_time() -> None:
    """Payments and receipts, on trades with and without a shortfall, taken up again in between as
    after a restart."""
    credited = changed = 0
    for seed in range(400):
        chance = random.Random(seed)
        trades = drawn(chance, 5)
        rows = [
            (moment, chance.choice([-20.0, -1.0, 1.0, 20.0]))
            for moment in range(HOUR, trades[-1].exit, HOUR)
            if chance.random() < 0.3
        ]
        chance.shuffle(rows)
        found, amended = settled(trades, []), list[Amendment]()
        for at, row in enumerate(rows):
            amended += found.pay(*row)
            if at % 3 == 2:
                found = Settlement(found.history, found.cash, found.trades)
        meant = account(trades, rows)
        got = [(each.pnl, each.shortfall) for each in found.trades]
        for (pnl, short), (own, missing) in zip(meant, got, strict=True):
            assert own == pytest.approx(pnl, abs=1e-6)
            assert missing == pytest.approx(short, abs=1e-6)
        assert found.cash is not None
        assert found.cash == pytest.approx(CASH + sum(pnl for pnl, _ in meant), abs=1e-6)
        assert found.cash >= 0.0
        last = {one.trade: one for one in amended}
        before = account(trades, [])
        for number, (pnl, short) in enumerate(got, 1):
            told = last.get(number)
            known = (told.pnl, told.shortfall) if told else before[number - 1]
            assert known == pytest.approx((pnl, short), abs=1e-6)
            changed += told is not None and told.fill == 0
            credited += short > 0.0
    assert credited > 50
    assert changed > 5


def test_a_payment_of_a_trade_that_took_everything_is_credited() -> None:
    trade = Raw(1, 0, 8 * HOUR, 10.0, -1200.0)
    found = settled([trade], [])
    [amendment] = found.pay(4 * HOUR, 3.0)
    assert amendment == Amendment(1, 1, -30.0, -30.0, -30.0, -CASH, 230.0, 30.0)
    assert found.cash == 0.0


def test_a_receipt_first_makes_good_what_was_credited() -> None:
    trade = Raw(1, 0, 8 * HOUR, 10.0, -1200.0)
    found = settled([trade], [])
    found.pay(4 * HOUR, -15.0)
    assert (found.trades[0].pnl, found.trades[0].shortfall, found.cash) == (-CASH, 50.0, 0.0)
    found.pay(5 * HOUR, -15.0)
    assert (found.trades[0].pnl, found.trades[0].shortfall) == (-900.0, 0.0)
    assert found.cash == pytest.approx(100.0)


def test_a_sleeve_of_a_book_loses_no_more_than_its_margin_by_what_comes_late() -> None:
    """It knows the margins of those trades alone that took theirs whole."""
    found = Settlement(NO_CLOSED_TRADES, None)
    for number, (pnl, short) in enumerate([(-500.0, 100.0), (-50.0, 0.0)], 1):
        own = Settled(number, 1, number * 9 * HOUR, 10.0, 1.0, pnl, short)
        found.closed(own, 10.0, 0.0, (number * 9 + 5) * HOUR)
    [first] = found.pay(10 * HOUR, 3.0)
    assert (first.pnl, first.shortfall, first.by + first.credited) == (-500.0, 130.0, 0.0)
    [second] = found.pay(20 * HOUR, 3.0)
    assert (second.pnl, second.shortfall, second.by + second.credited) == (-80.0, 0.0, -30.0)
    assert found.cash is None
