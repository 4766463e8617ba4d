"""What summary.json says of a run; one without a trade says why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from stoptrail.backtest.inputs import Inputs, plan_of
from stoptrail.backtest.outcome import Outcome
from stoptrail.backtest.plan import Plan, Record
from stoptrail.backtest.summary import (
    by_prices,
    constant_rate_table,
    summarise_run,
    why_no_trade,
)
from stoptrail.config.settings import Settings
from stoptrail.feeds.funding.rates import constant_rows
from stoptrail.feeds.market import Finer, MarketData
from stoptrail.rules.candles import Candles
from stoptrail.rules.detail import NO_DETAIL
from stoptrail.rules.market import Market
from stoptrail.rules.measure import equity_of, measure
from stoptrail.rules.trade import IGNORED
from stoptrail.rules.types import TradeLog, day_marks, fill_log, stop_log
from tests.rules.runs import CANDLES, CLOSES, FREE, TWO

QUARTER = 900_000


class _Trades(NamedTuple):
    side: Any


class _Record(NamedTuple):
    trades: _Trades
    ignored: Any


class _Outcome(NamedTuple):
    record: _Record
    equity: Any
    plan: Plan


class _Inputs(NamedTuple):
    candles: Candles
    start: int
    market: Market


def settings_of(**tables: dict[str, Any]) -> Settings:
    """Longs alone, which cannot be liquidated, unless told otherwise."""
    return Settings.model_validate({"strategy": {"sides": "long"}, **tables})


def why(
    *,
    trades: int = 0,
    lot: float = 1.0,
    minimum: float = 0.0,
    volume: float = 5.0,
    left: float = 50_000.0,
    settings: Settings | None = None,
    swing: float = 0.0,
    **counts: int,
) -> str:
    record = _Record(_Trades(np.ones(trades)), np.array([counts.get(name, 0) for name in IGNORED]))
    close, time = np.full(600, 60_000.0), QUARTER * np.arange(600)
    candles = Candles(time, close, close + swing, close - swing, close, 0 * close + volume, QUARTER)
    market = Market(100.0, 1.0, 1.0, lot, lot, minimum)
    settings = settings or settings_of()
    inputs: Any = _Inputs(candles, 400, market)
    outcome: Any = _Outcome(record, np.array([50_000.0, left]), plan_of(settings, inputs))
    return why_no_trade(outcome, inputs, settings, "BTC/USDT")


def test_a_run_with_trades_says_nothing() -> None:
    assert why(trades=1, size=62) == ""


def test_a_lot_that_is_too_dear_is_named_with_its_price() -> None:
    said = why(size=62)
    assert "62 signals, all below one lot: 1 BTC is 60,000 USDT" in said
    assert "50,000" in said


@pytest.mark.parametrize(("left", "told"), [(0.0, "0"), (599.0, "599"), (600.0, "")])
def test_an_account_that_was_lost_is_the_reason_and_not_its_first_cash(
    left: float, told: str
) -> None:
    said = why(size=24, lot=0.01, left=left)
    assert (f"all with {told} of 50,000 left in the account" in said) is bool(told)
    assert ("below one lot" in said) is (not told)


@pytest.mark.parametrize("leverage", [1.0, 20.0])
@pytest.mark.parametrize("sides", ["long", "both"])
def test_a_stop_beyond_the_liquidation_is_a_reason_where_there_is_one(
    leverage: float, sides: str
) -> None:
    told = {"strategy": {"sides": sides}, "risk": {"max_leverage": leverage}}
    said = why(size=113, lot=1e-5, settings=settings_of(**told))
    both = leverage > 1.0 or sides == "both"
    assert ("beyond the price at which the position is liquidated" in said) is both
    assert ("set risk.max_leverage, [stop]" in said) is both
    assert ("below one lot" in said) is not both


@pytest.mark.parametrize(("multiplier", "said"), [(59.0, False), (61.0, True)])
def test_a_stop_at_no_price_is_the_reason_where_so_many_atrs_are_more_than_the_price(
    multiplier: float, said: bool
) -> None:
    settings = settings_of(stop={"trailing_atr_multiplier": multiplier})
    told = why(size=9, lot=1e-8, swing=500.0, settings=settings)
    assert ("9 signals, all with a stop at or below 0" in told) is said
    assert ("set stop.trailing_atr_multiplier, " in told) is said
    assert ("below one lot" in told) is not said


@pytest.mark.parametrize(
    ("risk", "said"),
    [
        ({"risk_per_trade": 1.0}, "1 asks for a loss of 100% of the account at each first stop"),
        ({"risk_per_trade": 0.25}, "0.25 asks for a loss of 25% of the account"),
        ({"risk_per_trade": 0.1}, ""),
        ({"risk_per_trade": 1.0, "sizing": "notional"}, ""),
    ],
)
def test_a_risk_that_a_few_losses_would_not_survive_is_said(
    risk: dict[str, Any], said: str
) -> None:
    lines = summary_of(TWO, risk=risk)["warnings"]
    assert any(f"risk.risk_per_trade = {said}" in line for line in lines) is bool(said)
    assert any("risk_per_trade" in line for line in lines) is bool(said)


@pytest.mark.parametrize(
    ("sizing", "word"),
    [
        ("kelly", "after trades that left nothing to win by Kelly's fraction"),
        ("volatility", "before risk.volatility_days of candles"),
        ("tests.sweep.own_code:less", "as tests.sweep.own_code:less asked for none"),
    ],
)
@pytest.mark.parametrize("lot", [1e-5, 1.0])
def test_a_way_to_size_that_asked_for_none_is_named(sizing: str, word: str, lot: float) -> None:
    said = why(size=113, lot=lot, settings=settings_of(risk={"sizing": sizing}))
    assert f"113 signals, all {word}" in said
    assert ("or below one lot" in said) is (lot == 1.0)


@pytest.mark.parametrize(("ignored", "said"), [(1, 0), (2, 0), (3, 1)])
def test_more_signals_without_a_size_than_trades_are_said(ignored: int, said: int) -> None:
    lines = summary_of(TWO, size=ignored)["warnings"]
    assert sum(line.startswith("3 of 5 signals led to no trade, ") for line in lines) == said
    assert sum("led to no trade" in line for line in lines) == said


def test_a_minimum_of_notional_is_named() -> None:
    assert "below the least notional: 90,000 USDT" in why(size=3, minimum=90_000.0)


def test_candles_without_volume_are_the_reason_where_nothing_is_filled() -> None:
    assert 'data.volume = "unknown"' in why(gap=4, volume=0.0)
    assert "entry_max_delay" in why(gap=4)


@pytest.mark.parametrize(("counts", "word"), [({}, "no signal"), ({"protection": 2}, "protection")])
def test_other_reasons_are_named(counts: dict[str, int], word: str) -> None:
    assert word in why(**counts)


def test_the_most_frequent_reason_of_several_is_told_with_its_count() -> None:
    assert "10 signals, 7 of them below one lot" in why(size=7, gap=3)


def summary_of(
    log: TradeLog,
    ignored: int = 0,
    finer: Finer | None = None,
    size: int = 0,
    risk: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Of the eight candles of tests.rules.runs."""
    settings, detail = settings_of(risk=risk or {}), finer.detail if finer else NO_DETAIL
    inputs = Inputs(CANDLES, 0, day_marks(CANDLES, 0), FREE.trade_rules.market, detail)
    equity = equity_of(log, fill_log(0), CANDLES, inputs.marks, FREE)
    metrics = measure(log, equity, CANDLES, inputs.marks)
    counts = np.array([{"size": size}.get(name, 0) for name in IGNORED], np.int64)
    counts[0] += ignored
    outcome = Outcome(
        plan_of(settings, inputs),
        Record(log, stop_log(0), counts, fill_log(0)),
        equity.marks,
        equity.falls,
        metrics,
    )
    ends = int(CANDLES.time[-1]) + CANDLES.interval
    market = MarketData(CANDLES, "BTC/USDT", "file", "x.csv", 0, int(CANDLES.time[0]), ends)
    market = replace(market, finer=finer)
    return summarise_run("backtest", settings, market, inputs, outcome)


def test_a_summary_says_why_there_was_no_trade_and_nothing_where_there_was_one() -> None:
    none = TradeLog._make(column[:0] for column in TWO)
    assert summary_of(TWO)["no_trade"] is None
    assert summary_of(none)["no_trade"] == "no trade: no signal in the span"
    assert summary_of(none, ignored=3)["no_trade"].startswith("no trade: 3 signals, all")


def test_buy_and_hold_at_the_volatility_of_the_run_grows_from_its_first_to_its_last_mark() -> None:
    found = summary_of(TWO)
    held, same = found["buy_and_hold"], found["buy_and_hold"]["scaled"]
    share = same["share"]
    assert 0.0 < share < 1.0
    hold = np.array(held["equity"])
    expected = hold[0] * np.cumprod([1.0, *(1.0 + share * np.diff(hold) / hold[:-1])])
    assert same["equity"] == pytest.approx(expected)
    years = 8 / (365 * 24)
    assert same["cagr"] == pytest.approx((expected[-1] / expected[0]) ** (1 / years) - 1.0)
    assert same["net_return"] == pytest.approx(expected[-1] / expected[0] - 1.0)
    # At the closes of the first day from the cash on, then from midnight's close of 104 on.
    bought = hold[1] / 104.0 / hold[0]
    within = [1.0 + share * (bought * close - 1.0) for close in CLOSES[:3]]
    within += [within[-1] * (1.0 + share * (close / 104.0 - 1.0)) for close in CLOSES[3:]]
    path = np.array([1.0, *within])
    falls = 1.0 - path / np.maximum.accumulate(path)
    assert same["max_drawdown"] == pytest.approx(falls.max())
    assert same["falls"] == pytest.approx([0.0, falls[:4].max(), falls[4:].max()])


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        (None, "by the market's own prices, as no mark prices are known"),
        ([], "by mark prices"),
        ([1], "by mark prices, 1 by the market's own where those are missing"),
    ],
)
def test_by_which_prices_a_market_is_liquidated_is_said_in_words(
    lacking: list[int] | None, said: str
) -> None:
    marks = np.full((0 if lacking is None else 3, 4), 100.0)
    marks[lacking or []] = np.nan
    assert by_prices(marks) == said


def test_candles_held_are_counted_and_those_of_them_without_finer_ones() -> None:
    # Held: 1 to 3, and 5 to the end. 0, 2 and 6 have no finer candles.
    last = np.array([0, 1, 1, 2, 3, 4, 4, 5])
    detail = NO_DETAIL._replace(first=np.array([0, *last[:-1]]), last=last)
    finer = Finer(detail, 900_000, "file x.csv", 0, 3, 0)
    found = summary_of(TWO, finer=finer)["stop_path"]
    assert (found["held"], found["walked_whole"]) == (3 + 3, 1 + 1)
    assert (found["timeframe"], found["ratchet"]) == ("15m", Settings().stop.ratchet)
    assert "stop_path" not in summary_of(TWO)


@pytest.mark.parametrize(("kind", "rate"), [("swap", 0.0001), ("swap", None), ("spot", None)])
def test_a_constant_rate_of_funding_is_told_as_published_ones_are(
    kind: str, rate: float | None
) -> None:
    settings = settings_of(market={"type": kind}, costs={"funding_rate": rate} if rate else {})
    rows = constant_rows(CANDLES)
    inputs = Inputs(CANDLES, 0, day_marks(CANDLES, 0), FREE.trade_rules.market, rows=rows)
    table = constant_rate_table(settings, inputs)
    assert bool(table) is (rate is not None)
    if table:
        assert table["funding"] == {
            "source": "costs.funding_rate",
            "rows": len(rows.time),
            "zero_stretches": 0,
            "zero_hours": 0.0,
            "rate": rate,
        }
