"""MtfStrategy and CandleBroker in a Cerebro of a user's own, on Backtrader's own feeds."""

from __future__ import annotations

import datetime
import itertools
from pathlib import Path
from typing import Any

import backtrader as bt
import numpy as np
import pandas as pd
import pytest

from stoptrail.backtest.engine import run_backtrader
from stoptrail.backtest.journal import RecordingJournal
from stoptrail.backtest.plan import Plan
from stoptrail.brokers.candle import CandleBroker
from stoptrail.brokers.paper import PaperBroker
from stoptrail.config.settings import Settings
from stoptrail.core.errors import ConfigError, DataError, UsageError
from stoptrail.feeds.columnar import ColumnarFeed
from stoptrail.feeds.funding.rates import constant_rows
from stoptrail.rules.candles import Candles, Signals, rows_of
from stoptrail.rules.funding import funding_of
from stoptrail.rules.stops import MANUAL, Stop
from stoptrail.rules.trade import COOLDOWN
from stoptrail.rules.types import BOTH
from stoptrail.strategies.mtf_strategy import MtfStrategy
from stoptrail.strategies.signals.donchian_breakout import donchian_breakout
from stoptrail.strategies.stop_trail import StopTrail
from tests.backtrader_runs import (
    CANDLES,
    cerebro_of,
    csv_feed,
    frame_of,
    hourly,
    pandas_feed,
    rounded,
    wave,
)
from tests.strategies.market import random_market


def events(feed: Any, **options: Any) -> tuple[list[Any], list[Any]]:
    """Every fill and level of a run."""
    journal = RecordingJournal()
    broker = CandleBroker(journal=journal, settings=options.pop("settings", None))
    cerebro_of(feed, broker=broker, **options).run()
    levels = zip(*journal.stops(CANDLES), strict=True)
    return [*journal.entries, *journal.exits], list(levels)


@pytest.fixture(scope="module")
def expected() -> tuple[list[Any], list[Any]]:
    """What the project's own feed gives."""
    found = events(ColumnarFeed(candles=CANDLES))
    assert len(found[0]) > 20
    return found


WAYS: list[dict[str, Any]] = [{}, {"runonce": False}, {"preload": False}, {"exactbars": 1}]


@pytest.mark.parametrize(
    ("kind", "way"),
    [("csv", {}), ("columns by number", {}), ("utc", {}), *(("pandas", way) for way in WAYS)],
)
def test_stock_feeds_give_the_trades_of_the_projects_own(
    kind: str, way: dict[str, Any], tmp_path: Path, expected: Any
) -> None:
    if kind == "csv":
        feed = csv_feed(tmp_path)
    else:
        frame = frame_of(CANDLES)
        frame.index = frame.index.tz_localize("UTC") if kind == "utc" else frame.index
        named = {} if kind != "columns by number" else {"datetime": None, "open": 0}
        feed = pandas_feed(**named)
        feed.p.dataname = frame
    assert events(feed, cerebro=way) == expected


def test_the_strategy_runs_with_its_defaults_alone() -> None:
    cerebro = bt.Cerebro()
    cerebro.adddata(pandas_feed(rounded(random_market(5, 90))))
    cerebro.setbroker(CandleBroker())
    cerebro.addstrategy(MtfStrategy)
    (strategy,) = cerebro.run()
    entered = [order for order in strategy._orders if order.status == bt.Order.Completed]
    assert len(entered) > 2
    assert strategy.broker.getvalue() != 100_000.0


def test_own_cerebro_and_the_engine_agree(expected: Any) -> None:
    broker = CandleBroker()
    cerebro_of(ColumnarFeed(candles=CANDLES), broker=broker).run()
    plan = Plan(wave, {}, BOTH, 3_600_000, 14, broker.run_rules)
    record = run_backtrader(CANDLES, 0, plan)
    fills = [entry.position.held.fill for entry in expected[0] if hasattr(entry, "entry_order")]
    assert record.trades.fill.tolist() == fills


def test_daily_stock_candles_are_dated_by_their_day(tmp_path: Path) -> None:
    day = 86_400_000
    wide = random_market(9, 500, missing=0)
    rows = [rows_of(wide, slice(i, i + 96)) for i in range(0, len(wide.time), 96)]
    daily = Candles(
        np.array([part.time[0] for part in rows]),
        np.array([part.open[0] for part in rows]).round(2),
        np.array([part.high.max() for part in rows]).round(2),
        np.array([part.low.min() for part in rows]).round(2),
        np.array([part.close[-1] for part in rows]).round(2),
        np.array([part.volume.sum() for part in rows]).round(5),
        day,
    )
    wanted = {"parameters": {"length": 5}, "atr_interval": day, "atr_period": 5}
    own = events(ColumnarFeed(candles=daily), **wanted)
    assert len(own[0]) > 10
    length = {"timeframe": bt.TimeFrame.Days, "compression": 1}
    assert events(pandas_feed(daily, **length), **wanted) == own
    assert events(csv_feed(tmp_path, daily, **length), **wanted) == own


@pytest.mark.parametrize("way", WAYS[:3])
def test_another_feed_changes_nothing(way: dict[str, Any]) -> None:
    """Quarters of an hour pass between the candles that are traded, cool-downs count those."""
    cool = Settings.model_validate({"stop": {"cooldown_candles": 3}})
    hours, journals = hourly(CANDLES), [RecordingJournal(), RecordingJournal()]
    for journal in journals:
        broker = CandleBroker(journal=journal, settings=cool)
        feed = pandas_feed(hours, compression=60)
        cerebro = cerebro_of(feed, broker=broker, cerebro=way, parameters={"length": 10})
        if journal is journals[1]:
            cerebro.adddata(pandas_feed(CANDLES))
        cerebro.run()
    alone, beside = ([*each.entries, *each.exits, each.counts.tolist()] for each in journals)
    assert len(journals[0].entries) > 10
    assert journals[0].counts[COOLDOWN] > 0
    assert alone == beside


def one_zone(candles: Candles, *, first: int = 20) -> Signals:
    """One long zone from candle `first` to the end."""
    zone = (np.arange(len(candles.time)) >= first).astype(np.int8)
    return Signals(zone, 0 * zone, 0)


class Averaging(MtfStrategy):
    """Has an indicator of its own, which Backtrader waits for."""

    params = (("period", 40),)

    def __init__(self) -> None:
        super().__init__()
        self.average = bt.indicators.SMA(period=self.p.period)


class Impatient(Averaging):
    """Does not wait."""

    def prenext(self) -> None:
        self.next()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("kind", "first", "entries"),
    [(Averaging, 38, 0), (Averaging, 39, 1), (Impatient, 20, 1), (Impatient, 38, 1)],
)
def test_a_zone_that_began_before_the_first_candle_of_next_is_no_signal(
    kind: Any, first: int, entries: int, way: dict[str, Any]
) -> None:
    """Candles are numbered from 0: the average of 40 is there at number 39."""
    wanted = {"signal": one_zone, "parameters": {"first": first}, "atr_period": 2}
    journal = RecordingJournal()
    broker = CandleBroker(journal=journal)
    some = rows_of(CANDLES, slice(0, 60))
    cerebro_of(pandas_feed(some), kind, broker=broker, cerebro=way, **wanted).run()
    assert (len(journal.entries), sum(journal.counts)) == (entries, 0)


# What is refused, in one line each


def test_backtraders_own_broker_is_refused_with_the_line_to_add() -> None:
    cerebro = bt.Cerebro()
    cerebro.adddata(pandas_feed())
    cerebro.addstrategy(MtfStrategy)
    with pytest.raises(UsageError, match=r"setbroker\(stoptrail\.CandleBroker\(\)\).*BackBroker"):
        cerebro.run()


@pytest.mark.parametrize("way", [{}, {"runonce": False, "preload": False}])
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"timeframe": bt.TimeFrame.Days, "compression": 1},
            r"1d.*timeframe",
        ),
        ({"compression": 5}, "candles are 5m, .* than 15 minutes apart: .* compression=15"),
        ({"compression": 10}, "is no open time of a 10m candle"),
        ({"compression": 7}, "must divide the day"),
        ({"timeframe": bt.TimeFrame.Weeks}, "must divide the day"),
        ({"volume": None}, "has no volume"),
    ],
)
def test_a_stock_feed_that_means_something_else_is_refused(
    changed: dict[str, Any], message: str, way: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match=message) as failed:
        cerebro_of(pandas_feed(**changed), cerebro=way).run()
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize("way", [{}, {"runonce": False, "preload": False}])
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (lambda c: c._replace(close=np.where(c.time == c.time[700], np.nan, c.close)), "no usable"),
        (lambda c: c._replace(high=np.where(c.time == c.time[700], 1.0, c.high)), "no usable"),
        (lambda c: rows_of(c, np.r_[0:700, 699, 700:900]), "sort the rows"),
        (lambda c: c._replace(time=c.time + 899_999), "is no open time"),
    ],
)
def test_rows_that_cannot_be_traded_are_named(rows: Any, message: str, way: Any) -> None:
    with pytest.raises(DataError, match=message):
        cerebro_of(pandas_feed(rows(CANDLES)), cerebro=way).run()


def test_a_resampled_feed_is_refused() -> None:
    cerebro = cerebro_of(pandas_feed())
    cerebro.datas.clear()
    cerebro.resampledata(pandas_feed(), timeframe=bt.TimeFrame.Minutes, compression=60)
    with pytest.raises(DataError, match="resampled or replayed"):
        cerebro.run()


@pytest.mark.parametrize("way", [{}, {"runonce": False, "preload": False}])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("HeikinAshi", {}),
        ("Renko", {"size": 5.0}),
        ("DaySplitter_Close", {}),
        ("CalendarDays", {}),
        ("SessionFiller", {}),
    ],
)
def test_a_filter_that_makes_other_candles_of_the_markets_is_refused(
    kind: str, options: dict[str, Any], way: dict[str, Any]
) -> None:
    feed = pandas_feed()
    feed.addfilter(getattr(bt.filters, kind), **options)
    with pytest.raises(DataError, match=f"has the filter {kind}.*which no market had"):
        cerebro_of(feed, cerebro=way).run()


@pytest.mark.parametrize("kind", ["SessionFilter", "SessionFilterSimple"])
def test_a_filter_may_leave_candles_out(kind: str) -> None:
    hours = CANDLES.time // 3_600_000 % 24
    feed = pandas_feed(sessionstart=datetime.time(8), sessionend=datetime.time(19, 59))
    add = feed.addfilter_simple if kind.endswith("Simple") else feed.addfilter
    add(getattr(bt.filters, kind))
    kept = rows_of(CANDLES, np.flatnonzero((hours >= 8) & (hours < 20)))
    assert (found := events(feed)) == events(pandas_feed(kept))
    assert len(found[0]) > 5


def test_a_filter_may_be_on_a_feed_to_look_at(expected: Any) -> None:
    shown = pandas_feed()
    shown.addfilter(bt.filters.HeikinAshi)
    journal = RecordingJournal()
    cerebro = cerebro_of(pandas_feed(), broker=CandleBroker(journal=journal))
    cerebro.adddata(shown)
    cerebro.run()
    assert [*journal.entries, *journal.exits] == expected[0]


def test_a_filter_of_ones_own_is_told() -> None:
    def doubled(data: Any) -> bool:
        data.close[0] = data.high[0] = 2.0 * data.high[0]
        return False

    for add in ("addfilter", "addfilter_simple"):
        feed = pandas_feed()
        getattr(feed, add)(doubled)
        with pytest.warns(UserWarning, match="has the filter doubled, .* the market's own"):
            cerebro_of(feed).run()


# Steps of the market


def test_a_market_with_finer_prices_gets_its_own_tick() -> None:
    fine = CANDLES._replace(
        **{name: (getattr(CANDLES, name) / 1000).round(5) for name in Candles._fields[1:5]}
    )
    broker = CandleBroker()
    cerebro_of(pandas_feed(fine), broker=broker).run()
    market = broker.run_rules.trade_rules.market
    assert market.price_step / market.price_scale == pytest.approx(1e-5)


def test_steps_that_cannot_be_known_beforehand_have_to_be_set() -> None:
    other = Settings.model_validate({"data": {"symbol": "DOGE/USDT"}})
    broker = CandleBroker(settings=other)
    with pytest.raises(ConfigError, match=r"set market\.tick and market\.lot"):
        cerebro_of(pandas_feed(), broker=broker, cerebro={"preload": False}).run()


def test_funding_is_paid_where_it_is_handed_over_and_never_left_out_in_silence() -> None:
    rate, hours = 0.0003, 8 * 3_600_000
    swap = Settings.model_validate({"market": {"type": "swap"}, "costs": {"funding_rate": rate}})
    feed = ColumnarFeed(candles=CANDLES)
    with pytest.raises(ConfigError, match=r"costs\.funding_rate is set, .* hand it funding="):
        cerebro_of(feed, broker=CandleBroker(settings=swap)).run()
    journal = RecordingJournal()
    payments = funding_of(constant_rows(CANDLES), CANDLES)
    broker = CandleBroker(settings=swap, funding=payments, journal=journal)
    cerebro_of(ColumnarFeed(candles=CANDLES), broker=broker).run()
    paid = 0
    for entry, end in zip(journal.entries, journal.exits, strict=False):
        held, owed = entry.position.held, 0.0
        for time in range(held.time // hours * hours + hours, end.time + 1, hours):
            closed = CANDLES.time + CANDLES.interval <= time
            owed += rate * held.side * entry.position.units * CANDLES.close[closed][-1]
            paid += 1
        assert end.end.funding == pytest.approx(-owed, abs=1e-9)
    assert paid > 20


# Warm-up, managers, sizers


@pytest.mark.parametrize("way", [{}, {"runonce": False}])
def test_past_candles_warm_up_without_being_played(way: dict[str, Any]) -> None:
    cut = 700
    start = int(CANDLES.time[cut])
    whole = events(ColumnarFeed(candles=CANDLES), start=start)
    past, rest = rows_of(CANDLES, slice(0, cut)), rows_of(CANDLES, slice(cut, None))
    assert len(whole[0]) > 10
    assert events(ColumnarFeed(candles=rest), past=past, cerebro=way) == whole
    assert events(pandas_feed(rest), past=past, cerebro=way) == whole


def test_past_has_to_end_before_the_feed() -> None:
    with pytest.raises(DataError, match="past has to end before"):
        cerebro_of(pandas_feed(), past=rows_of(CANDLES, slice(0, 10))).run()


class NoTrail(StopTrail):
    """Leaves the stop where it was placed."""

    def next_stop(self, stop: Stop, position: Any, *prices: Any) -> Stop:
        return stop


class Wrong(StopTrail):
    def next_stop(self, stop: Stop, position: Any, *prices: Any) -> Stop:
        return stop._replace(level=float("nan"))


def test_an_own_order_manager_decides_the_stop(expected: Any) -> None:
    fills, levels = events(pandas_feed(), manager=NoTrail)
    assert len(levels) == sum(hasattr(each, "entry_order") for each in fills) > 3
    assert len(expected[1]) > len(levels)


@pytest.mark.parametrize("manager", [42, dict, NoTrail.next_stop])
def test_what_is_no_order_manager_is_refused(manager: Any) -> None:
    with pytest.raises(UsageError, match=r"subclass of stoptrail\.StopTrail"):
        cerebro_of(pandas_feed(), manager=manager).run()


def test_a_manager_that_places_no_price_is_stopped() -> None:
    with pytest.raises(UsageError, match="moved to nan"):
        cerebro_of(pandas_feed(), manager=Wrong).run()


def test_a_session_has_no_manager_but_the_shipped_one() -> None:
    broker = PaperBroker(settings=Settings(), ticks=False)
    with pytest.raises(UsageError, match="a session manages trades with StopTrail alone"):
        cerebro_of(pandas_feed(), broker=broker, manager=NoTrail).run()


class OneUnit(bt.Sizer):
    def _getsizing(self, comminfo: Any, cash: float, data: Any, isbuy: bool) -> float:
        return 1.0


def test_an_own_sizer_decides_the_units() -> None:
    journal = RecordingJournal()
    cerebro = cerebro_of(pandas_feed(), broker=CandleBroker(journal=journal))
    cerebro.addsizer(OneUnit)
    cerebro.run()
    assert {entry.position.units for entry in journal.entries} == {1.0}
    assert len(journal.entries) > 5


def test_two_strategies_share_one_position() -> None:
    """What the first holds stands against the second's entries."""
    journal = RecordingJournal()
    cerebro = cerebro_of(pandas_feed(), broker=CandleBroker(journal=journal))
    cerebro.addstrategy(MtfStrategy, signal=wave, parameters={"length": 10}, atr_interval=3_600_000)
    first, second = cerebro.run()
    assert len(journal.entries) - len(journal.exits) in (0, 1)
    told = [[order.status for order in each._orders] for each in (first, second)]
    for states in told:
        assert states.count(bt.Order.Completed) > 2
    spans = [
        (e.position.held.time, x.time) for e, x in zip(journal.entries, journal.exits, strict=False)
    ]
    assert all(left <= entered for (_, left), (entered, _) in itertools.pairwise(spans))


class Leaving(bt.Strategy):
    """Closes whatever is held, now and then."""

    def next(self) -> None:
        if self.position and len(self) % 50 == 0:
            self.close()


@pytest.mark.parametrize("first", [True, False])
def test_a_strategy_knows_that_another_has_left_its_position(first: bool) -> None:
    """Its time stop would send an order where nothing is held, and no cool-down began."""
    wanted = {"exits": {"time_hours": 6.0}, "stop": {"cooldown_candles": 8}}
    journal = RecordingJournal()
    broker = CandleBroker(journal=journal, settings=Settings.model_validate(wanted))
    cerebro = cerebro_of(pandas_feed(), Leaving, broker=broker)
    cerebro.addstrategy(MtfStrategy, signal=wave, atr_interval=3_600_000)
    cerebro.strats = cerebro.strats if first else cerebro.strats[::-1]
    (managed,) = (each for each in cerebro.run() if isinstance(each, MtfStrategy))
    left = [end.time for end in journal.exits if end.reason == MANUAL]
    assert len(left) > 5
    assert {entry.entry_order.atr > 0.0 for entry in journal.entries} == {True}
    for time in left:
        later = [entry.position.held.time for entry in journal.entries]
        assert all(held > time + 8 * CANDLES.interval for held in later if held > time)
    assert (managed.manager.position is None) == (broker.open is None)


# Parameters


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sides": "up"}, 'sides must be "both", "long" or "short", not \'up\''),
        ({"atr_interval": 1_000_000}, "atr_interval must be a multiple"),
        ({"atr_interval": 900_000 * 5}, "divides the day"),
        ({"atr_period": 0}, "atr_period must be"),
        ({"signal": "mtf_cicle"}, "mtf_cycle"),
        ({"atr_interval": 0}, "atr_interval must be a multiple"),
        ({"atr_interval": "4h"}, "atr_interval must be a multiple.*'4h'"),
        ({"start": "2024-01-10"}, "start must be the open time .* in ms .* not '2024-01-10'"),
        ({"start": pd.Timestamp("2024-01-10")}, "start must be the open time"),
        ({"gate": 3}, "gate must be a function, not 3"),
        ({"signal": None}, "signal must be a function, not None"),
        ({"parameters": "length"}, r"parameters must be a mapping .* \(optstrategy takes a list"),
        (
            {"past": frame_of(CANDLES)},
            r"past must be stoptrail.Candles, .* not DataFrame \(optstrategy",
        ),
        (
            {"exit_rule": NoTrail.next_stop},
            "exit_rule and the broker's StopRules.ruled go together",
        ),
        ({"parameters": {"lenght": 3}}, "signal wave failed: TypeError.*lenght"),
    ],
)
def test_a_parameter_that_cannot_be_meant_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        cerebro_of(pandas_feed(), **wrong).run()


class Forgetful(MtfStrategy):
    def __init__(self) -> None:
        self.mine = 1


def test_a_subclass_that_forgets_its_base_is_told() -> None:
    with pytest.raises(UsageError, match=r"Forgetful\.__init__ has to call super"):
        cerebro_of(pandas_feed(), Forgetful).run()


@pytest.mark.parametrize("given", [None, "candles.csv", frame_of(CANDLES)])
def test_the_projects_own_feed_takes_candles_alone(given: Any) -> None:
    with pytest.raises(UsageError, match=r"takes stoptrail\.Candles, as stoptrail\.load_candles"):
        ColumnarFeed(candles=given)


def test_a_signal_can_be_named() -> None:
    named = cerebro_of(pandas_feed(), signal="donchian_breakout", parameters={"entry_period": 10})
    given = cerebro_of(
        pandas_feed(), signal=donchian_breakout, parameters={"entry_period": 10}, sides="both"
    )
    values = [cerebro.run()[0].broker.getvalue() for cerebro in (named, given)]
    assert values[0] == values[1] != 100_000.0


def test_volumes_of_ones_say_nothing_of_the_lot() -> None:
    fine = CANDLES._replace(close=CANDLES.close, volume=np.ones(len(CANDLES.time)))
    other = Settings.model_validate({"data": {"symbol": "X/USDT"}})
    broker = CandleBroker(settings=other)
    cerebro_of(pandas_feed(fine), broker=broker).run()
    market = broker.run_rules.trade_rules.market
    assert market.lot_step / market.lot_scale == pytest.approx(1e-8)
