"""What funding and each kind of exit cost the pre-screen, on the same candles.

Funding: a grid of stops with a payment every eight hours against the same grid without one, in
turns; the ratio is the median over the pairs, of the default grid as a sweep screens it (endings
are kept, from none in each turn on), and of smaller ones that keep none. Exits: milliseconds of
processor time for one combination and core. Every result, of the default grid a handful, is
compared with the plain loop and its measures, to the last bit; where one differs, or an exit takes
longer than MOST_MS, this exits with an error.

    python -m benchmarks.exits [candles.parquet] [--rounds N]
"""

from __future__ import annotations

import statistics
import sys
from argparse import Namespace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.arguments import Arguments, answered, existing, whole
from benchmarks.kernel import BASE, BLOCKS, HOUR, Bench, benches, load
from benchmarks.market import SPOT
from benchmarks.market import load as load_span
from benchmarks.timing import timed
from stoptrail.backtest.inputs import Inputs
from stoptrail.config.grid import build_grid
from stoptrail.config.load import load_settings
from stoptrail.rules.candles import Candles, Floats
from stoptrail.rules.detail import NO_DETAIL
from stoptrail.rules.exits import NO_EXITS, ExitRules, ScaleOut
from stoptrail.rules.funding import NO_FUNDING, Funding, funding_of, funding_rows
from stoptrail.rules.jit import compiled
from stoptrail.rules.margin import Margin
from stoptrail.rules.measure import equity_of, measure
from stoptrail.rules.own_exit import ExitRule, RuleCandle, RulePosition, RuleStop, compiled_exit
from stoptrail.rules.stops import CHANDELIER, NO_TRAIL, PERCENT, StopRules
from stoptrail.sweep.kernel.days import Midnights, midnights_of
from stoptrail.sweep.kernel.fingerprint import fingerprint_of
from stoptrail.sweep.kernel.flow import Flows
from stoptrail.sweep.kernel.memo import Memo, Memos
from stoptrail.sweep.kernel.reference import simulate
from stoptrail.sweep.kernel.results import Results, results_for
from stoptrail.sweep.kernel.rows import screen_rows
from stoptrail.sweep.kernel.rule_table import COLUMNS, rule_row, run_rules_of
from stoptrail.sweep.plain_run import quick_run
from stoptrail.sweep.screen import screen_all, shared
from stoptrail.sweep.space import Space

MOST_MS = 2.0
_STOP, _NONE = BASE.trade_rules.stop, NO_EXITS


def parabolic(position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float) -> float:
    """A stop that goes for the extreme the faster, the more extremes there have been."""
    return stop.level + min(0.2, 0.02 * (1 + position.extremes)) * (stop.extreme - stop.level)


class Kind(NamedTuple):
    """One way to leave."""

    name: str
    stop: StopRules
    exits: ExitRules
    rule: ExitRule | None = None


KINDS = (
    Kind("stop alone", _STOP, _NONE),
    Kind("target 2 R", _STOP, _NONE._replace(target=2.0)),
    Kind("half at 1 R", _STOP, _NONE._replace(first=ScaleOut(1.0, 0.5))),
    Kind(
        "three parts",
        _STOP,
        _NONE._replace(
            first=ScaleOut(0.5, 0.25), second=ScaleOut(1.0, 0.25), third=ScaleOut(2.0, 0.25)
        ),
    ),
    Kind("48 hours", _STOP, _NONE._replace(time_hours=48.0)),
    Kind("trail from 1 R", _STOP._replace(trail_from=1.0), _NONE),
    Kind("no trail", _STOP._replace(trail=NO_TRAIL), _NONE),
    Kind("no trail, target 3 R", _STOP._replace(trail=NO_TRAIL), _NONE._replace(target=3.0)),
    Kind("5 percent", _STOP._replace(trail=PERCENT, trail_percent=0.05), _NONE),
    Kind("chandelier of 22", _STOP._replace(trail=CHANDELIER, trail_candles=22), _NONE),
    Kind("own rule", _STOP._replace(ruled=True), _NONE, parabolic),
)


class Terms(NamedTuple):
    """What a market asks of positions, as engines take it."""

    funding: Funding
    flows: Flows
    midnights: Midnights


def terms_of(bench: Bench, funding: Funding) -> Terms:
    """`funding` made ready once, as a sweep does."""
    flows, closes = Flows(funding, bench.candles.close), bench.candles.close
    return Terms(funding, flows, midnights_of(bench.marks, closes, BLOCKS, funding))


def eight_hourly(candles: Candles) -> Funding:
    """0.01 %, give or take as much, every eight hours, from a seed."""
    times = np.arange(candles.time[0] // (8 * HOUR) + 1, candles.time[-1] // (8 * HOUR)) * 8 * HOUR
    rates = np.random.default_rng(8).normal(0.0001, 0.0001, len(times))
    return funding_of(funding_rows(times, rates), candles)


def screened(
    bench: Bench, terms: Terms, rule: ExitRule | None = None, memo: Memo | None = None
) -> Results:
    results = results_for(len(bench.table), BLOCKS)
    of = bench.candles, bench.nodes, bench.setups, terms.midnights, bench.table, results
    screen_rows(*of, memo=memo, atr=bench.name, funding=terms.flows, exit_rule=rule)
    return results


def is_right(bench: Bench, terms: Terms, found: Results, row: int, rule: ExitRule | None) -> bool:
    """Whether the plain loop finds the same for a row."""
    run_rules, ask = run_rules_of(bench.table[row]), rule and compiled_exit(rule)
    candles, marks, atr = bench.candles, bench.marks, bench.nodes.atr[: len(bench.candles.time)]
    given = candles, bench.setups, atr, marks, run_rules, NO_DETAIL, None, ask, terms.funding
    run = compiled(simulate)(*given)
    equity = compiled(equity_of)(run.trades, run.fills, candles, marks, run_rules, terms.funding)
    figures = np.array(compiled(measure)(run.trades, equity, candles, marks))
    return (
        figures.tobytes() == found.metrics[row].tobytes()
        and int(compiled(fingerprint_of)(run.trades)) == found.fingerprint[row]
        and run.ignored.tobytes() == found.ignored[row].tobytes()
    )


def with_swap(table: Floats) -> Floats:
    """The rows on a swap: funding is paid, no borrow is, and positions can be liquidated."""
    rows, at = table.copy(), {name: place for place, name in enumerate(COLUMNS)}
    rows[:, at["trade_rules.costs.funding"]] = 1.0
    rows[:, at["trade_rules.costs.borrow_daily"]] = 0.0
    margin = Margin(0.005, True, True)
    for name, value in margin._asdict().items():
        rows[:, at[f"trade_rules.margin.{name}"]] = value
    return rows


def compare_funding(bench: Bench, rounds: int) -> tuple[bool, float]:
    """A line of the first table: whether results are right, and the ratio."""
    paid = bench._replace(table=with_swap(bench.table))
    free = bench._replace(table=paid.table.copy())
    free.table[:, COLUMNS.index("trade_rules.costs.funding")] = 0.0
    none, eight = terms_of(bench, NO_FUNDING), terms_of(bench, eight_hourly(bench.candles))
    found, ratios, spent = screened(paid, eight), [], []
    for _ in range(rounds + 1):
        without, with_ = (
            timed(lambda: screened(free, none))[0],
            timed(lambda: screened(paid, eight))[0],
        )
        ratios.append(with_ / without)
        spent.append(with_ * 1e3 / len(bench.table))
    ratio = statistics.median(ratios[1:])  # the first one compiles
    rows = range(0, len(bench.table), 9)
    right = all(is_right(paid, eight, found, row, None) for row in rows)
    payers = int((found.metrics[:, -1] != 0.0).sum())
    print(
        f"{bench.name:22} {statistics.median(spent):9.4f} {ratio:6.3f} {payers:4} "
        f"{'equal' if right else 'DIFFERENT'}",
        flush=True,
    )
    return right, ratio


def compare_grid(file: Path | None, rounds: int) -> bool:
    """The first line of the first table: whether results are right."""
    span, settings = load_span(file), load_settings(None, ["market.type=swap"])
    without = span.inputs(SPOT)
    paid = without._replace(funding=eight_hourly(span.candles))
    grid = build_grid(settings)
    shares = [shared(Space(settings, grid, each), each, BLOCKS) for each in (without, paid)]
    found = [screen_all(share, 1) for share in shares][1]  # compiles, and finds the signals
    ratios, spent = [], []
    for _ in range(rounds):
        free, with_ = (
            timed(lambda share=share: screen_all(share._replace(memos=Memos()), 1))[0]
            for share in shares
        )
        ratios.append(with_ / free)
        spent.append(with_ * 1e3 / grid.size)
    right = is_grid_right(shares[1].space, paid, found)
    ms, ratio = statistics.median(spent), statistics.median(ratios)
    payers = int((found.metrics[:, -1] != 0.0).sum())
    said = "equal" if right else "DIFFERENT"
    print(f"{'default grid':22} {ms:9.4f} {ratio:6.3f} {payers:4} {said}", flush=True)
    return right


def is_grid_right(space: Space, paid: Inputs, found: Results) -> bool:
    """Whether the plain loop finds the same for a handful of the combinations."""
    right = True
    for combination in range(0, space.size, space.size // 12):
        outcome = quick_run(space.plan(combination), paid)
        own = compiled(fingerprint_of)(outcome.record.trades), outcome.metrics
        right &= own[0] == found.fingerprint[combination]
        right &= np.array(own[1]).tobytes() == found.metrics[combination].tobytes()
    return right


def compare_exit(bench: Bench, kind: Kind, rounds: int) -> tuple[bool, float]:
    """A line of the second table: whether results are right, and milliseconds."""
    trade_rules = BASE.trade_rules._replace(stop=kind.stop, exits=kind.exits)
    own = bench._replace(table=np.tile(rule_row(BASE._replace(trade_rules=trade_rules)), (10, 1)))
    terms = terms_of(bench, NO_FUNDING)
    found = screened(own, terms, kind.rule)
    spent = [timed(lambda: screened(own, terms, kind.rule))[0] * 1e2 for _ in range(rounds)]
    right = is_right(own, terms, found, 0, kind.rule)
    print(
        f"{kind.name:22} {statistics.median(spent):9.4f} {found.trades[0]:6} "
        f"{'equal' if right else 'DIFFERENT'}",
        flush=True,
    )
    return right, statistics.median(spent)


def main() -> int:
    parser = Arguments(description=__doc__)
    parser.add_argument("candles", nargs="?", type=existing, help="candle file; else synthetic")
    parser.add_argument("--rounds", type=whole, default=9)
    arguments = parser.parse_args()
    return answered(lambda: _run(arguments))


def _run(arguments: Namespace) -> int:
    candles, start = load(arguments.candles)
    every = benches(candles, start, 91)
    print(f"{'with funding':22} {'ms':>9} {'ratio':>6}")
    whole = compare_grid(arguments.candles, arguments.rounds)
    paid = [compare_funding(bench, arguments.rounds) for bench in every]
    print(f"{'exits, ATR 4h':22} {'ms':>9} {'trades':>6}")
    left = [compare_exit(every[3], kind, arguments.rounds) for kind in KINDS]
    right = whole and all(same for same, _ in (*paid, *left))
    quick = all(ms <= MOST_MS for _, ms in left)
    return 0 if right and quick else 1


if __name__ == "__main__":
    sys.exit(main())
