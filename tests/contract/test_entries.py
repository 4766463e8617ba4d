"""C2, C3, C10, C11 and C17: what a signal is, and what becomes of it.

The ATR has a period of 1, the stop is two of them away; nothing costs anything.
"""

import pytest

from stoptrail.feeds.market import with_unknown_volume
from stoptrail.rules.types import SIDES
from tests.contract.seen import Engine
from tests.contract.tables import QUARTER_HOUR, table

SIGNAL = """
    .  100 101  99 100  10
    L  100 102  98 100  10   range 4: the stop is 8 away
"""


def test_a_signal_fills_at_the_next_open(either: Engine) -> None:
    seen = either.run(table(SIGNAL + ".  101 103 100 102  10"))
    trade = seen.one
    assert (trade.side, trade.signal, trade.entry, trade.fill) == (1, 1, 2, 101.0)
    assert seen.ignored == {}


def test_the_first_candle_of_a_zone_is_the_signal(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    L  100 101  99 100  10   the zone lasts: no second signal
    L  100 101  99 100  10
            """
        )
    )
    assert (seen.one.signal, seen.ignored) == (1, {})


def test_an_opposite_signal_is_ignored_while_a_position_is_open(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    S  100 101  97 100  10   from zone to zone: a signal, ignored
    .  100 101  97 100  10
    L  100 101  97 100  10   the same side again, ignored
    .  100 101  97 100  10
            """
        )
    )
    assert seen.one.exit is None
    assert seen.ignored == {"position": 2}


def test_an_open_after_the_signals_close_cancels_the_entry(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    -
    .  100 101  99 100  10   opens 15 minutes late
    .  100 101  99 100  10
            """
        )
    )
    assert (seen.trades, seen.ignored) == ([], {"gap": 1})


@pytest.mark.parametrize(("delay", "entry"), [(QUARTER_HOUR, 3), (QUARTER_HOUR - 1, None)])
def test_an_entry_may_be_late_by_the_delay_and_no_more(
    either: Engine, delay: int, entry: int | None
) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    -
    .  101 102  99 100  10   opens 15 minutes late
            """
        ),
        delay=delay,
    )
    if entry is None:
        assert (seen.trades, seen.ignored) == ([], {"gap": 1})
    else:
        assert (seen.one.entry, seen.one.fill) == (entry, 101.0)


SILENT = (
    SIGNAL
    + """
    .  100 101  99 100   0   nothing traded, nothing filled
    .  101 103  99 101  10   15 minutes after the signal's close
    """
)


def test_a_candle_without_volume_fills_no_entry(either: Engine) -> None:
    seen = either.run(table(SILENT))
    assert (seen.trades, seen.ignored) == ([], {"gap": 1})


def test_where_volume_is_unknown_no_candle_is_silent(either: Engine) -> None:
    one = table(SILENT)
    seen = either.run(one._replace(candles=with_unknown_volume(one.candles)))
    assert (seen.one.entry, seen.one.fill) == (2, 100.0)


def test_an_entry_waits_through_a_candle_without_volume_if_it_may(either: Engine) -> None:
    seen = either.run(table(SILENT), delay=QUARTER_HOUR)
    assert (seen.one.entry, seen.one.fill, seen.one.initial) == (3, 101.0, 93.0)


def test_a_signal_is_ignored_while_an_entry_waits(either: Engine) -> None:
    seen = either.run(table(SILENT.replace(".  100 101  99 100   0", "S  100 101  99 100   0")))
    assert (seen.trades, seen.ignored) == ([], {"pending": 1, "gap": 1})


def test_after_a_cancelled_entry_the_next_signal_counts(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    -
    S  100 102  98 100  10   the order of row 1 has gone at this candle's open
    .   99 100  98  99  10
            """
        )
    )
    assert (seen.one.side, seen.one.signal, seen.ignored) == (-1, 3, {"gap": 1})


COOLING = (
    SIGNAL
    + """
    S  100 101  92 100  10   out at 92; a signal at the close of the exit candle
    L  100 102  98 100  10   one candle after
    S  100 102  98 100  10   two candles after
    .  100 101  99 100  10
    """
)


@pytest.mark.parametrize(("wait", "signal"), [(0, 2), (1, 3), (2, 4), (3, None)])
def test_the_cooldown_counts_candles_after_the_exit(
    either: Engine, wait: int, signal: int | None
) -> None:
    seen = either.run(table(COOLING), wait=wait)
    assert [trade.signal for trade in seen.trades[1:]] == ([] if signal is None else [signal])
    assert seen.ignored.get("cooldown", 0) == wait


def test_the_cooldown_counts_candles_that_exist(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 101  92 100  10   out at 92
    -
    -
    S  100 102  98 100  10   45 minutes after, the first candle since
    L  100 102  98 100  10   the second
    .  100 101  99 100  10
            """
        ),
        wait=2,
    )
    assert [trade.signal for trade in seen.trades] == [1, 6]
    assert seen.ignored == {"cooldown": 1}


def test_an_entry_on_the_candle_of_the_exit_needs_an_earlier_signal(either: Engine) -> None:
    """A signal at the close before the exit finds the position still open."""
    seen = either.run(
        table(
            SIGNAL
            + """
    S  100 101  97 100  10   stop 93 from here on; the position is open
    .  100 101  93 100  10   out
    .  100 101  99 100  10
            """
        )
    )
    assert len(seen.trades) == 1
    assert seen.ignored == {"position": 1}


def test_a_signal_on_the_last_candle_leaves_no_trade(either: Engine) -> None:
    seen = either.run(table(SIGNAL))
    assert (seen.trades, seen.ignored) == ([], {})


def test_only_the_wanted_side_is_a_signal(either: Engine) -> None:
    rows = SIGNAL + ".  100 101  99 100  10\nS  100 101  99 100  10\n.  100 101  99 100  10"
    seen = either.run(table(rows), sides=SIDES["long"] * either.sign)
    assert [trade.side for trade in seen.trades] == [1]
    assert seen.ignored == {}
    seen = either.run(table(rows), sides=SIDES["short"] * either.sign)
    assert [trade.side for trade in seen.trades] == [-1]
    assert seen.ignored == {}


def test_no_decision_before_the_start(either: Engine) -> None:
    rows = """
    L  100 101  99 100  10   warm-up
    .  100 102  98 100  10   warm-up
    S  100 102  98 100  10   the span begins with this candle
    .  100 101  99 100  10
    """
    assert [trade.signal for trade in either.run(table(rows), start=2).trades] == [2]
    assert either.run(table(rows), start=3).trades == []
    assert either.run(table(rows), start=3).ignored == {}


def test_a_zone_that_began_in_the_warm_up_is_no_signal(either: Engine) -> None:
    rows = """
    .  100 101  99 100  10
    L  100 102  98 100  10   warm-up: the signal
    L  100 102  98 100  10   in the span: the zone goes on
    .  100 101  99 100  10
    """
    seen = either.run(table(rows), start=2)
    assert (seen.trades, seen.ignored) == ([], {})


def test_no_decision_before_the_atr_is_warm(either: Engine) -> None:
    rows = """
    .  100 101  99 100  10
    L  100 102  98 100  10   two candles: no ATR(3) yet
    S  100 103  97 100  10   (2 + 4 + 6) / 3 = 4
    .  100 101  99 100  10
    """
    seen = either.run(table(rows), atr_period=3)
    assert (seen.one.side, seen.one.signal, seen.one.atr) == (-1, 2, 4.0)
    assert seen.ignored == {}


def test_warm_up_candles_feed_the_atr(either: Engine) -> None:
    rows = """
    .  100 101  99 100  10   2, warm-up
    .  100 102  98 100  10   4, warm-up
    L  100 103  97 100  10   6: the first candle of the span has ATR(3) = 4
    .  100 101  99 100  10
    """
    assert either.run(table(rows), atr_period=3, start=2).one.atr == 4.0
