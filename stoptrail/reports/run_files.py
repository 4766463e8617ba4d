"""A finished run read back from its folder: what reports, plots and the terminal share."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stoptrail.backtest.manifest import require_whole
from stoptrail.config.load import read_table
from stoptrail.core.errors import DataError
from stoptrail.core.files import read_json, read_text, reason_of, require_file, require_inside
from stoptrail.core.text import plain
from stoptrail.core.time import time_ms
from stoptrail.rules.candles import Floats, Times

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

CONFIG = "config.toml"
_TABLES = ("data", "params", "metrics", "baseline", "provenance", "best", "evidence", "seconds")
"""Parts of summary.json that are objects where they are there."""
_NOT_A_ROW = (KeyError, ValueError, TypeError, OverflowError)
_LONGEST = 120


class ExitFill(NamedTuple):
    """A row of fills.csv that closed a trade, or a part of it."""

    time: int
    units: float
    price: float
    reason: str


class TradeRecord(NamedTuple):
    """One row of trades.csv; times in milliseconds UTC, NaN or None where a cell is empty."""

    number: int
    side: int
    """1 long, -1 short."""
    entry_time: int
    entry_price: float
    units: float
    initial_stop: float
    exit_time: int | None
    """None for a position still open at the end of the data."""
    exit_price: float
    exit_reason: str
    fees: float
    pnl: float
    r_multiple: float
    mae: float
    mfe: float
    exits: tuple[ExitFill, ...] = ()
    """Its exits from fills.csv, part by part; empty where an older version wrote none."""
    sleeve: int = 0
    """Of a book the number of the sleeve, from 1; 0 elsewhere."""
    symbol: str = ""
    """Of a book the market."""
    funding: float = 0.0
    """Of a swap, negative where it was paid; contained in the profit."""

    @property
    def exit_points(self) -> list[tuple[int, float]]:
        """Time and price of each exit."""
        if self.exits:
            return [(fill.time, fill.price) for fill in self.exits]
        return [] if self.exit_time is None else [(self.exit_time, self.exit_price)]

    @property
    def end_points(self) -> list[tuple[int, float]]:
        """That of the last exit; none of a position that is still open."""
        return [] if self.exit_time is None else self.exit_points[-1:]

    @property
    def part_points(self) -> list[tuple[int, float]]:
        """Those of the parts that left before."""
        return self.exit_points[: len(self.exit_points) - len(self.end_points)]


class StopLevel(NamedTuple):
    """One row of stops.csv: the level in force from `time` on."""

    time: int
    level: float
    reason: str
    passed: bool = False
    """Whether it lay beyond the close that set it (C7)."""


class EquityCurve(NamedTuple):
    """Equity marked at 00:00 UTC; shape (days,) each."""

    time: Times
    equity: Floats
    falls: Floats | None = None
    """Deepest fall below the peak at the candle closes of the day that ends there, as a
    fraction; None where a run of an older version did not write it."""


class DayTable(NamedTuple):
    """Columns of numbers by day, shape (days,) each."""

    time: Times
    columns: dict[str, Floats]


class RunFiles(NamedTuple):
    """Everything that a run left in its folder; absent files are empty or None."""

    folder: Path
    summary: dict[str, Any]
    trades: list[TradeRecord]
    stops: dict[int, list[StopLevel]]
    equity: EquityCurve
    baseline_trades: list[TradeRecord]
    baseline_equity: EquityCurve
    config: str

    @property
    def synthetic(self) -> bool:
        """Whether the candles were made up."""
        return bool(self.summary.get("data", {}).get("synthetic"))


@contextmanager
def as_of_a_run(folder: Path) -> Iterator[None]:
    """Whatever is made of a run's files: they may be somebody else's, or damaged, so that a
    value of another kind than a run writes is told as that. Raises DataError."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise DataError(
            f"{folder}: holds what no run writes ({type(error).__name__}: "
            f"{plain(error)[:_LONGEST]}); restore the folder or run it again"
        ) from error


def read_run(folder: Path) -> RunFiles:
    """Read the run in `folder`.

    Raises DataError where there is no readable summary.json, or a file of the run is not
    what it should be.
    """
    summary = read_summary(folder)
    require_whole(folder)
    return RunFiles(
        folder,
        summary,
        _with_exits(_trades(folder / "trades.csv"), folder / "fills.csv"),
        _stops(folder / "stops.csv"),
        _equity(folder / "equity.csv"),
        _trades(folder / "baseline_trades.csv"),
        _equity(folder / "baseline_equity.csv"),
        _config(folder),
    )


def read_summary(folder: Path) -> dict[str, Any]:
    """summary.json of the run in `folder`. Raises DataError where it cannot be read."""
    if not folder.is_dir():
        what = "a file" if folder.exists() else "not there"
        raise DataError(f"{folder}: is {what}; name the folder of a run")
    path = folder / "summary.json"
    require_inside(folder, DataError)
    if not path.exists():
        raise DataError(f"{folder}: holds no summary.json; name the folder of a finished run")
    summary = read_json(path, "summary", DataError)
    if not isinstance(summary, dict):
        raise DataError(f"{path}: not a readable summary (not an object)")
    for name in _TABLES:
        if not isinstance(summary.get(name) or {}, dict):
            raise DataError(f"{path}: not a readable summary ({name} must be an object)")
    return summary


def read_days(path: Path) -> DayTable:
    """A table whose first column is a day and whose others are numbers; empty where it is not
    there. Raises DataError where it cannot be read."""
    rows = list(_rows(path))
    names = [name for name in rows[0] if name and name != "day"] if rows else []
    try:
        time = [time_ms(row["day"]) for row in rows]
        columns = {name: np.array([_number(row[name]) for row in rows]) for name in names}
    except _NOT_A_ROW as error:
        raise DataError(f"{path}: not a table of days ({_why(error)})") from None
    return DayTable(np.array(time, np.int64), columns)


def read_settings(folder: Path) -> dict[str, Any]:
    """config.toml of the run in `folder` as tables: somebody else's, see config.foreign.
    Raises ConfigError where it cannot be read."""
    return read_table(folder / CONFIG)


class TrialColumns:
    """trials.parquet of a run, column by column: all of them at once are gigabytes for millions
    of combinations. Raises DataError where it cannot be read."""

    def __init__(self, path: Path) -> None:
        require_file(path, "table of trials", DataError)
        self._path = path
        self.column_names: list[str] = self._read(lambda file: file.schema_arrow.names)

    def __len__(self) -> int:
        rows: int = self._read(lambda file: file.metadata.num_rows)
        return rows

    def column(self, name: str) -> pa.ChunkedArray:
        """The values of all combinations."""
        return self._read(lambda file: file.read([name])).column(0)

    def _read(self, how: Callable[[pq.ParquetFile], Any]) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(
                self._path
            ) as file:  # `read_table` brings Arrow's datasets, and pandas
                return how(file)
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"{self._path}: not a readable table of trials ({reason_of(error)})"
            ) from None


def read_trials(folder: Path) -> TrialColumns | None:
    """The trials of the run, None where it made no sweep. Raises DataError where they cannot
    be read."""
    path = folder / "trials.parquet"
    return TrialColumns(path) if path.exists() else None


def _config(folder: Path) -> str:
    path = folder / CONFIG
    return read_text(path, "configuration file", DataError) if path.exists() else ""


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if not path.exists():
        return
    require_file(path, "table of a run", DataError)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)
    except (csv.Error, OSError) as error:
        raise DataError(f"{path}: not a readable table ({reason_of(error)})") from None


def _trades(path: Path) -> list[TradeRecord]:
    try:
        return [_trade(row) for row in _rows(path)]
    except _NOT_A_ROW as error:
        raise DataError(f"{path}: not a list of trades ({_why(error)})") from None


def _with_exits(trades: list[TradeRecord], path: Path) -> list[TradeRecord]:
    exits: dict[int, list[ExitFill]] = {}
    try:
        for row in _rows(path):
            if row["reason"] != "entry":
                numbers = _number(row["units"]), _number(row["price"])
                fill = ExitFill(time_ms(row["time"]), *numbers, row["reason"])
                exits.setdefault(int(row["trade"]), []).append(fill)
    except _NOT_A_ROW as error:
        raise DataError(f"{path}: not a list of fills ({_why(error)})") from None
    return [trade._replace(exits=tuple(exits.get(trade.number, ()))) for trade in trades]


def _why(error: Exception) -> str:
    """What is wrong with a row, in short."""
    if isinstance(error, KeyError):
        return f"no column {error.args[0]}"
    return "a row is cut" if isinstance(error, TypeError) else plain(error)[:_LONGEST]


def _trade(row: dict[str, str]) -> TradeRecord:
    ended = row.get("exit_time")
    return TradeRecord(
        number=int(row["number"]),
        side=-1 if row["side"] == "short" else 1,
        entry_time=time_ms(row["entry_time"]),
        entry_price=_number(row["entry_price"]),
        units=_number(row["units"]),
        initial_stop=_number(row["initial_stop"]),
        exit_time=time_ms(ended) if ended else None,
        exit_price=_number(row["exit_price"]),
        exit_reason=row["exit_reason"],
        fees=_number(row["fees"]),
        pnl=_number(row["pnl"]),
        r_multiple=_number(row["r_multiple"]),
        mae=_number(row["mae"]),
        mfe=_number(row["mfe"]),
        sleeve=int(row.get("sleeve") or 0),
        symbol=row.get("symbol") or "",
        funding=_number(row.get("funding") or "0"),
    )


def _number(cell: str) -> float:
    if cell is None:  # what csv gives for a row that ends early
        raise TypeError
    return float(cell) if cell else float("nan")


def _stops(path: Path) -> dict[int, list[StopLevel]]:
    levels: dict[int, list[StopLevel]] = {}
    try:
        for row in _rows(path):
            passed = row.get("passed") == "true"
            level = StopLevel(time_ms(row["time"]), float(row["level"]), row["reason"], passed)
            levels.setdefault(int(row["trade"]), []).append(level)
    except _NOT_A_ROW as error:
        raise DataError(f"{path}: not a list of stop levels ({_why(error)})") from None
    return levels


def _equity(path: Path) -> EquityCurve:
    try:
        rows = [
            (time_ms(row["day"]), float(row["equity"]), _number(row.get("drawdown") or ""))
            for row in _rows(path)
        ]
    except _NOT_A_ROW as error:
        raise DataError(f"{path}: not an equity curve ({_why(error)})") from None
    falls = np.array([row[2] for row in rows], np.float64)
    return EquityCurve(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.float64),
        falls if len(falls) and np.isfinite(falls).all() else None,
    )
