"""What a sweep tried, in pandas: which settings matter, and how lucky the best one is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd


def main(folder: Path) -> None:
    """Medians by each key of the grid, and where the best stands among its like."""
    if not (folder / "trials.parquet").exists():
        sys.exit(f"{folder} has no trials.parquet: name the folder of a sweep, of one market")
    trials = pd.read_parquet(folder / "trials.parquet")
    summary = json.loads((folder / "summary.json").read_text())
    keys = list(summary["best"]["params"])
    print(f"{len(trials)} combinations of {', '.join(keys)}")
    for key in keys:
        print(trials.groupby(key)["sharpe"].median().round(3).to_string())
    best = trials.loc[trials["stage"] == "finalist"].sort_values("objective").iloc[-1]
    above = (trials["sharpe"] < best["sharpe"]).mean()
    print(f"best: {best[keys].to_dict()}, above {above:.1%} of all")
    print(f"verdict: {summary['evidence']['verdict']['level']}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/read_trials.py RUN_FOLDER")
    main(Path(sys.argv[1]))
