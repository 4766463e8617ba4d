"""Does the verdict tell an edge from luck? Whole searches on markets of which is known.

    python -m benchmarks.verdict run KIND FIRST COUNT OUT.jsonl [--data CANDLES] [--drift D]
                                     [--whole]
    python -m benchmarks.verdict judge OUT.jsonl ...

`run` searches COUNT markets of a kind ("walk", "coin", "permuted", "edge"), whose seeds
begin at FIRST, and writes what the verdict reads of each: the pre-screen, the price paths
of its finalists, walk-forward, permutations and the statistics, without Backtrader, whose
trades are the same. A small search of hourly candles, or with `--whole` that of the default
strategy.toml on candles of 15 minutes. Of an edge also the true Sharpe ratio: that of the
chosen set on 30 further years of the same process. `judge` gives the table of verdicts.
"""

from __future__ import annotations

import json
import math
import sys
from argparse import Namespace
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import verdict_markets as made
from benchmarks.arguments import Arguments, answered, count, existing, whole
from stoptrail.backtest.inputs import Inputs
from stoptrail.config.grid import build_grid
from stoptrail.config.load import load_settings
from stoptrail.config.settings import Settings
from stoptrail.core.errors import DataError
from stoptrail.core.json import json_value
from stoptrail.feeds.files import load_candles
from stoptrail.rules.candles import Candles
from stoptrail.rules.costs import DAY
from stoptrail.rules.metrics import daily_returns
from stoptrail.rules.types import day_marks
from stoptrail.sweep.audit.signal import glance
from stoptrail.sweep.breakdown import concentration
from stoptrail.sweep.evidence import fees, judged, selection, sides
from stoptrail.sweep.finalists import choose
from stoptrail.sweep.objective import rule_of
from stoptrail.sweep.permutation import permutation_test
from stoptrail.sweep.phases import walk_forward
from stoptrail.sweep.plain_run import make_ready, quick_run
from stoptrail.sweep.pools.processes import Processes
from stoptrail.sweep.price_paths import envelope, worst_objectives
from stoptrail.sweep.screen import BLOCKS, Share, screen_all, shared
from stoptrail.sweep.search import Tools, rank, trials_of
from stoptrail.sweep.space import Space
from stoptrail.sweep.statistics.purged import sharpes
from stoptrail.sweep.statistics.verdict import verdict
from stoptrail.sweep.walk_forward_table import walk_table

TOOLS = Tools(1, Processes(1), False, None)
SEARCH = (
    "data.timeframe=1h",
    "market.type=margin",
    "sweep.finalists=4",
    "walk_forward.phases=2",
)
STOPS = {
    "stop.trailing_atr_multiplier": [2.0, 3.0, 4.0, 5.0, 6.0],
    "stop.breakeven_atr_trigger": [0.0, 1.0, 2.0],
    "strategy.sides": ["both", "long"],
}
SHIPPED = {
    "strategy.trend": ["momentum", "agreement"],
    "strategy.trend_period": [20, 30, 45],
    "strategy.cycle_period": [18.0, 24.0],
}
COINS = {"strategy.coin_seed": list(range(1, 7)), "strategy.a_week": [2.0, 4.0]}
CHUNKS = 6
"""Five years each: the further years of an edge."""


def settings_for(kind: str, seed: int, whole: bool = False) -> Settings:
    """The search of one market."""
    base = load_settings(None, ("market.type=margin",) if whole else SEARCH)
    grid = {**(COINS if kind == "coin" else SHIPPED), **STOPS}
    if kind == "coin":
        grid["strategy.coin_seed"] = [seed * 100 + k for k in range(1, 37 if whole else 7)]
    elif whole:
        return base
    table = base.model_dump()
    table["sweep"]["grid"] = grid
    strategy = {"signal": "mtf_cycle", "structure": "none"}
    if kind == "coin":
        strategy = {"signal": "benchmarks.verdict_markets:coin"}
    table["strategy"] = strategy
    return Settings.model_validate(table)


def candles_of(
    kind: str, seed: int, real: Candles | None, regimes: made.Regimes, interval: int
) -> Candles:
    """The market of one seed."""
    if kind in ("walk", "edge"):
        return made.walk(seed, regimes if kind == "edge" else made.NO_REGIMES, interval)
    source = real if real is not None else made.invented(seed, interval)
    return source if kind == "coin" else made.shuffled(source, seed)


def inputs_of(candles: Candles) -> Inputs:
    """The last five years, after the warm-up."""
    end = candles.time[-1] + candles.interval
    first = max(end - 365 * made.YEARS * DAY, candles.time[0] + made.WARM_UP_DAYS * DAY)
    start = int(np.searchsorted(candles.time, -(-first // DAY) * DAY))
    return Inputs(candles, start, day_marks(candles, start), made.MARKET)


def searched(settings: Settings, inputs: Inputs) -> tuple[Share, int, dict[str, Any]]:
    """The search's share, the set that it chose, and what the verdict reads."""
    space = Space(settings, build_grid(settings), inputs)
    share = shared(space, inputs, BLOCKS)
    ranked = rank(settings, space, screen_all(share, 1))
    finalists = choose(ranked.scored.score, ranked.results.fingerprint, settings.sweep.finalists)
    if not finalists:
        return share, -1, {"metrics": {"trades": 0, "sharpe": None}}
    plans = [space.plan(number) for number in finalists]
    worst = worst_objectives(rule_of(settings.sweep).objective, plans, inputs)
    best = finalists[int(worst.argmax())]
    plan = space.plan(best)
    ready, outcome = make_ready(plan, inputs), quick_run(plan, inputs)
    walked = walk_forward(settings, share, TOOLS, lambda _done, _total: None)
    found = {
        "look_ahead": glance(plan, inputs.candles),
        "metrics": outcome.metrics._asdict(),
        "envelope": envelope(outcome, inputs, ready),
        "fees": fees(plan, inputs, ready),
        "sides": sides(plan, inputs),
        "concentration": concentration(outcome),
        "permutation": permutation_test(
            settings, share, ranked.scored, TOOLS, lambda _done, _total: None
        ),
        **selection(share, trials_of(share, ranked), best, outcome, settings.sweep.seed),
    }
    if walked:
        table = walk_table(walked, space, {"in_sample": outcome}, inputs, settings.sweep.seed)
        found["walk_forward"] = {k: v for k, v in table.items() if k not in ("equity", "windows")}
    return share, best, dict(json_value(found))


def true_sharpe(share: Share, best: int, seed: int, regimes: made.Regimes) -> float:
    """The chosen set's Sharpe ratio on 30 further years of the same process."""
    returns = []
    for chunk in range(CHUNKS):
        seed_of = 1_000_000 + seed * CHUNKS + chunk
        inputs = inputs_of(made.walk(seed_of, regimes, share.inputs.candles.interval))
        returns.append(daily_returns(quick_run(share.space.plan(best), inputs).equity))
    return float(sharpes(np.concatenate(returns)[None])[0])


def run(
    kind: str, seed: int, real: Candles | None, regimes: made.Regimes, whole: bool = False
) -> dict[str, Any]:
    """One market, judged."""
    settings = settings_for(kind, seed, whole)
    candles = candles_of(kind, seed, real, regimes, made.HOUR // 4 if whole else made.HOUR)
    share, best, found = searched(settings, inputs_of(candles))
    row = {"kind": kind, "seed": seed, "real": real is not None, **regimes._asdict()}
    if kind == "edge" and best >= 0:
        row["true_sharpe"] = true_sharpe(share, best, seed, regimes)
    return {**row, "evidence": judged(found, settings, False)}


def group_of(row: dict[str, Any]) -> str:
    """The line of the table that a market belongs to."""
    if row["kind"] != "edge":
        return f"null: {row['kind']}" + (" on real candles" if row["real"] else "")
    true = row.get("true_sharpe")
    if true is None or true < 0.5:
        return "edge below 0.5"
    for low, high in ((0.5, 1.0), (1.0, 1.5), (1.5, 2.5)):
        if low <= true < high:
            return f"edge {low} to {high}"
    return "edge above 2.5"


def rate(count: int, of: int, level: float = 0.95) -> str:
    """A share with its exact interval: at each bound what was seen, or more of it, has half
    of the chance that the level leaves (Clopper and Pearson, Biometrika 26(4), 1934)."""
    if not of:
        return "-"
    rest = (1.0 - level) / 2.0
    low = _bound(lambda share: 1.0 - _at_most(count - 1, of, share) < rest) if count else 0.0
    high = _bound(lambda share: _at_most(count, of, share) > rest) if count < of else 1.0
    return f"{count / of:.0%} [{low:.0%}, {high:.0%}]"


def _at_most(count: int, of: int, share: float) -> float:
    """Chance of `count` or fewer among `of`, each with the chance `share`."""
    return sum(math.comb(of, k) * share**k * (1.0 - share) ** (of - k) for k in range(count + 1))


def _bound(beyond: Callable[[float], bool]) -> float:
    """The share up to which `beyond` is true."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if beyond(middle) else (low, middle)
    return low


def table(rows: list[dict[str, Any]]) -> str:
    """Verdicts by group, judged by the rules as they are now."""
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        groups[group_of(row)][verdict(row["evidence"]).level.name.lower()] += 1
    lines = [
        "| Market | Searches | holds | doubtful | fails |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name in sorted(groups):
        found, of = groups[name], sum(groups[name].values())
        cells = [rate(found[level], of) for level in ("holds", "doubtful", "fails")]
        lines.append(f"| {name} | {of} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """The command."""
    parser = Arguments(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("run")
    one.add_argument("kind", choices=["walk", "coin", "permuted", "edge"])
    one.add_argument("first", type=count)
    one.add_argument("count", type=whole)
    one.add_argument("out", type=Path)
    one.add_argument("--data", type=existing)
    one.add_argument("--drift", type=float, default=2.0)
    one.add_argument("--days", type=float, default=40.0)
    one.add_argument("--whole", action="store_true")
    two = commands.add_parser("judge")
    two.add_argument("files", type=existing, nargs="+")
    options = parser.parse_args()
    return answered(lambda: _run(options))


def _rows(file: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in file.read_text().splitlines()]
    except ValueError as error:
        raise DataError(f"{file}: not what `run` has written ({error})") from None


def _run(options: Namespace) -> int:
    if options.command == "judge":
        print(table([row for file in options.files for row in _rows(file)]))
        return 0
    real = load_candles(options.data) if options.data else None
    if real is not None and not options.whole:
        real = made.hourly(real)
    regimes = (
        made.Regimes(options.drift, options.days) if options.kind == "edge" else made.NO_REGIMES
    )
    with options.out.open("a") as out:
        for seed in range(options.first, options.first + options.count):
            out.write(json.dumps(run(options.kind, seed, real, regimes, options.whole)) + "\n")
            out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
