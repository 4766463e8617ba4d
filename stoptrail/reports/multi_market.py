"""What a person sees on the terminal after a sweep over several markets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stoptrail.reports.figures import label_of, written

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_SHOWN = ("trades", "sharpe", "profit_factor", "max_drawdown")
_COMBINATIONS = 5


def show_markets(result: Mapping[str, Any], folder: Path, console: Console | None = None) -> None:
    """Print each market's best set, the best ones across all markets, and the files."""
    from rich.text import Text

    from stoptrail.terminal import Terminal, safe

    out = console or Terminal()
    if any(row["synthetic"] for row in result["markets"]):
        out.print(Text(" SYNTHETIC DATA among these markets ", style="bold white on red"))
    out.print(_markets(result["markets"]))
    across = result["across"]
    out.print(
        f"{across['enough_trades_in_each']:,} of {across['combinations']:,} combinations have "
        f"enough trades in each of {across['markets']} markets; the best by mean "
        f"{label_of(across['objective']).lower()}:",
        soft_wrap=True,
    )
    if across["best"]:
        out.print(_across(across))
    out.print(
        f"Files: {safe(folder)} (markets.json, across.json, across.parquet, a folder for each)"
    )


def _markets(rows: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    from stoptrail.terminal import safe

    table = Table(title="Best set of each market", title_style="bold")
    table.add_column("Market")
    for name in _SHOWN:
        table.add_column(label_of(name), justify="right")
    for name in ("Sharpe out of sample", "Legacy Sharpe", "Verdict"):
        table.add_column(name, justify="right")
    for row in rows:
        metrics, outside = row["best"]["metrics"], row["out_of_sample"] or {}
        table.add_row(
            safe(row["symbol"]),
            *(written(name, metrics.get(name)) for name in _SHOWN),
            written("sharpe", outside.get("sharpe")),
            written("sharpe", row["baseline"].get("sharpe")),
            safe(row["verdict"]),
        )
    return table


def _across(across: Mapping[str, Any]) -> Table:
    from rich.table import Table

    from stoptrail.terminal import safe

    best = across["best"][:_COMBINATIONS]
    table = Table(title="Across all markets", title_style="bold")
    table.add_column("Combination", justify="right")
    for key in best[0]["params"]:
        table.add_column(safe(key.split(".")[-1]), justify="right")
    table.add_column("Mean", justify="right")
    table.add_column("Worst", justify="right")
    for row in best:
        values = (safe(value) for value in row["params"].values())
        table.add_row(
            str(row["combination"]),
            *values,
            written("sharpe", row["mean"]),
            written("sharpe", row["worst"]),
        )
    return table
