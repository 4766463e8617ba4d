from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from stoptrail.rules.atr import stop_atr
from stoptrail.rules.candles import Candles, Floats
from stoptrail.rules.funding import NO_FUNDING
from stoptrail.rules.jit import compiled
from stoptrail.rules.market import Market
from stoptrail.rules.measure import equity_of, measure
from stoptrail.rules.metrics import (
    block_sums,
)
from stoptrail.rules.types import (
    DayMarks,
    RunRules,
    Setups,
    day_marks,
)
from stoptrail.sweep.kernel.blocks import nodes_of
from stoptrail.sweep.kernel.days import midnights_of
from stoptrail.sweep.kernel.fingerprint import fingerprint_of
from stoptrail.sweep.kernel.flow import NO_FLOW
from stoptrail.sweep.kernel.memo import NOTHING
from stoptrail.sweep.kernel.reference import simulate
from stoptrail.sweep.kernel.results import Results, part, results_for
from stoptrail.sweep.kernel.rows import screen_rows
from stoptrail.sweep.kernel.rule_table import RuleTable, rule_row, rule_rows
from stoptrail.sweep.kernel.screen import rows_turn, screen
from tests.markets import (
    COARSE,
    FINE,
    NOTHING_ELSE,
    QUARTER_HOUR,
    on_tick,
    random_market,
    random_rules,
    random_setups,
)

TIMEFRAMES = [QUARTER_HOUR, 4 * QUARTER_HOUR, 16 * QUARTER_HOUR, 96 * QUARTER_HOUR]
BLOCKS = 16


class Case:
    """A random market with its signals and some sets of rules."""

    def __init__(self, seed: int, rule_sets: int = 20):
        self.random = np.random.default_rng(seed)
        market = (COARSE, FINE)[seed % 2]
        self.candles: Candles = random_market(seed, market=market)
        period = (3, 14)[seed // 4 % 2]
        self.atr: Floats = stop_atr(self.candles, TIMEFRAMES[seed // 2 % 4], period)
        first = int(np.argmax(~np.isnan(self.atr)))
        share = (0.05, 0.2, 0.01)[seed % 3]
        self.setups: Setups = random_setups(seed, self.candles, first, share)
        start = int(self.random.integers(0, first + 1))
        self.marks: DayMarks = day_marks(self.candles, start)
        self.rule_sets = [random_rules(self.random, market) for _ in range(rule_sets)]

    def screened(self, rule_sets: list[RunRules] | None = None) -> Results:
        table = np.array([rule_row(run_rules) for run_rules in rule_sets or self.rule_sets])
        results = results_for(len(table), BLOCKS, len(self.marks.time))
        self.screen_into(table, results)
        return results

    def screen_into(self, table: Floats, results: Results) -> None:
        nodes = nodes_of(self.candles, self.atr)
        screen_rows(self.candles, nodes, self.setups, self.marks, table, results)

    def plain(self, run_rules: RunRules) -> Results:
        """One combination through the plain loop and the measures of its trades."""
        run = compiled(simulate)(
            self.candles, self.setups, self.atr, self.marks, run_rules, *NOTHING_ELSE
        )
        equity = compiled(equity_of)(
            run.trades, run.fills, self.candles, self.marks, run_rules, NO_FUNDING
        )
        figures = compiled(measure)(run.trades, equity, self.candles, self.marks)
        return Results(
            np.array([figures], np.float64),
            np.array([len(run.trades.entry)]),
            run.ignored[None],
            np.array([compiled(fingerprint_of)(run.trades)], np.uint64),
            compiled(block_sums)(equity.marks, BLOCKS)[None],
            equity.marks[None],
        )


def assert_equal_bits(found: Results, expected: Results, label: object) -> None:
    for name, one, other in zip(Results._fields, found, expected, strict=True):
        assert one.shape == other.shape
        assert one.tobytes() == other.tobytes(), (name, label)


def test_every_figure_equals_the_plain_loops_to_the_last_bit():
    compared = 0
    for seed in range(64):
        case = Case(seed)
        found = case.screened()
        for k, run_rules in enumerate(case.rule_sets):
            assert_equal_bits(part(found, k, k + 1), case.plain(run_rules), (seed, run_rules))
        compared += int(found.trades.sum())
    assert compared > 20_000


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("interval", TIMEFRAMES)
def test_wide_stops_that_are_held_for_long_equal_the_plain_loops(interval, side):
    for seed in range(3):
        case = Case(seed, 1)
        case.atr = stop_atr(case.candles, interval, 3)
        own = case.setups.side == side
        case.setups = Setups(
            case.setups.candle[own], case.setups.side[own], case.setups.turn, case.setups.first
        )
        base = case.rule_sets[0]
        trade_rules = base.trade_rules
        for multiplier in (2.0, 4.0, 9.0):
            for trigger in (0.0, 0.5, 2.0):
                stop = trade_rules.stop._replace(multiplier=multiplier, breakeven_trigger=trigger)
                costs = trade_rules.costs._replace(borrow_daily=0.001)
                run_rules = base._replace(
                    trade_rules=trade_rules._replace(stop=stop, costs=costs), exits=0, path=0
                )
                assert_equal_bits(case.screened([run_rules]), case.plain(run_rules), run_rules)


@pytest.mark.parametrize("step", [1.0, 2500.0], ids=["fine", "coarse"])
@pytest.mark.parametrize("factor", [1e-5, 1e-3, 20.0, 3000.0])
def test_prices_that_move_by_orders_of_magnitude_equal_the_plain_loops(factor, step):
    market, trades = Market(1e4, step, 1e3, 1.0, 0.0, 0.0), 0
    for seed in range(4):
        case = Case(seed, 0)
        way = factor ** np.linspace(0.0, 1.0, len(case.candles.time))
        opens, high, low, close = (on_tick(prices * way, market) for prices in case.candles[1:5])
        case.candles = case.candles._replace(open=opens, high=high, low=low, close=close)
        case.atr = stop_atr(case.candles, TIMEFRAMES[seed], 5)
        first = int(np.argmax(~np.isnan(case.atr)))
        case.setups = random_setups(seed, case.candles, first)
        case.marks = day_marks(case.candles, first)
        for _ in range(6):
            run_rules = random_rules(case.random, market)
            found = case.screened([run_rules])
            assert_equal_bits(found, case.plain(run_rules), run_rules)
            trades += int(found.trades[0])
    assert trades > 0


def test_the_random_cases_meet_what_they_are_for():
    """Entry-candle stop-outs, all ways out and every reason to ignore a signal."""
    reasons, ignored, same_candle, still_open = set(), np.zeros(6, np.int64), 0, 0
    for seed in range(24):
        case = Case(seed)
        for run_rules in case.rule_sets:
            run = compiled(simulate)(
                case.candles, case.setups, case.atr, case.marks, run_rules, *NOTHING_ELSE
            )
            reasons |= set(run.trades.reason.tolist())
            ignored += run.ignored
            same_candle += int((run.trades.exit == run.trades.entry).sum())
            still_open += int((run.trades.exit < 0).sum())
    assert reasons == {0, 1, 2, 3}
    assert (ignored > 0).all()
    assert same_candle > 100
    assert still_open > 10


def test_threads_that_fill_slices_give_what_one_call_gives():
    case = Case(3, 40)
    table = np.array([rule_row(run_rules) for run_rules in case.rule_sets])
    whole = case.screened()
    sliced = results_for(40, BLOCKS, len(case.marks.time))
    with ThreadPoolExecutor(2) as pool:
        for first in range(0, 40, 7):
            rows = slice(first, first + 7)
            pool.submit(case.screen_into, table[rows], part(sliced, first, first + 7))
    assert_equal_bits(sliced, whole, "slices")


def test_without_blocks_and_equity_the_figures_are_the_same():
    case = Case(5)
    table = np.array([rule_row(run_rules) for run_rules in case.rule_sets])
    bare = results_for(len(table))
    case.screen_into(table, bare)
    whole = case.screened()
    assert bare.metrics.tobytes() == whole.metrics.tobytes()
    assert bare.fingerprint.tobytes() == whole.fingerprint.tobytes()
    assert bare.block_sums.size == bare.equity.size == 0


def test_a_run_without_signals_stays_at_its_cash():
    case = Case(7, 1)
    none = np.empty(0, np.int64)
    case.setups = Setups(none, none, case.setups.turn, 0)
    found = case.screened()
    assert found.trades[0] == 0
    assert (found.equity[0] == case.rule_sets[0].cash).all()
    assert_equal_bits(found, case.plain(case.rule_sets[0]), "no signals")


def test_rows_that_do_more_than_trail_are_refused_without_the_turns():
    case = Case(9, 1)
    for changes in ({"exits": 1}, {"path": 1}):
        row = rule_row(case.rule_sets[0]._replace(exits=0, path=0)._replace(**changes))
        nodes, table = nodes_of(case.candles, case.atr), row[None]
        assert rows_turn(RuleTable(table), case.setups) is case.setups.turn
        midnights = midnights_of(case.marks, case.candles.close, 0)
        with pytest.raises(ValueError, match="trail"):
            compiled(screen)(
                case.candles,
                nodes,
                case.setups,
                midnights,
                table,
                results_for(1),
                np.zeros(1, np.int64),
                NOTHING,
                NO_FLOW,
                None,
                None,
                None,
            )


def test_different_trades_have_different_fingerprints():
    case = Case(8)
    base = case.rule_sets[0]._replace(exits=0, path=0)
    table = rule_rows(base, 30, {"trade_rules.stop.multiplier": np.linspace(0.5, 6.0, 30)})
    results = results_for(30)
    case.screen_into(table, results)
    assert len(np.unique(results.fingerprint)) > 15
