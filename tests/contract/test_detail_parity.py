"""C21 on random markets: every engine that walks finer candles, and a paper session's ticks."""

from __future__ import annotations

import math
from collections import Counter

import backtrader as bt
import numpy as np
import pytest

from stoptrail.backtest.engine import strategy_options
from stoptrail.backtest.plan import Record
from stoptrail.brokers.paper import PaperBroker
from stoptrail.core.program import PLAIN
from stoptrail.feeds.columnar import ColumnarFeed
from stoptrail.live.market.events import Tick
from stoptrail.rules.candles import Candles
from stoptrail.rules.detail import Detail, piece_at, piece_price, pieces
from stoptrail.rules.funding import NO_FUNDING, Funding, funding_of, funding_rows
from stoptrail.rules.paths import CANDLE, TICKS
from stoptrail.rules.stops import BREAKEVEN
from stoptrail.rules.types import STOP_TRAIL
from stoptrail.strategies.mtf_strategy import MtfStrategy
from stoptrail.sweep.finalists import compare
from tests.contract import engines
from tests.contract.detail import random_pieces
from tests.contract.test_parity import Case, FundedCase, random_case


def detailed_case(seed: int, path: int, count: int = 2000) -> tuple[Case, Detail]:
    """A random case on `path` with the pieces of its candles."""
    case = random_case(seed, count=count)
    run_rules = case.plan.run_rules._replace(path=path)
    market = run_rules.trade_rules.market
    detail = random_pieces(seed, case.candles, market)
    return case._replace(plan=case.plan._replace(run_rules=run_rules)), detail


def whole(candles: Candles) -> Detail:
    """Each candle with volume as its own only piece."""
    kept = candles.volume > 0.0
    columns = [column[kept] for column in candles[:5]]
    ends = np.cumsum(kept).astype(np.int64)
    return Detail(*columns, ends - kept, ends)


MARKETS = (0, 1, 2, 3, 71, 72, 99, 161, 194)
"""Seeds, chosen as in test_parity.py."""


@pytest.mark.parametrize("path", [CANDLE, TICKS])
def test_random_markets_agree_in_every_engine_that_walks_pieces(path: int) -> None:
    compared: Counter[str] = Counter()
    changed = 0
    for seed in MARKETS:
        case, detail = detailed_case(seed, path)
        one = engines.by_compiled_rules(*case, detail)
        changed += not same(one, engines.by_compiled_rules(*case))
        for name in ("backtrader", "backtrader-steps"):
            found = compare(one, engines.DETAILED[name](*case, detail), name)
            assert found.mismatches == (), seed
            compared[name] += found.trades
    assert min(compared.values()) >= 1000, compared
    assert changed >= 8, changed


def same(one: Record, other: Record) -> bool:
    """Whether two runs are the same to the last bit."""
    pairs = zip(one.trades + one.stops, other.trades + other.stops, strict=True)
    return all(a.tobytes() == b.tobytes() for a, b in pairs)


@pytest.mark.parametrize("path", [CANDLE, TICKS])
def test_plain_python_gives_the_same_as_compiled_code(path: int) -> None:
    trades = 0
    for seed in range(100, 140):
        case, detail = detailed_case(seed, path, count=500)
        one = engines.by_compiled_rules(*case, detail)
        assert same(one, engines.by_rules(*case, detail))
        trades += len(one.trades.entry)
    assert trades >= 200


def test_pieces_that_are_the_base_candles_change_nothing() -> None:
    trades = 0
    for seed in range(200, 212):
        case, _ = detailed_case(seed, CANDLE)
        plain, detail = engines.by_compiled_rules(*case), whole(case.candles)
        assert same(plain, engines.by_compiled_rules(*case, detail))
        assert compare(plain, engines.by_backtrader(*case, detail), "backtrader").mismatches == ()
        trades += len(plain.trades.entry)
    assert trades >= 400


class FedPaper(PaperBroker):  # type: ignore[misc]
    """A paper broker that is told the prices of each candle's pieces as ticks before its
    close. The feed is loaded candle by candle, so that nothing later is known."""

    pieces_of: Detail

    def next(self) -> None:
        """The ticks of the candle that has closed, then the candle."""
        closed = len(self._data)
        if closed > self._closed:
            self._in_candle(closed - 1)
        super().next()

    def _in_candle(self, i: int) -> None:
        for row in range(*pieces(self.pieces_of, i)):
            piece = piece_at(self.pieces_of, row)
            side = self._entry.info.entry_order.side if self._entry else 0
            side = self.open.held.side if self.open else side
            for step in range(4) if side else ():
                price = float(piece_price(piece, side, step))
                self.monitor_positions(Tick(int(piece.time), price, math.nan, math.nan))


def by_fed_paper(case: Case, detail: Detail, funding: Funding = NO_FUNDING) -> Record:
    """A paper session in tick mode."""
    candles, start, plan = case
    journal = engines.PaperJournal(with_stops=True)
    cerebro = bt.Cerebro(stdstats=False, runonce=False, preload=False)
    cerebro.adddata(ColumnarFeed(candles=candles))
    run_rules = plan.run_rules._replace(path=CANDLE)  # live.ratchet says how a session moves
    own = {"own_size": plan.size_call, "funding": funding}
    broker = FedPaper(run_rules=run_rules, journal=journal, ticks=True, **own)
    broker.pieces_of = detail
    cerebro.setbroker(broker)
    cerebro.addstrategy(MtfStrategy, **strategy_options(plan, int(candles.time[start])))
    cerebro.run()
    paid = broker.paid_by(int(candles.time[-1]) + candles.interval)
    trades = journal.trades(candles, run_rules.trade_rules, broker.balance, paid)
    return Record(trades, journal.stops(candles), journal.counts, journal.fills(candles))


def test_a_paper_session_fed_the_pieces_as_ticks_makes_the_same_trades() -> None:
    tally: Counter[str] = Counter()
    for seed in (300, 301, 302, 311, 357, 387):
        case, detail = detailed_case(seed, TICKS)
        case = case._replace(
            plan=case.plan._replace(run_rules=case.plan.run_rules._replace(exits=STOP_TRAIL))
        )
        one = engines.by_compiled_rules(*case, detail)
        found = compare(one, by_fed_paper(case, detail), "paper")
        assert found.mismatches == (), seed
        tally["trades"] += found.trades
        tally["inside"] += int(np.sum(one.trades.exit_time % case.candles.interval != 0))
        tally["ticks"] += int(np.sum(one.stops.tick > 0))
        tally["shorts"] += int(np.sum(one.trades.side < 0))
    assert tally["trades"] >= 400, tally
    assert min(tally["inside"], tally["ticks"], tally["shorts"]) >= 100, tally


def funded_pieces(seed: int, path: int) -> tuple[FundedCase, Detail]:
    """A random case with pieces, on which breakeven is armed soon and funding moves it: rows at
    any five minutes, whose rates go both ways."""
    case, detail = detailed_case(seed, path, count=1000)
    given = case.plan.run_rules.trade_rules
    stop = given.stop._replace(breakeven_trigger=0.25, multiplier=5.0)
    given = given._replace(stop=stop, costs=given.costs._replace(funding=1.0))
    rules = case.plan.run_rules._replace(trade_rules=given, exits=STOP_TRAIL)
    random, first = np.random.default_rng([seed, 3]), int(case.candles.time[0])
    places = np.flatnonzero(random.random(3 * len(case.candles.time)) < 0.2)
    rows = funding_rows(first + 300_000 * places, random.normal(0.0, 0.002, len(places)))
    plan = case.plan._replace(run_rules=rules)
    return FundedCase(case.candles, case.start, plan, funding_of(rows, case.candles)), detail


@pytest.mark.parametrize("path", [CANDLE, TICKS])
def test_funding_within_a_candle_moves_a_stop_alike_on_every_road(
    path: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared, settled = 0, 0
    for seed in range(400, 416):
        case, detail = funded_pieces(seed, path)
        one = engines.by_compiled_rules(*case[:3], detail, case.funding)
        quick = engines.by_backtrader(*case[:3], detail, case.funding)
        assert compare(one, quick, "backtrader").mismatches == (), seed
        with monkeypatch.context() as plain:
            plain.setenv(PLAIN, "1")
            assert same(quick, engines.by_backtrader(*case[:3], detail, case.funding))
        compared += len(one.trades.entry)
        settled += int(((one.stops.reason == BREAKEVEN) & (one.stops.tick > 0)).sum())
    assert compared >= 150
    assert settled >= 50 or path == CANDLE, settled
