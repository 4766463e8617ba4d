"""Which modules get faults, and which tests have to see them."""

from __future__ import annotations

from pathlib import Path

TARGETS = (
    "stoptrail/rules/*.py",
    "stoptrail/backtest/plan.py",
    "stoptrail/backtest/inputs.py",
    "stoptrail/backtest/journal.py",
    "stoptrail/backtest/outcome.py",
    "stoptrail/config/run_rules.py",
    "stoptrail/backtest/summary.py",
    "stoptrail/backtest/tables.py",
    "stoptrail/sweep/breakdown.py",
    "stoptrail/sweep/evidence.py",
    "stoptrail/sweep/exit_ablation.py",
    "stoptrail/sweep/objective.py",
    "stoptrail/sweep/finalists.py",
    "stoptrail/sweep/permutation.py",
    "stoptrail/sweep/phases.py",
    "stoptrail/sweep/walk_forward.py",
    "stoptrail/sweep/walk_forward_table.py",
    "stoptrail/sweep/statistics/*.py",
    "stoptrail/reports/crop.py",
    "stoptrail/reports/figures.py",
    "stoptrail/reports/summary.py",
    "stoptrail/reports/html/curves.py",
    "stoptrail/reports/html/markup.py",
    "stoptrail/reports/html/evidence.py",
    "stoptrail/reports/html/grid.py",
    "stoptrail/reports/html/selection_tables.py",
    "stoptrail/reports/html/trades.py",
    "stoptrail/reports/html/candles.py",
    "stoptrail/reports/plots/overview.py",
    "stoptrail/reports/plots/trade.py",
)
MACHINERY = ("stoptrail/rules/jit.py",)
"""What compiles: without a compiler it does nothing that could go wrong."""

WIDE = (
    ("stoptrail/rules/", ("tests/contract",)),
    ("stoptrail/backtest/", ("tests/contract", "tests/sweep/test_evidence.py")),
    ("stoptrail/config/", ("tests/contract",)),
    ("stoptrail/sweep/statistics/", ("tests/sweep",)),
)
"""Folders whose tests see more than their own module."""
LEFT_OUT = (
    "test_browser.py",
    "test_draw.py",
    "test_jit.py",
    "test_parity.py",
    "test_verdict_markets.py",
)
"""Tests of the machinery, and those that take too long without a compiler."""


def modules(root: Path) -> list[str]:
    """The modules that get faults, from the root of the project."""
    found = {
        str(path.relative_to(root))
        for pattern in TARGETS
        for path in root.glob(pattern)
        if path.name != "__init__.py"
    }
    return sorted(found - set(MACHINERY))


def nearest(root: Path, module: str) -> str:
    """The test file that mirrors a module; empty where there is none."""
    place = Path(module).relative_to("stoptrail")
    own = Path("tests") / place.parent / f"test_{place.name}"
    return str(own) if (root / own).is_file() else ""


def tests_of(root: Path, module: str) -> list[str]:
    """Test files that may see a fault in a module: its own, those beside it, wider ones."""
    folder = Path("tests") / Path(module).relative_to("stoptrail").parent
    wide = [name for prefix, names in WIDE if module.startswith(prefix) for name in names]
    return sorted(
        str(path.relative_to(root))
        for name in (str(folder), *wide)
        for path in [*(root / name).glob("test_*.py"), root / name]
        if path.is_file() and path.name not in LEFT_OUT
    )
