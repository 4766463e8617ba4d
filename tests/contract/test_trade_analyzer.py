"""What Backtrader's analyzers add up is what the account has gained: with parts that leave, with
borrow and funding, within finer candles, and where positions are liquidated."""

from __future__ import annotations

from collections import Counter
from typing import Any

import backtrader as bt
import numpy as np
import pytest

from stoptrail.backtest.engine import strategy_options
from stoptrail.backtest.journal import RecordingJournal
from stoptrail.brokers.candle import CandleBroker
from stoptrail.feeds.columnar import ColumnarFeed
from stoptrail.rules.paths import CANDLE, TICKS
from stoptrail.rules.stops import LIQUIDATED
from stoptrail.rules.types import OPEN
from stoptrail.strategies.mtf_strategy import MtfStrategy
from tests.contract.detail import random_pieces
from tests.contract.test_liquidation_parity import FundedCase, levered_case

ANALYZERS = (bt.analyzers.TradeAnalyzer, bt.analyzers.Transactions, bt.analyzers.PositionsValue)


def analysed(case: FundedCase, seed: int, detailed: bool) -> tuple[Any, RecordingJournal]:
    """A run in Backtrader with stock analyzers; the strategy and what its broker has told."""
    cerebro, journal = bt.Cerebro(stdstats=False), RecordingJournal()
    cerebro.adddata(ColumnarFeed(candles=case.candles))
    rules = case.plan.run_rules
    market = rules.trade_rules.market
    detail = random_pieces(seed, case.candles, market) if detailed else None
    terms = {"run_rules": rules, "funding": case.funding, "detail": detail}
    cerebro.setbroker(CandleBroker(journal=journal, **terms))
    cerebro.addstrategy(MtfStrategy, **strategy_options(case.plan, int(case.candles.time[0])))
    for kind in ANALYZERS:
        more = {"cash": True} if kind is bt.analyzers.PositionsValue else {}
        cerebro.addanalyzer(kind, _name=kind.__name__, **more)
    (strategy,) = cerebro.run()
    return strategy, journal


@pytest.mark.parametrize("path", [None, CANDLE, TICKS])
def test_what_analyzers_add_up_is_the_change_of_the_account(path: int | None) -> None:
    """path: of the pieces of candles; without it candles are whole."""
    seen: Counter[str] = Counter()
    for seed in range(14_000, 14_012):
        case = levered_case(seed, exits=True, path=path or CANDLE)
        strategy, journal = analysed(case, seed, path is not None)
        broker, cash = strategy.broker, case.plan.run_rules.cash
        if not journal.exits:
            continue
        found = strategy.analyzers.TradeAnalyzer.get_analysis()
        assert found.total.closed == len(journal.exits)
        assert found.pnl.net.total == pytest.approx(broker.balance - cash, abs=1e-6 * cash)
        rows = list(strategy.analyzers.PositionsValue.get_analysis().values())
        assert sum(rows[-1]) == pytest.approx(broker.getvalue(), abs=1e-6 * cash)
        _check_transactions(strategy, journal, case, seen)
        _count(journal, seen)
    kinds = ("long in parts", "short in parts", "long funded", "short funded", "liquidated")
    assert min(seen[kind] for kind in (*kinds, "transactions")) >= 3, seen


def _check_transactions(
    strategy: Any, journal: RecordingJournal, case: FundedCase, seen: Counter[str]
) -> None:
    """What was bought and sold is what trades have earned before costs, and what is still held;
    where no fill closes on the candle of its entry, of which Backtrader tells one row."""
    rules = case.plan.run_rules.trade_rules
    trades = journal.trades(case.candles, rules, strategy.broker.balance)
    fills = journal.fills(case.candles)
    if (fills.candle == trades.entry[fills.trade]).any():
        return
    rows = strategy.analyzers.Transactions.get_analysis().values()
    flow = sum(value for row in rows for *_, value in row)
    sign = trades.side[fills.trade]
    sold = float((sign * fills.units * fills.price).sum())
    bought = float((trades.side * trades.units * trades.fill).sum())
    assert flow == pytest.approx(sold - bought, rel=1e-9, abs=1e-6)
    seen["transactions"] += int((trades.exit != OPEN).sum())


def _count(journal: RecordingJournal, seen: Counter[str]) -> None:
    sides = [entry.position.held.side for entry in journal.entries]
    parted = np.bincount([row[3] for row in journal.closed], minlength=len(sides)) > 1
    for k, (side, exit_) in enumerate(zip(sides, journal.exits, strict=False)):
        name = "long" if side > 0 else "short"
        seen[f"{name} in parts"] += int(parted[k])
        seen[f"{name} funded"] += int(exit_.end.funding != 0.0)
        seen["liquidated"] += int(exit_.reason == LIQUIDATED)
