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
    "stoptrail/sweep/walk_forward.py",
    "stoptrail/sweep/statistics/*.py",
    "stoptrail/reports/crop.py",
    "stoptrail/reports/figures.py",
    "stoptrail/reports/summary.py",
    "stoptrail/reports/html/curves.py",
    "stoptrail/reports/html/encode.py",
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

SECOND = (
    (
        "stoptrail/backtest/",
        (
            "tests/contract/test_entries.py",
            "tests/contract/test_costs.py",
            "tests/sweep/test_evidence.py",
            "tests/sweep/test_walk_forward.py",
        ),
    ),
    ("stoptrail/sweep/", ("tests/sweep/test_evidence.py", "tests/sweep/test_walk_forward.py")),
    ("stoptrail/reports/html/", ("tests/reports/html/test_page.py",)),
)
"""Tests that see more than their own module, for what that module's tests let pass."""


def modules(root: Path) -> list[str]:
    """The modules that get faults, from the root of the project."""
    found = {
        str(path.relative_to(root))
        for pattern in TARGETS
        for path in root.glob(pattern)
        if path.name != "__init__.py"
    }
    return sorted(found - set(MACHINERY))


def tests_of(root: Path, module: str) -> list[list[str]]:
    """Test files for a module, the nearest first; those of the next list see what is left."""
    place = Path(module).relative_to("stoptrail")
    own = root / "tests" / place.parent / f"test_{place.name}"
    near = [str(own.relative_to(root))] if own.is_file() else []
    wide = [
        name
        for prefix, names in SECOND
        if module.startswith(prefix)
        for name in names
        if (root / name).is_file() and name not in near
    ]
    beside = sorted(
        str(path.relative_to(root))
        for path in own.parent.glob("test_*.py")
        if path != own and path.name not in ("test_jit.py", "test_browser.py", "test_draw.py")
    )
    beside = [name for name in beside if name not in wide] if own.parent.is_dir() else []
    return [tests for tests in (near, beside, wide) if tests]
