import backtrader as bt
import numpy as np
import pytest

from stoptrail.adapter.feed_candles import (
    candles_of,
    interval_of,
    open_times,
)
from stoptrail.core.errors import DataError
from stoptrail.rules.atr import stop_atr
from stoptrail.rules.candles import Candles
from stoptrail.strategies.indicators import (
    EntrySignal,
    RealisedVolatility,
    RecentExtremes,
    StopAtr,
)
from stoptrail.strategies.signals.donchian_breakout import donchian_breakout
from stoptrail.strategies.signals.mtf_cycle import mtf_cycle
from tests.strategies.market import DAY, MIDNIGHT, QUARTER_HOUR, random_market

QUICK = {"trend": "price_ema", "trend_period": 6, "cycle_period": 8.0, "structure": "swing"}
MODES = {
    "once": {},
    "next": {"runonce": False},
    "unbuffered": {"runonce": False, "preload": False},
}


class PlainFeed(bt.feed.DataBase):
    """Loads candle by candle, as a live feed does."""

    params = (("candles", None), ("timeframe", bt.TimeFrame.Minutes), ("compression", 15))

    def start(self):
        super().start()
        self._at = 0

    def _load(self):
        candles: Candles = self.p.candles
        if self._at == len(candles.time):
            return False
        self.lines.datetime[0] = 719_163 + candles.time[self._at] / DAY
        for name in ("open", "high", "low", "close", "volume"):
            getattr(self.lines, name)[0] = getattr(candles, name)[self._at]
        self._at += 1
        return True


class Recorder(bt.Strategy):
    """Keeps every value of one indicator, as its `next` sees it."""

    params = (("indicator", None),)

    def __init__(self):
        self.indicator = self.p.indicator(self.data)
        self.rows = []

    def next(self):
        self.rows.append([line[0] for line in self.indicator.lines])


def seen(candles, indicator, mode):
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(PlainFeed(candles=candles))
    cerebro.addstrategy(Recorder, indicator=indicator)
    return np.array(cerebro.run(**MODES[mode])[0].rows).T


INDICATORS = {
    "entry": lambda data: EntrySignal(data, signal=mtf_cycle, parameters=QUICK),
    "entry by default": EntrySignal,
    "atr": lambda data: StopAtr(data, timeframe=DAY, period=5),
    "volatility": lambda data: RealisedVolatility(data, window=50),
    "extremes": lambda data: RecentExtremes(data, period=7),
}


@pytest.mark.parametrize("name", INDICATORS)
def test_once_and_next_are_bit_equal_on_every_candle(name):
    candles = random_market(1, start=MIDNIGHT + 5 * QUARTER_HOUR)
    once, step, unbuffered = (seen(candles, INDICATORS[name], mode) for mode in MODES)
    assert once.shape[1] == len(candles.time)  # next runs on every candle, warm or not
    np.testing.assert_array_equal(once, step)
    np.testing.assert_array_equal(once, unbuffered)
    if name != "entry by default":  # too slow a trend for so short a market
        assert np.unique(once[~np.isnan(once)]).size > 1


def test_a_signal_without_a_stepper_is_computed_over_the_candles_so_far():
    candles = random_market(2, 12)

    def indicator(data):
        parameters = {"entry_period": 6, "exit_period": 3}
        return EntrySignal(data, signal=donchian_breakout, parameters=parameters)

    once, step = (seen(candles, indicator, mode) for mode in ("once", "next"))
    np.testing.assert_array_equal(once, step)
    assert once.any()


@pytest.mark.parametrize("name", ["entry", "atr", "breakout"])
def test_candles_taken_in_at_once_count_as_those_that_were_played(name):
    candles = random_market(2, 12)
    past = list(zip(*(column[:500].tolist() for column in candles[:6]), strict=True))
    rest = Candles(*(column[500:] for column in candles[:6]), candles.interval)
    makers = {
        "entry": lambda data, **past: EntrySignal(data, signal=mtf_cycle, parameters=QUICK, **past),
        "atr": lambda data, **past: StopAtr(data, timeframe=DAY, period=5, **past),
        "breakout": lambda data, **past: EntrySignal(data, signal=donchian_breakout, **past),
    }
    whole = seen(candles, makers[name], "next")
    split = seen(rest, lambda data: makers[name](data, past=past), "next")
    np.testing.assert_array_equal(split, whole[:, 500:])
    assert np.nan_to_num(split).any()


def test_the_entry_signal_gives_what_the_signal_function_gives():
    candles = random_market(3)
    signals = mtf_cycle(candles, **QUICK)
    zone, exit_zone = seen(candles, INDICATORS["entry"], "once")
    np.testing.assert_array_equal(zone, signals.zone)
    np.testing.assert_array_equal(exit_zone, signals.exit_zone)


def test_the_atr_is_that_of_the_rule():
    candles = random_market(4)
    expected = stop_atr(candles, DAY, 5)
    np.testing.assert_array_equal(seen(candles, INDICATORS["atr"], "once")[0], expected)


class Probe(bt.Strategy):
    """Hands the finished feed out."""

    def next(self):
        pass


def loaded_feed(candles):
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(PlainFeed(candles=candles))
    cerebro.addstrategy(Probe)
    return cerebro.run()[0].data


def test_candles_come_back_from_a_feed_to_the_millisecond():
    candles = random_market(5, 5)
    back = candles_of(loaded_feed(candles), len(candles.time))
    for expected, got in zip(candles, back, strict=True):
        np.testing.assert_array_equal(expected, got)


def test_times_of_one_and_of_many_date_numbers_agree():
    time = random_market(6, 3).time
    numbers = 719_163 + time / DAY
    np.testing.assert_array_equal(open_times(numbers), time)


def test_the_interval_is_the_feeds_own_or_that_of_its_timeframe():
    feed = PlainFeed(candles=random_market(7, 1))
    assert interval_of(feed) == QUARTER_HOUR
    feed.interval = 4 * QUARTER_HOUR
    assert interval_of(feed) == 4 * QUARTER_HOUR


def test_a_timeframe_without_a_fixed_length_is_refused():
    feed = PlainFeed(candles=random_market(8, 1), timeframe=bt.TimeFrame.Months)
    with pytest.raises(DataError, match="divide the day"):
        interval_of(feed)
