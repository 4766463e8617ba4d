"""Finished runs, one of them, and two beside each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stoptrail.core.errors import StopTrailError, UsageError
from stoptrail.core.text import plain
from stoptrail.reports.compare import compared, list_row, short
from stoptrail.reports.figures import METRICS, label_of, written
from stoptrail.reports.run_files import EquityCurve, as_of_a_run, read_run, read_summary

Row = dict[str, Any]


class RunShelf:
    """The runs in `folders`; `finished` finds them in one, oldest first.

    A run is named by its path in its folder, and only runs that are listed can be asked for.
    """

    def __init__(self, folders: Sequence[Path], finished: Callable[[Path], list[Path]]) -> None:
        self._folders = tuple(folders)
        self._finished = finished
        self._rows: dict[Path, tuple[int, Row]] = {}
        """What was read of each summary, and when it had been written."""

    def listed(self) -> Row:
        """Every run with its main figures, the newest first, and what could not be read."""
        rows, left_out = [], []
        for name, place in self._places().items():
            try:
                rows.append({"run": name, **self._row(place)})
            except (StopTrailError, OSError) as error:
                left_out.append(plain(error))
        return {
            "runs": rows[::-1],
            "left_out": left_out,
            "folders": [plain(folder.absolute()) for folder in self._folders],
        }

    def two(self, first: str, second: str) -> Row:
        """Figures by sample, parameters that differ, and both equity curves. Raises
        UsageError for runs that are not listed, DataError for one that is damaged."""
        places = [self._place(name) for name in (first, second)]
        if places[0].resolve() == places[1].resolve():
            raise UsageError(f"{plain(first)} is the same run twice: choose two")
        runs = [read_run(place) for place in places]
        with as_of_a_run(places[1]), as_of_a_run(places[0]):
            result = compared(runs[0].summary, runs[1].summary, (first, second))
            return {
                "names": [first, second],
                "same_candles": result["same_candles"],
                "verdicts": result["verdicts"],
                "figures": _figures(result),
                "spans": result["spans"],
                "parameters": [
                    [key, short(one), short(other)]
                    for key, (one, other) in result["parameters"].items()
                ],
                "curves": [_curve(run.equity) for run in runs],
            }

    def _places(self) -> dict[str, Path]:
        found = {}
        for folder in self._folders:
            for place in self._finished(folder):
                name = str(place.relative_to(folder))
                found[str(place) if name in found else name] = place
        return found

    def _place(self, name: str) -> Path:
        place = self._places().get(name)
        if place is None:
            raise UsageError(f"there is no finished run {plain(name)[:80]}")
        return place

    def _row(self, place: Path) -> Row:
        written_at = (place / "summary.json").stat().st_mtime_ns
        known = self._rows.get(place)
        if known is None or known[0] != written_at:
            with as_of_a_run(place):
                row = list_row(read_summary(place))
            shown = {name: written(name, row.get(name)) for name in row if name in METRICS}
            outside = written("sharpe", row.get("out_of_sample_sharpe"))
            known = written_at, {**row, "shown": {**shown, "out_of_sample_sharpe": outside}}
            self._rows[place] = known
        return known[1]


def _figures(result: Row) -> list[Row]:
    """A table for each sample: its name, and rows of label and both values as written."""
    return [
        {
            "sample": sample,
            "rows": [
                [label_of(name), *(written(name, each.get(name)) for each in pair)]
                for name in METRICS
                if any(each.get(name) is not None for each in pair)
            ],
        }
        for sample, pair in result["figures"].items()
    ]


def _curve(equity: EquityCurve) -> Row:
    """Equity at each day as a multiple of the first."""
    first = float(equity.equity[0]) if len(equity.equity) else 1.0
    return {"time": equity.time.tolist(), "equity": (equity.equity / first).tolist()}
