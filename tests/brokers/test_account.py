"""What Backtrader's own tools read off the broker, and what they can set on it."""

from __future__ import annotations

from typing import Any

import backtrader as bt
import numpy as np
import pytest

from stoptrail.backtest.inputs import prepare
from stoptrail.backtest.journal import RecordingJournal
from stoptrail.backtest.outcome import judge
from stoptrail.backtest.plan import Plan, Record
from stoptrail.brokers.candle import CandleBroker
from stoptrail.brokers.refusals import NEUTRAL, REFUSED
from stoptrail.brokers.terms import fitted_market
from stoptrail.config.settings import Settings
from stoptrail.core.errors import ConfigError, UsageError
from stoptrail.feeds.market import MarketData
from stoptrail.rules.candles import Candles, rows_of
from stoptrail.rules.types import SIDES
from stoptrail.strategies.mtf_strategy import MtfStrategy
from tests.backtrader_runs import CANDLES, cerebro_of, pandas_feed, wave

CASH = 100_000.0
HOUR = 3_600_000
SIDE = pytest.mark.parametrize("sides", ["long", "short", "both"])


def analysed(feed: Any = None, **options: Any) -> Any:
    """A run with Backtrader's analyzers and observers; the strategy."""
    cerebro = cerebro_of(pandas_feed() if feed is None else feed, stdstats=True, **options)
    kinds = bt.analyzers
    days = {"timeframe": bt.TimeFrame.Days}
    yearly = {"factor": 365, "annualize": True, "riskfreerate": 0.0, "stddev_sample": True}
    cerebro.addanalyzer(kinds.SharpeRatio, _name="sharpe", **days, **yearly)
    cerebro.addanalyzer(kinds.TimeReturn, _name="days", **days)
    for kind in (kinds.TradeAnalyzer, kinds.PyFolio, kinds.DrawDown, kinds.Transactions):
        cerebro.addanalyzer(kind, _name=kind.__name__)
    cerebro.addanalyzer(kinds.PositionsValue, _name="positions", cash=True)
    for observer in (bt.observers.DrawDown, bt.observers.TimeReturn, bt.observers.FundValue):
        cerebro.addobserver(observer)
    return cerebro.run()[0]


@SIDE
def test_what_the_trades_earn_is_what_the_account_gained(sides: str) -> None:
    journal = RecordingJournal()
    costly = Settings.model_validate({"costs": {"borrow_daily": 0.01}})
    broker = CandleBroker(journal=journal, settings=costly)
    found = analysed(broker=broker, sides=sides).analyzers.TradeAnalyzer.get_analysis()
    assert found.total.closed == len(journal.exits) > 3
    assert found.pnl.net.total == pytest.approx(broker.balance - CASH, abs=1e-6)
    borrow = sum(each.end.borrow for each in journal.exits)
    assert (borrow > 1.0) == (sides != "long")
    fees = sum(each.end.fee for each in journal.exits)
    fees += sum(entry.position.fee for entry in journal.entries[: len(journal.exits)])
    gross, net = found.pnl.gross.total, found.pnl.net.total
    assert gross - net == pytest.approx(fees + borrow, abs=1e-6)


@SIDE
def test_positions_and_cash_are_the_equity(sides: str) -> None:
    found = analysed(sides=sides)
    rows = found.analyzers.positions.get_analysis()
    values = found.observers.broker.value.get(size=len(CANDLES.time))
    equity = [position + cash for position, cash in rows.values()]
    np.testing.assert_allclose(equity, values, rtol=1e-12)
    held = {np.sign(position) for position, _ in rows.values()}
    assert held == {"long": {0, 1}, "short": {0, -1}, "both": {-1, 0, 1}}[sides]


def test_pyfolio_gets_its_four_tables() -> None:
    found = analysed().analyzers.PyFolio.get_pf_items()
    returns, positions, transactions, _leverage = found
    broker_return = float((1.0 + returns).prod())
    assert broker_return == pytest.approx(positions.sum(axis=1).iloc[-1] / CASH, rel=1e-9)
    assert len(transactions) > 10


@pytest.mark.parametrize("cut", [0, 288])
def test_ratio_and_drawdown_are_those_of_summary_json(cut: int) -> None:
    """The warm-up is `past`: analyzers do not see it."""
    broker = CandleBroker(journal=RecordingJournal())
    past, span = rows_of(CANDLES, slice(0, cut)), rows_of(CANDLES, slice(cut, None))
    found = analysed(pandas_feed(span), broker=broker, past=past)
    start, end = int(span.time[0]), int(span.time[-1]) + span.interval
    inputs = prepare(MarketData(CANDLES, "BTC/USDT", "file", "x", cut, start, end), Settings())
    plan = Plan(wave, {}, SIDES["both"], HOUR, 14, broker.run_rules)
    journal = broker.journal
    rules = plan.run_rules.trade_rules
    trades = journal.trades(CANDLES, rules, broker.balance)
    ours = judge(
        plan, Record(trades, journal.stops(CANDLES), journal.counts, journal.fills(CANDLES)), inputs
    ).metrics
    theirs = found.analyzers
    assert ours.trades > 3
    assert theirs.sharpe.get_analysis()["sharperatio"] == pytest.approx(ours.sharpe, rel=1e-9)
    drawdown = theirs.DrawDown.get_analysis().max.drawdown / 100.0
    assert drawdown == pytest.approx(ours.max_drawdown, rel=1e-9)
    days = theirs.days.get_analysis()
    assert len(days) == len(inputs.marks.time) - 1
    assert np.prod([1.0 + each for each in days.values()]) == pytest.approx(1.0 + ours.net_return)


# Runs that follow each other


def closing_values(runs: Any) -> list[float]:
    return [strategy.broker.getvalue() for strategy in runs]


def test_a_second_run_begins_anew() -> None:
    cerebro = cerebro_of(pandas_feed())
    first = cerebro.run()[0]
    value, told = first.broker.getvalue(), len(first._orders)
    second = cerebro.run()[0]
    assert value != CASH
    assert (second.broker.getvalue(), len(second._orders)) == (value, told)


def test_optimising_in_one_process_gives_what_separate_runs_give() -> None:
    def separate(period: int) -> float:
        return float(cerebro_of(pandas_feed(), atr_period=period).run()[0].broker.getvalue())

    values: list[float] = []
    cerebro = bt.Cerebro(stdstats=False, maxcpus=1)
    cerebro.adddata(pandas_feed())
    cerebro.setbroker(CandleBroker())
    cerebro.optstrategy(MtfStrategy, signal=wave, atr_interval=HOUR, atr_period=[7, 14, 28])
    cerebro.addanalyzer(bt.analyzers.TradeAnalyzer)
    cerebro.optcallback(lambda _runs: values.append(cerebro.broker.getvalue()))
    assert len(cerebro.run()) == 3
    assert values == [separate(period) for period in (7, 14, 28)]
    assert len(set(values)) == 3


# What can be set


def test_setcash_is_account_cash() -> None:
    broker = CandleBroker()
    cerebro = cerebro_of(pandas_feed(), broker=broker)
    cerebro.broker.setcash(5_000.0)
    assert (broker.getcash(), broker.startingcash) == (5_000.0, 5_000.0)
    cerebro.run()
    settings = Settings.model_validate({"account": {"cash": 5_000.0}})
    other = CandleBroker(settings=settings)
    cerebro_of(pandas_feed(), broker=other).run()
    assert broker.getvalue() == other.getvalue() != 5_000.0


@pytest.mark.parametrize("how", [{"commission": 0.002}, {"commission": 0.2, "percabs": False}])
def test_setcommission_is_the_taker_fee(how: dict[str, Any]) -> None:
    broker = CandleBroker()
    broker.setcommission(**how)
    cerebro_of(pandas_feed(), broker=broker).run()
    other = CandleBroker(settings=Settings.model_validate({"costs": {"taker_fee": 0.002}}))
    cerebro_of(pandas_feed(), broker=other).run()
    assert broker.run_rules.trade_rules.costs.taker_fee == 0.002
    assert broker.getvalue() == other.getvalue()


@pytest.mark.parametrize(
    ("how", "key"),
    [
        ({"commission": 5.0, "commtype": bt.CommInfoBase.COMM_FIXED}, "costs.taker_fee"),
        ({"commission": 0.001, "margin": 1000.0}, "risk.max_leverage"),
        ({"commission": 0.001, "leverage": 3.0}, "risk.max_leverage"),
        ({"commission": 0.001, "interest": 0.1}, "costs.borrow_daily"),
        ({"commission": 0.001, "name": "BTC"}, "one market"),
        ({"commission": 0.5}, "costs.taker_fee"),
    ],
)
def test_other_terms_are_refused_with_the_setting(how: dict[str, Any], key: str) -> None:
    with pytest.raises(UsageError, match=key):
        CandleBroker().setcommission(**how)


@pytest.mark.parametrize("cash", [0.0, -1.0, float("nan"), "much"])
def test_cash_that_is_none_is_refused(cash: Any) -> None:
    with pytest.raises(ConfigError, match=r"setcash: account\.cash must be"):
        CandleBroker().setcash(cash)


@pytest.mark.parametrize("method", sorted(REFUSED))
def test_what_would_change_the_fills_is_refused_in_words(method: str) -> None:
    with pytest.raises(UsageError, match=f"{method} would leave the contract"):
        getattr(CandleBroker(), method)(NEUTRAL.get(method) is not True)


@pytest.mark.parametrize("method", sorted(NEUTRAL))
def test_what_asks_for_what_holds_anyway_is_taken(method: str) -> None:
    broker = CandleBroker()
    getattr(broker, method)(NEUTRAL[method])
    cerebro_of(pandas_feed(), broker=broker).run()
    untouched = cerebro_of(pandas_feed()).run()[0].broker
    assert broker.getvalue() == untouched.getvalue() != CASH


def test_cheating_on_the_open_is_refused_by_its_name() -> None:
    with pytest.raises(UsageError, match="cheat_on_open"):
        cerebro_of(pandas_feed(), cerebro={"cheat_on_open": True}).run()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"settings": "strategy.toml"},
            r"settings must be stoptrail\.Settings, .*'strategy\.toml'",
        ),
        ({"settings": {"account": {"cash": 1.0}}}, "settings must be .* not {'account'"),
        ({"run_rules": Settings()}, "run_rules must be RunRules; stoptrail.Settings are settings="),
        ({"funding": 0.0001}, r"funding must be what funding_of\(\) .* not 0\.0001"),
        ({"detail": 3}, "detail must be Detail .* not 3"),
        ({"journal": print}, "journal must have the methods .* has not"),
    ],
)
def test_a_parameter_of_another_kind_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as failed:
        CandleBroker(**given)
    assert "\n" not in str(failed.value)


def test_the_fee_and_fractions_of_a_unit_are_told_to_who_asks() -> None:
    broker = CandleBroker()
    terms = broker.getcommissioninfo(None)
    assert terms.getcommission(2.0, 500.0) == pytest.approx(2.0 * 500.0 * 0.001)
    assert terms.getsize(500.0, 125.0) == 0.25
    broker.setcommission(0.002)
    assert broker.getcommissioninfo(None).getcommission(2.0, 500.0) == pytest.approx(2.0)


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(UsageError, match="not cash: see setcash"):
        CandleBroker(cash=5_000.0)
    with pytest.raises(UsageError, match="not commission: see setcash"):
        CandleBroker(commission=0.001)


class Rich(MtfStrategy):
    def next(self) -> None:
        self.broker.setcash(1e6)


def test_steps_are_those_of_the_last_90_days() -> None:
    """Prices of five decimals, then of one: exchanges coarsen the tick as the price rises."""
    old, new = 20, 91 * 96 + 40
    price = np.concatenate([np.full(old, 1.00001), np.full(new, 2.5)])
    volume = np.concatenate([np.full(old, 0.00001), 3.0 + np.arange(new) % 5])
    time = 900_000 * np.arange(old + new, dtype=np.int64)
    candles = Candles(time, price, price, price, price, volume, 900_000)
    settings = Settings.model_validate({"data": {"symbol": "NEW/USDT"}})
    market = fitted_market(settings, candles)
    assert (market.price_scale, market.price_step) == (10.0, 1.0)
    assert (market.lot_scale, market.lot_step) == (1.0, 1.0)


def test_nothing_is_set_during_a_run() -> None:
    with pytest.raises(UsageError, match=r"set account\.cash before it"):
        cerebro_of(pandas_feed(), Rich).run()
