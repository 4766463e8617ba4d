"""C19: who pays funding, on which candle, and what it moves.

The signal is on candle 1, the entry at the open of candle 2 (00:30), N * ATR = 8. Prices are
round and nothing else costs anything, so that the funding of a trade is units * price * rate.
"""

import numpy as np
import pytest

from stoptrail.backtest.engine import run_backtrader
from stoptrail.feeds.funding.rates import constant_rows
from stoptrail.rules.funding import FundingRows, funding_of, funding_rows
from stoptrail.rules.sizing import ALL_IN
from stoptrail.rules.stops import NO_TRAIL
from stoptrail.rules.types import CYCLE_EXIT
from tests.contract.engines import paper
from tests.contract.seen import Engine
from tests.contract.tables import MIDNIGHT, QUARTER_HOUR, Table, plan, table
from tests.markets import FINE, random_market, random_signals

HOUR = 3_600_000
SIGNAL = """
    .  100 101  99 100  10
    L  100 102  98 100  10   ATR 4
"""
STEADY = """
    .  100 100  99 100  10   2: in at the open, 100; the stop is at 92
    .  100 100  99 100  10   3
    .  100 100  91 100  10   4: hit, out at 92
    .  100 101  99 100  10   5
"""
PAID = {"funding": 1.0, "frozen": True}
UNITS = 12.5
"""1 % of 10,000 over a distance of 8."""


def at(*rows: float, rate: float = 0.001, **columns: float) -> FundingRows:
    """Rows at these numbers of candles after midnight."""
    times = [MIDNIGHT + round(row * QUARTER_HOUR) for row in rows]
    return funding_rows(
        times, [rate] * len(times), **{name: [value] for name, value in columns.items()}
    )


@pytest.mark.parametrize(
    ("row", "payments"),
    [
        (2.0, 0),  # entered at T's open: free
        (2.0 + 11 / QUARTER_HOUR, 0),  # 11 ms late
        (1.0, 0),
        (3.0, 1),
        (4.0, 1),  # left within T's candle
        (4.0 + 11 / QUARTER_HOUR, 1),
        (4.0 - 11 / QUARTER_HOUR, 1),
        (5.0, 0),  # left one candle before
        (3.4, 1),  # inside a candle that it was open at
        (4.4, 1),
        (5.4, 0),
    ],
)
def test_a_row_is_paid_by_who_entered_before_it_and_left_at_it_or_later(
    engine: Engine, row: float, payments: int
) -> None:
    seen = engine.run(table(SIGNAL + STEADY), rows=at(row), **PAID)
    trade = seen.one
    assert (trade.entry, trade.exit, trade.price, trade.units) == (2, 4, 92.0, UNITS)
    assert trade.funding == pytest.approx(-payments * UNITS * 100.0 * 0.001)
    assert trade.pnl == pytest.approx(-UNITS * 8.0 + trade.funding)
    assert trade.fees == 0.0


def test_a_short_is_paid_what_a_long_pays(engine: Engine) -> None:
    rows = """
    .  100 101  99 100  10
    S  100 102  98 100  10
    .  100 101 100 100  10
    .  100 101 100 100  10
    .  100 109 100 100  10   out at 108
    """
    received = engine.run(table(rows), rows=at(3.0, 4.0), **PAID).one
    assert received.funding == pytest.approx(2 * UNITS * 100.0 * 0.001)
    paid = engine.run(table(rows), rows=at(3.0, 4.0, rate=-0.002), **PAID).one
    assert paid.funding == pytest.approx(-2 * UNITS * 100.0 * 0.002)
    assert paid.pnl == pytest.approx(-UNITS * 8.0 + paid.funding)


def test_leaving_at_the_open_of_t_pays(engine: Engine) -> None:
    rows = SIGNAL + "D  100 101  99 100  10\n.  103 104 102 103  10"
    legacy = {"exits": CYCLE_EXIT, "kind": ALL_IN, "max_leverage": 1.0, **PAID}
    trade = engine.run(table(rows), rows=at(3.0), **legacy).one
    assert (trade.exit, trade.price, trade.units) == (3, 103.0, 100.0)
    assert trade.funding == pytest.approx(-100.0 * 100.0 * 0.001)


def test_a_gap_through_the_stop_at_the_open_of_t_pays(engine: Engine) -> None:
    rows = SIGNAL + ".  100 101  99 100  10\n.   90  91  89  90  10"
    trade = engine.run(table(rows), rows=at(3.0), **PAID).one
    assert (trade.exit, trade.price) == (3, 90.0)
    assert trade.funding == pytest.approx(-UNITS * 100.0 * 0.001)


@pytest.mark.parametrize(("row", "units"), [(3.0, 12.5), (4.0, 6.25), (3.4, 12.5)])
def test_a_part_that_leaves_in_the_candle_of_t_still_pays(
    engine: Engine, row: float, units: float
) -> None:
    rows = """
    .  100 101  99 100  10   2: in at 100; a target at 108 for a half
    .  100 109  99 100  10   3: the half is out
    .  100 100  91 100  10   4: the rest, at 92
    """
    wanted = {"trail": NO_TRAIL, "scale_out": [(1.0, 0.5)], **PAID}
    trade = engine.run(table(SIGNAL + rows), rows=at(row), **wanted).one
    assert (trade.exit, trade.units) == (4, UNITS)
    assert trade.funding == pytest.approx(-units * 100.0 * 0.001)
    assert trade.pnl == pytest.approx(6.25 * 8.0 - 6.25 * 8.0 + trade.funding)


def test_a_part_pays_until_it_leaves_and_the_rest_until_the_end(engine: Engine) -> None:
    rows = """
    .  100 101  99 100  10
    .  100 100  99 100  10   3
    .  109 109  99 100  10   4: the open is beyond the target at 108
    .  100 100  99 100  10   5
    .  100 100  91 100  10   6
    """
    wanted = {"trail": NO_TRAIL, "scale_out": [(1.0, 0.5)], **PAID}
    trade = engine.run(table(SIGNAL + rows), rows=at(3.0, 4.0, 5.0, 6.0), **wanted).one
    assert trade.funding == pytest.approx(-(2 * 12.5 + 2 * 6.25) * 100.0 * 0.001)


def test_the_close_before_t_is_the_price_unless_the_row_has_its_own(engine: Engine) -> None:
    market = table(SIGNAL + ".  100 105  99 104  10\n.  104 105  91 100  10")
    trade = engine.run(market, rows=at(3.0), **PAID).one
    assert trade.funding == pytest.approx(-UNITS * 104.0 * 0.001)
    own = engine.run(market, rows=at(3.0, price=80.0), **PAID).one
    assert own.funding == pytest.approx(-UNITS * 80.0 * 0.001)


def test_eight_hours_become_one_within_a_trade(engine: Engine) -> None:
    hourly = "".join(".  100 100  99 100  10\n" for _ in range(9)) + ".  100 100  91 100  10\n"
    market = table(SIGNAL + hourly, interval=HOUR)
    times = [MIDNIGHT + hour * HOUR for hour in (0, 8, 9, 10, 11, 12)]
    rows = funding_rows(times, [0.008, 0.008, 0.001, 0.001, 0.001, 0.001])
    trade = engine.run(market, rows=rows, **PAID).one
    assert (trade.entry, trade.exit) == (2, 11)
    assert trade.funding == pytest.approx(-UNITS * 100.0 * (0.008 + 3 * 0.001))


def test_hourly_rows_on_candles_of_four_hours(engine: Engine) -> None:
    market = table(SIGNAL + STEADY, interval=4 * HOUR)
    times = [MIDNIGHT + hour * HOUR for hour in range(24)]
    trade = engine.run(market, rows=funding_rows(times, [0.001] * 24), **PAID).one
    # In at 8:00, out within the candle from 16:00 to 20:00: 9:00 to 19:00.
    assert (trade.entry, trade.exit) == (2, 4)
    assert trade.funding == pytest.approx(-UNITS * 100.0 * 0.001 * 11)


def test_a_row_that_accrues_is_paid_at_each_close_within_it(engine: Engine) -> None:
    start = MIDNIGHT + 39 * QUARTER_HOUR  # the entry is at 10:15
    market = table(SIGNAL + STEADY.replace("91 100", "99 100"), start=start)
    market = table(
        SIGNAL + ".  100 101  99 100  10\n" * 2 + ".  100 101  91 100  10\n", start=start
    )
    rows = funding_rows([MIDNIGHT + 10 * HOUR], [0.004], hours=[1.0])
    trade = engine.run(market, rows=rows, **PAID).one
    assert (trade.entry, trade.exit) == (2, 4)  # 10:15 to within the candle of 10:45
    assert trade.funding == pytest.approx(-UNITS * 100.0 * 0.004 * 30 / 60)


def test_an_open_trade_has_the_funding_of_its_last_close(engine: Engine) -> None:
    market = table(SIGNAL + ".  100 101  99 100  10\n.  100 101  99 101  10\n")
    trade = engine.run(market, rows=at(3.0, 4.0), **PAID).one
    assert trade.exit is None
    assert trade.funding == pytest.approx(-UNITS * 0.001 * (100.0 + 101.0))
    assert trade.pnl == pytest.approx(UNITS + trade.funding)


def test_breakeven_moves_with_what_was_paid_before_the_close(either: Engine) -> None:
    """A long's level lies above the fill by what it paid; the row at the close itself comes
    after the stop has moved."""
    quiet = {"multiplier": 4.0, "breakeven_trigger": 1.0, **PAID}
    market = table(
        SIGNAL
        + """
    .  100 100 100 100  10   2
    .  100 104 100 103  10   3: armed; level 100 + paid
    .  103 103 100 101  10   4
        """
    )
    for row, level in ((3.0, 100.2), (4.0, 100.0)):
        seen = either.run(market, rows=at(row, rate=0.002 * either.sign), **quiet)
        seen.expect_levels((2, 84.0, "initial"), (4, level, "breakeven"))


def test_equity_of_midnight_has_the_funding_of_midnight(engine: Engine) -> None:
    """A daily loss limit of 1 % of the equity at 00:00: with the funding of 00:00 in that mark
    the loss of the day does not reach it."""
    start = MIDNIGHT - 3 * QUARTER_HOUR
    market = table(
        SIGNAL
        + """
    .  100 100  99 100  10   in at 23:45
    .  100 100  91 100  10   00:00: out at 92 and 100 lost
    L  100 101  99 100  10
    .  100 101  99 100  10
        """,
        start=start,
    )
    limit = {"daily_loss": 0.0101, **PAID}
    # Without funding at 00:00 the day begins with 10,000 and 100 is 1 % of it.
    free = engine.run(market, rows=at(99.0), **limit)
    assert len(free.trades) == 2
    # It pays 125 at 00:00: the mark of 00:00 is 9,875, of which 100 are more than 1.01 %.
    paid = engine.run(market, rows=at(0.0, rate=0.1), **limit)
    assert paid.trades[0].funding == pytest.approx(-125.0)
    assert paid.ignored == {"protection": 1}


def test_without_a_rate_rows_cost_nothing(engine: Engine) -> None:
    seen = engine.run(table(SIGNAL + STEADY), rows=at(3.0, 4.0))
    assert seen.one.funding == 0.0
    assert np.signbit(seen.one.funding) is np.False_


def test_a_constant_rate_is_a_multiple_of_rows_of_one(engine: Engine) -> None:
    seen = engine.run(table(SIGNAL + STEADY), rows=at(3.0, 4.0, rate=1.0), funding=0.0001)
    assert seen.one.funding == pytest.approx(-2 * UNITS * 100.0 * 0.0001)


@pytest.mark.parametrize("rate", [0.0007, -0.0007])
def test_a_session_books_a_constant_rate_as_it_comes_to_it(rate: float) -> None:
    """Equal to the backtest that knows all of it beforehand, over missing candles too."""
    compared = 0
    for seed in range(6):
        candles = random_market(seed, 1500, market=FINE, interval=HOUR)
        zones = random_signals(seed, candles, share=0.1).zone.tolist()
        marks = dict(zip(candles.time.tolist(), zones, strict=True))
        one = Table(candles, {time: side for time, side in marks.items() if side}, {})
        numbers = {"funding": rate, "market": FINE, "breakeven_trigger": 1.0, "max_leverage": 1.0}
        chosen = plan(one, **numbers)
        known = funding_of(constant_rows(candles), candles)
        whole = run_backtrader(candles, 100, chosen, known)
        grown, _ = paper(candles, 100, chosen, constant_funding=True)
        for name in ("entry", "exit", "reason", "units", "price", "pnl", "funding"):
            a, b = getattr(whole.trades, name), getattr(grown.trades, name)
            np.testing.assert_array_equal(a, b)
        compared += int((whole.trades.funding != 0.0).sum())
    assert compared >= 50
