"""C1: when higher-timeframe candles become visible, in every engine.

Base candles of 15 minutes, an ATR of period 1 on hours: the ATR of a trade names the hour
that was known at its signal.
"""

from typing import Any

import pytest

from stoptrail.backtest.plan import Plan
from stoptrail.rules.candles import Candles, Signals
from stoptrail.rules.costs import DAY
from stoptrail.rules.types import BOTH
from stoptrail.strategies.signals.timeframe_lines import TrendStep, trend_line
from tests.contract.seen import Engine, see
from tests.contract.tables import MIDNIGHT, QUARTER_HOUR, run_rules, table

HOUR = 3_600_000

FIRST = """
    .  100 101  99 100  10   first hour: 103 - 97 = 6
    .  100 103 100 100  10
    .  100 101  97 100  10
    .  100 101  99 100  10
"""
SECOND = """
    .  100 102 100 100  10   second hour: 102 - 92 = 10
    .  100 101  92 100  10
    {third}  100 101  99 100  10
    {last}  100 101  99 100  10
    {after}  100 101  99 100  10
    .  100 101  99 100  10
"""


def hours(**marks: str) -> str:
    return FIRST + SECOND.format(**({"third": ".", "last": ".", "after": "."} | marks))


def test_an_hour_is_known_at_the_close_of_its_last_candle(either: Engine) -> None:
    seen = either.run(table(hours(last="L")), atr_interval=HOUR)
    assert (seen.one.signal, seen.one.atr) == (7, 10.0)


def test_an_hour_under_way_is_not_known(either: Engine) -> None:
    seen = either.run(table(hours(third="L")), atr_interval=HOUR)
    assert (seen.one.signal, seen.one.atr) == (6, 6.0)


def test_an_hour_without_its_last_candle_is_known_at_the_next_close(either: Engine) -> None:
    missing = hours(third="L", last="-", after="S")
    seen = either.run(table(missing), atr_interval=HOUR, delay=HOUR)
    assert (seen.one.signal, seen.one.atr) == (6, 6.0)  # earlier than the next close: not known
    seen = either.run(table(missing), atr_interval=HOUR, start=7)
    assert (seen.one.signal, seen.one.atr) == (8, 10.0)


def test_a_missing_last_candle_is_not_waited_for(either: Engine) -> None:
    """The next candle may be hours away: its close is the first to be at or after the end."""
    rows = (
        FIRST + ".  100 108 98 100 10\n" + "-\n" * 7 + "L  100 101 99 100 10\n.  100 101 99 100 10"
    )
    seen = either.run(table(rows), atr_interval=HOUR)
    assert (seen.one.signal, seen.one.atr) == (12, 10.0)


def test_an_hour_without_any_candle_is_not_invented(either: Engine) -> None:
    rows = FIRST + "-\n" * 4 + ".  100 104 96 100 10\n" * 3 + "L  100 101 99 100 10\n"
    seen = either.run(table(rows + ".  100 101 99 100 10"), atr_interval=HOUR, atr_period=2)
    assert seen.one.atr == (6.0 + 8.0) / 2


def test_the_first_hour_is_dropped_where_the_data_enters_it_late(either: Engine) -> None:
    late = "\n".join(hours(third="S", last="L").strip().splitlines()[1:])
    seen = either.run(table(late, start=MIDNIGHT + QUARTER_HOUR), atr_interval=HOUR)
    # The signal at the third candle of the second hour came before any whole hour.
    assert (seen.one.signal, seen.one.atr, seen.ignored) == (6, 10.0, {})


def test_buckets_are_aligned_to_utc(either: Engine) -> None:
    """Data that starts at 00:30 has its first whole hour from 01:00 to 02:00."""
    rows = ".  100 120 80 100 10\n" * 2 + hours(third="L").replace("L", ".")
    rows = rows.replace(".  100 102 100 100", "L  100 102 100 100")
    seen = either.run(table(rows, start=MIDNIGHT + 2 * QUARTER_HOUR), atr_interval=HOUR)
    assert (seen.one.signal, seen.one.atr) == (6, 6.0)


def daily_trend(candles: Candles) -> Signals:
    """A long zone while the last known day closed above the day before it."""
    trend = trend_line(candles, "roc", 1, 0.0)
    zone = (trend > 0.0).astype("int8")
    return Signals(zone, zone * 0, int((trend == trend).argmax()))


class DailyTrendStep:
    def __init__(self, interval: int) -> None:
        self._trend = TrendStep(interval, "roc", 1, 0.0)

    def step(self, *candle: Any) -> tuple[int, int]:
        return int(self._trend.step(*candle[:5]) > 0.0), 0


daily_trend.stepper = DailyTrendStep  # type: ignore[attr-defined]

DAYS = """
    .  100 101  99 100  10   Monday closes at 100
    .  100 101  99 100  10
    .  100 101  99 100  10
    .  100 101  99 100  10
    .  100 101  99 100  10   Tuesday closes at {close}
    .  100 101  99 {early} 10
    .  100 102  99 {early} 10
    {last}  100 101  99 101  10
    .  101 102 100  90  10   Wednesday
    .   90 102  89 101  10
"""


@pytest.mark.parametrize(
    ("last", "early", "signal"),
    [
        (".", 100.0, 7),  # known with the candle that closes the day
        (".", 101.0, 7),  # and not before it, though the day stands higher already
        ("-", 101.0, 8),  # at the first close after midnight where that candle is missing
    ],
)
def test_a_days_trend_is_known_at_midnight(
    engine: Engine, last: str, early: float, signal: int
) -> None:
    one = table(DAYS.format(close=101, last=last, early=early), interval=DAY // 4)
    plan = Plan(daily_trend, {}, BOTH, one.candles.interval, 1, run_rules(delay=DAY))
    seen = see(engine.call(one.candles, 0, plan), one)
    assert seen.trades[0].signal == signal
