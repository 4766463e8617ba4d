"""C16: limits stop entries, never a stop.

Four candles a day. 10,000 in cash, 1 % at risk: a stop-out loses 100.
"""

import pytest

from stoptrail.rules.costs import DAY
from tests.contract.seen import Engine
from tests.contract.tables import Table, table

SIX_HOURS = DAY // 4

LOSS = """
    .  100 101  99 100  10   00:00
    L  100 102  98 100  10   06:00 range 4: 12.5 units, stop 8 away
"""


def days(rows: str) -> Table:
    return table(LOSS + rows, interval=SIX_HOURS)


def signals(engine: Engine, rows: str, **limits: float) -> list[int]:
    """Signal rows of the trades after the first, which must have come about."""
    first, *rest = engine.run(days(rows), **limits).trades
    assert first.signal == 1
    return [trade.signal for trade in rest]


DAILY = """
    S  100 101  92 100  10   12:00 out at 92: 9,900; a signal on the same day
    L  100 102  98 100  10   18:00 its close is midnight: a new day
    .  100 101  99 100  10
"""


def test_a_daily_loss_ends_the_days_entries(either: Engine) -> None:
    assert signals(either, DAILY, daily_loss=0.01) == [3]  # exactly 1 % is enough
    assert signals(either, DAILY, daily_loss=0.0101) == [2]
    seen = either.run(days(DAILY), daily_loss=0.01)
    assert seen.ignored == {"protection": 1}


HELD = """
    .  100 100  96  96  10   12:00 marked at 96: 9,950
    -                        18:00 missing: the last close stands at midnight
    S   96  97  92  95  10   00:00 out at 92: 9,900
    .   95  96  94  95  10
"""


def test_the_day_starts_with_the_equity_of_midnight(either: Engine) -> None:
    """50 of 9,950 are 0.5025 %; of 10,000 the day would have lost 1 %."""
    assert signals(either, HELD, daily_loss=0.005) == []
    assert signals(either, HELD, daily_loss=0.0051) == [4]


def test_a_drawdown_ends_entries_for_good(either: Engine) -> None:
    rows = DAILY + ".  100 101  99 100  10\n" * 8 + "L  100 102 98 100 10\n. 100 101 99 100 10"
    assert signals(either, rows, drawdown=0.01) == []
    assert either.run(days(rows), drawdown=0.01).ignored == {"protection": 3}
    assert signals(either, rows, drawdown=0.0101) != []


RISEN = """
    .  100 108 104 108  10   12:00
    .  108 116 112 116  10   18:00 marked at 116 at midnight: 10,200
    S  116 116  92 100  10   00:00 out at the trail
    .  100 101  99 100  10
"""


def test_a_drawdown_counts_from_the_highest_midnight(either: Engine) -> None:
    """Ranges of 8: the trail is at 116 - 16 = 100, where 10,000 is left of 10,200."""
    seen = either.run(days(RISEN))
    assert (seen.trades[0].price, seen.trades[0].pnl) == (100.0, 0.0)
    assert signals(either, RISEN, drawdown=200 / 10_200 - 1e-9) == []
    assert signals(either, RISEN, drawdown=200 / 10_200 + 1e-9) == [4]


def test_losses_in_a_row_start_a_cool_down(either: Engine) -> None:
    rows = """
    .  100 101  92 100  10   row 2: the first loss
    S  100 102  98 100  10   row 3: ATR 4
    L  100 108 100 100  10   row 4: in at 100, out at 108: the second loss; a signal
    S  100 102  98 100  10   row 5: the first candle after it
    L  100 102  98 100  10   row 6: the second
    S  100 102  98 100  10   row 7: the third
    .  100 101  99 100  10
    """
    for candles, expected in ((0, 5), (1, 6), (2, 7)):
        assert signals(either, rows, losses=2, cooldown=candles) == [3, expected]
    assert either.run(days(rows), losses=2, cooldown=2).ignored == {"protection": 3}
    assert signals(either, rows, losses=3, cooldown=2) == [3, 4]


def test_a_trade_that_nets_zero_ends_a_streak(either: Engine) -> None:
    rows = """
    .  100 101  92 100  10   row 2: the first loss
    S  100 102  98 100  10   row 3: ATR 4
    .  100 100  92  96  10   row 4: in at 100, armed at 96: breakeven at 100
    .   96 100  95  99  10   row 5: out at 100, nothing lost
    L  100 102  98 100  10   row 6
    S  100 100  92 100  10   row 7: in at 100, out at 92: a loss, the first in a row again
    .  100 101  99 100  10
    """
    limits = {"losses": 2, "cooldown": 9, "breakeven_trigger": 1.0}
    seen = either.run(days(rows), **limits)
    assert [trade.signal for trade in seen.trades] == [1, 3, 6, 7]
    assert [trade.pnl for trade in seen.trades[:3]] == pytest.approx([-100.0, 0.0, -99.0])
    assert seen.ignored == {}


@pytest.mark.parametrize("limit", [{"daily_loss": 0.001}, {"drawdown": 0.001}])
def test_a_limit_never_stops_a_stop(either: Engine, limit: dict[str, float]) -> None:
    rows = """
    .  100 100  96  97  10   12:00 down by more than the limit
    .   97  98  96  97  10   18:00 and marked so at midnight
    .   97  98  94  96  10   candidate 100 - 8 = 92
    .   96  97  92  95  10   out at 92 or above, by the stop
    """
    free, limited = either.run(days(rows)), either.run(days(rows), **limit)
    assert limited.one == free.one
    assert limited.one.exit is not None
