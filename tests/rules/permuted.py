"""A small run through every engine, told by the names of its figures.

    python -m tests.rules.permuted [reversed]

With `reversed` the fields of the records below stand the other way round in their
classes: what reads or fills one by number comes to another result.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RECORDS = {
    "Metrics",
    "TradeFigures",
    "StopRules",
    "Sizing",
    "Costs",
    "Market",
    "Protections",
    "TradeRules",
    "RunRules",
    "TradeLog",
    "StopLog",
    "Results",
}
FOLDERS = ("stoptrail.rules", "stoptrail.sweep.kernel")


class Reversing(importlib.abc.MetaPathFinder, importlib.machinery.SourceFileLoader):
    """Loads modules with the fields of RECORDS in reverse order."""

    def __init__(self) -> None:
        super().__init__("", "")
        self.changed: set[str] = set()

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> Any:
        if not name.startswith(FOLDERS):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin is None or spec.submodule_search_locations:
            return None
        loader = Reversing()
        loader.name, loader.path, loader.changed = name, spec.origin, self.changed
        spec.loader = loader
        return spec

    def get_code(self, fullname: str) -> Any:
        tree = ast.parse(Path(self.path).read_text())
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name in RECORDS:
                fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
                for field in fields:
                    field.value = None  # a default would have to stand last
                node.body = [*fields[::-1], ast.Pass()]
                self.changed.add(node.name)
        return compile(ast.fix_missing_locations(tree), self.path, "exec")


def told() -> dict[str, Any]:
    """Figures, trades and levels of one set: pre-screen, plain loop and Backtrader."""
    import numpy as np

    from stoptrail.backtest.engine import run_backtrader
    from stoptrail.backtest.inputs import Inputs
    from stoptrail.backtest.outcome import by_side, judge, metrics_table
    from stoptrail.backtest.plan import Plan, pack_record, unpack_record
    from stoptrail.config.load import load_settings
    from stoptrail.config.run_rules import market_rules, run_rules_of
    from stoptrail.core.json import json_value
    from stoptrail.feeds.synthetic import synthetic_candles
    from stoptrail.rules.types import day_marks
    from stoptrail.strategies.signals.donchian_breakout import donchian_breakout
    from stoptrail.sweep.finalists import compare
    from stoptrail.sweep.kernel.blocks import nodes_of
    from stoptrail.sweep.kernel.results import COLUMN, results_for
    from stoptrail.sweep.kernel.rows import screen_rows
    from stoptrail.sweep.kernel.rule_table import rule_row
    from stoptrail.sweep.objective import raw_objective
    from stoptrail.sweep.plain_run import make_ready, quick_record

    hour, day = 3_600_000, 86_400_000
    candles = synthetic_candles(5, hour, 18_262 * day, 18_322 * day)
    settings = load_settings(None, ("data.timeframe=1h", "stop.breakeven_atr_trigger=0.5"))
    market = market_rules(settings.market.filters("BTC/USDT"), 2, 5)
    inputs = Inputs(candles, 200, day_marks(candles, 200), market)
    rules = run_rules_of(settings, market)
    plan = Plan(donchian_breakout, {"entry_period": 4, "exit_period": 2}, 0, 4 * hour, 5, rules)
    ready = make_ready(plan, inputs)
    plain = unpack_record(pack_record(quick_record(plan, inputs, ready)))
    full = run_backtrader(candles, inputs.start, plan)
    results = results_for(1)
    with np.errstate(all="ignore"):
        screen_rows(
            candles,
            nodes_of(candles, ready.atr),
            ready.setups,
            inputs.marks,
            rule_row(rules)[None],
            results,
        )
    outcome = judge(plan, full, inputs)
    screened = results.metrics[0]
    told = {
        "metrics": metrics_table(outcome),
        "sides": by_side(outcome, inputs),
        "screened": {name: screened[place] for name, place in COLUMN._asdict().items()},
        "calmar": raw_objective("calmar", results.metrics, 1),
        "ignored": results.ignored,
        "trades": full.trades._asdict(),
        "stops": full.stops._asdict(),
        "mismatches": compare(plain, full, "run").mismatches,
    }
    found: dict[str, Any] = json_value(told)
    return found


if __name__ == "__main__":
    finder = Reversing()
    if "reversed" in sys.argv:
        sys.meta_path.insert(0, finder)
    result = told()
    print(json.dumps({"changed": sorted(finder.changed), **result}, sort_keys=True))
