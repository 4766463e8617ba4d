"""A book of 75 sleeves, three markets with 25 sets each, against 75 runs of their own."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice, product
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.arguments import Arguments, answered, existing
from benchmarks.market import SPOT, Span, load
from benchmarks.plans import plan
from benchmarks.sections import Section, require, table
from benchmarks.timing import timed
from stoptrail.backtest.book import BookTerms, SleevePlan, run_book
from stoptrail.backtest.engine import run_backtrader
from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.plan import Plan, Record
from stoptrail.brokers.book import NO_LIMITS
from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.rules.book import NO_CAP, Caps
from stoptrail.rules.market import Market
from stoptrail.rules.types import day_marks

SETS = 25
MARKETS = 3
SHARE = 1.0 / (SETS * MARKETS)
ROUNDS = 3


def sets(market: Market) -> list[Plan]:
    """Every part of the shipped grid has its turn."""
    chosen = product(
        ("momentum", "agreement", "price_ema", "roc"),
        (20, 30, 45, 60),
        (12.0, 18.0, 24.0),
        (2.0, 3.0, 4.0, 5.0, 6.0),
        (0.0, 1.0, 2.0),
    )
    found = []
    for trend, period, cycle, multiplier, trigger in islice(chosen, 0, None, 29):
        own = {"trend": trend, "trend_period": period, "cycle_period": cycle}
        found.append(plan(market, multiplier=multiplier, trigger=trigger, parameters=own))
    return found[:SETS]


def sleeves_of(span: Span) -> list[SleevePlan]:
    """The span's market and two synthetic ones over its days."""
    first, last = int(span.candles.time[0]), int(span.candles.time[-1]) + span.candles.interval
    others = [
        synthetic_candles(1, span.candles.interval, first, last, symbol)
        for symbol in ("ETH", "SOL")
    ]
    made = []
    begins = int(span.candles.time[span.start])
    for candles in (span.candles, *others):
        start = int(np.searchsorted(candles.time, begins))
        inputs = Inputs(candles, start, day_marks(candles, start), SPOT)
        made += [SleevePlan(each, inputs, SHARE, True) for each in sets(SPOT)]
    return made


TERMS = BookTerms(100_000.0, Caps(NO_CAP, 1.0), NO_LIMITS, True)


def alone(sleeve: SleevePlan) -> Record:
    """One sleeve's run of its own, with the account's share."""
    rules = sleeve.plan.run_rules._replace(cash=TERMS.cash)
    given = sleeve.inputs.candles, sleeve.inputs.start, sleeve.plan._replace(run_rules=rules)
    return run_backtrader(*given)


def books(span: Span, file: Path | None) -> Section:
    """The section; raises DisagreementError where a sleeve trades at other times or prices than
    it does alone."""
    sleeves = sleeves_of(span)
    run_book(sleeves[:1] + sleeves[-1:], TERMS)
    spent = []
    for _ in range(ROUNDS):
        booked, records = timed(lambda: run_book(sleeves, TERMS))
        single, singles = timed(lambda: [alone(sleeve) for sleeve in sleeves])
        spent.append((booked, single))
    together, apart = map(median, zip(*spent, strict=True))
    trades = 0
    for record, single in zip(records, singles, strict=True):
        ours, theirs = record.trades, single.trades
        trades += len(theirs.entry)
        require(not record.ignored[6], "a cap held")
        for name in ("entry", "exit", "side", "fill", "price", "initial"):
            require(np.array_equal(getattr(ours, name), getattr(theirs, name)), f"{name} differs")
    rows = [
        ("one book", f"{together:.1f}", f"{peak(file):,.0f}"),
        ("single full runs", f"{apart:.1f}", ""),
    ]
    return Section(
        f"A book of {len(sleeves)} sleeves against {len(sleeves)} runs",
        (
            f"{MARKETS} markets of five years, {SETS} sets on each, in full Backtrader: one "
            "Cerebro and one account against runs of their own, one after the other; medians of "
            f"{ROUNDS} rounds in turns.",
            "",
            *table(("", "processor seconds", "peak memory, MB"), rows),
            f"Ratio: **{together / apart:.2f}**.",
            "",
            f"Checked: all {trades:,} trades of the sleeves at the times and prices of the single "
            "runs; their units follow from the book's equity.",
            "",
        ),
    )


def peak(file: Path | None) -> float:
    """Most memory of a process that does nothing but run the book, MB."""
    command = [sys.executable, "-m", "benchmarks.books", *([str(file)] if file else [])]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    return float(done.stdout)


def _measure() -> int:
    parser = Arguments(description="The most memory that a book on the candles took, MB.")
    parser.add_argument("candles", nargs="?", type=existing, help="candle file; else synthetic")
    given = parser.parse_args()
    return answered(lambda: _run(given.candles))


def _run(file: Path | None) -> int:
    span = load(file)
    run_book(sleeves_of(span), TERMS)
    # Not getrusage: its maximum starts with that of the process that started this one.
    status = Path("/proc/self/status").read_text()
    print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
    return 0


if __name__ == "__main__":
    sys.exit(_measure())
