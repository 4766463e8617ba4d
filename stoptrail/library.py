"""`backtest` and `sweep` as Python functions: what the commands do, with the result in hand."""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stoptrail.cli.backtest import run_command
from stoptrail.cli.console import Stages, Voice
from stoptrail.cli.options import BacktestOptions
from stoptrail.config.load import as_texts, load_settings, with_overrides
from stoptrail.config.settings import Settings
from stoptrail.core.errors import DataError, StopTrailError, UsageError
from stoptrail.core.files import reason_of, written_whole
from stoptrail.rules.candles import Candles

if TYPE_CHECKING:
    import pandas as pd

Overrides = Mapping[str, Any] | Sequence[str]
_TIMES = ("entry_time", "exit_time", "signal_time", "time", "day")


class SyntheticMarketWarning(UserWarning):
    """A run is on invented candles: it says nothing about a market."""


@dataclass(frozen=True)
class RunResult:
    """A finished run: the content of its files, as docs/results.md describes them."""

    summary: dict[str, Any]
    """summary.json."""
    trades: pd.DataFrame
    """trades.csv, a row for each trade; times in UTC."""
    fills: pd.DataFrame
    """fills.csv, a row for each fill of a trade; times in UTC."""
    stops: pd.DataFrame
    """stops.csv, a row for each level that was in force; empty where there was none."""
    equity: pd.DataFrame
    """equity.csv, indexed by `day`; quote currency."""
    notices: tuple[str, ...]
    """What the command would have said about the candles and the market."""
    folder: Path | None
    """Where the run was written, None where it was not kept."""

    @property
    def metrics(self) -> dict[str, Any]:
        """`metrics` of summary.json: figures by name, None where one is undefined."""
        return dict(self.summary["metrics"])

    def __repr__(self) -> str:
        figures = ", ".join(
            f"{name}={self.metrics[name]!r}" for name in ("net_return", "sharpe", "trades")
        )
        return f"<{type(self).__name__} {figures}>"


@dataclass(frozen=True, repr=False)
class SweepResult(RunResult):
    """A finished sweep; trades, stops, equity and metrics are those of the best set."""

    trials: pd.DataFrame = field(default=None)  # type: ignore[assignment]
    """trials.parquet: every combination with its figures and its stage."""

    @property
    def best(self) -> dict[str, Any]:
        """The grid's keys with the values of the best set."""
        return dict(self.summary["best"]["params"])


def backtest(
    settings: Settings | str | Path | None = None,
    *,
    overrides: Overrides = (),
    data: Candles | pd.DataFrame | str | Path | None = None,
    out: str | Path | None = None,
    force: bool = False,
    walk_forward: bool = False,
    verbose: bool = False,
    manager: None = None,
    sizer: None = None,
) -> RunResult:
    """One set of settings over past candles, as `stoptrail backtest` runs it.

    settings: checked ones, a TOML file, or None for strategy.toml of the working folder, else
    the shipped one. overrides: values by dotted key, or "key=value" texts. data: candles
    instead of those of [data]: a file, `Candles`, or a table with columns open, high, low,
    close and volume, and `time` or an index of open times, UTC. out: a folder for everything
    that the command writes, where a run is replaced only with `force`, and a table of candles is
    kept beside it; None keeps nothing.
    verbose: progress and notices on standard error. manager, sizer: refused, as only a Cerebro
    of your own can take them.

    Raises UsageError where an input has to change (ConfigError, DataError, OutputError),
    RunError where the work failed; on invented candles warns with SyntheticMarketWarning.
    """
    _refuse_own(manager, sizer)
    options = _options(settings, overrides, out, force, walk_forward, searching=walk_forward)
    with _finished(options, data, verbose, sweeping=False) as (folder, notices):
        return RunResult(**_tables(folder), notices=notices, folder=options.out)


def sweep(
    settings: Settings | str | Path | None = None,
    *,
    overrides: Overrides = (),
    data: Candles | pd.DataFrame | str | Path | None = None,
    out: str | Path | None = None,
    force: bool = False,
    walk_forward: bool | None = None,
    verbose: bool = False,
    manager: None = None,
    sizer: None = None,
) -> SweepResult:
    """The grid of [sweep.grid] searched, as `stoptrail backtest --sweep` does it.

    Arguments and errors as for `backtest`; walk_forward: None as [walk_forward] says. The
    trials go through the database of [database], as the command's do. Raises ParityError where
    pre-screen and Backtrader disagree about a trade.
    """
    import pandas as pd

    _refuse_own(manager, sizer)
    options = _options(settings, overrides, out, force, walk_forward, searching=True)
    with _finished(options, data, verbose, sweeping=True) as (folder, notices):
        trials = pd.read_parquet(folder / "trials.parquet")
        return SweepResult(**_tables(folder), notices=notices, folder=options.out, trials=trials)


def _refuse_own(manager: Any, sizer: Any) -> None:
    for name, given in (("manager", manager), ("sizer", sizer)):
        if given is not None:
            raise UsageError(
                f"{name}: backtests, sweeps and sessions run the shipped one, so that every engine "
                f"agrees; hand {given!r} to a Cerebro of your own (docs/library.md)"
            )


def _options(
    settings: Settings | str | Path | None,
    overrides: Overrides,
    out: str | Path | None,
    force: bool,
    walk_forward: bool | None,
    *,
    searching: bool,
) -> BacktestOptions:
    """The command's options; settings are loaded and overridden."""
    if isinstance(overrides, str):
        raise UsageError(
            f'overrides: must be a mapping or a list of "key=value", not {overrides!r}'
        )
    texts = as_texts(overrides) if isinstance(overrides, Mapping) else tuple(overrides)
    if isinstance(settings, Settings):
        chosen = with_overrides(settings, texts, searching=searching)
    elif settings is None or isinstance(settings, str | Path):
        chosen = load_settings(settings, texts, searching=searching)
    else:
        raise UsageError(
            f"settings: must be Settings or a TOML file, not {type(settings).__name__}; values by "
            "dotted key are overrides"
        )
    return BacktestOptions(
        config=None,
        overrides=(),
        walk_forward=walk_forward,
        plot=False,
        files=(),
        symbols=(),
        out=Path(out) if out is not None else None,
        force=force,
        resume=None,
        as_json=False,
        settings=chosen,
    )


@contextmanager
def _finished(
    options: BacktestOptions, data: Any, verbose: bool, *, sweeping: bool
) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Run the command; its folder, as long as the context lasts, and its notices."""
    assert options.settings is not None
    voice = _Listener(silent=not verbose)
    with tempfile.TemporaryDirectory(prefix="stoptrail-") as scratch:
        folder = options.out or Path(scratch) / "run"
        with _candle_file(data, Path(scratch), options.out) as path:
            if path is not None:
                chosen = as_texts({"data.path": str(path), "data.source": "file"})
                with_data = with_overrides(options.settings, chosen, searching=False)
                options = options._replace(settings=with_data)
            with _in_python():
                run_command(options._replace(out=folder), sweeping, voice, Stages())
        yield folder, tuple(voice.notices)


_IN_PYTHON = (("--out ", "out="), ("--force", "force=True"))
"""Words of the command line, and what is written here instead."""


@contextmanager
def _in_python() -> Iterator[None]:
    """Let errors name the arguments of a function where the command would name its options."""
    try:
        yield
    except StopTrailError as error:
        for option, argument in _IN_PYTHON:
            _retell(error, option, argument)
        raise


def _retell(error: StopTrailError, old: str, new: str) -> None:
    told = (each.replace(old, new) if isinstance(each, str) else each for each in error.args)
    error.args = tuple(told)


class _Listener(Voice):
    """Keeps what a command says; aloud it is only with `verbose`."""

    def __init__(self, *, silent: bool) -> None:
        super().__init__(silent=silent)
        self.notices: list[str] = []

    def notice(self, line: str) -> None:
        """A line for the result."""
        self.notices.append(line)
        super().notice(line)

    def banner(self, line: str) -> None:
        """Invented candles: a warning, whoever listens."""
        self.notices.append(line)
        warnings.warn(line, SyntheticMarketWarning, stacklevel=2)


@contextmanager
def _candle_file(data: Any, scratch: Path, out: Path | None) -> Iterator[Path | None]:
    """`data` as a file that is read, and checked, as any other; None without data.

    A table of a run that is kept lies beside its folder, under its digest, so that the run can be
    made again; not where the run fails. Errors about it name `data`, which its reader knows.
    """
    if data is None or isinstance(data, str | Path):
        yield None if data is None else Path(data)
        return
    path = scratch / "candles.parquet"
    table = _table_of(data)
    try:
        table.to_parquet(path)
    except (TypeError, ValueError) as error:  # Arrow's own, too
        raise DataError(f"data: is no plain table of columns ({reason_of(error)})") from None
    is_new = False
    if out is not None:
        whole = path.read_bytes()
        path = out.resolve().parent / f"candles-{sha256(whole).hexdigest()[:16]}.parquet"
        if is_new := not path.exists():
            with written_whole(path) as beside:
                path.parent.mkdir(parents=True, exist_ok=True)
                beside.write_bytes(whole)
    try:
        yield path
    except BaseException as error:
        if is_new:
            path.unlink(missing_ok=True)
        if isinstance(error, StopTrailError):
            _retell(error, str(path), "data")
        raise


def _table_of(data: Any) -> pd.DataFrame:
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        return data.to_timestamp() if isinstance(data.index, pd.PeriodIndex) else data
    if not isinstance(data, Candles):
        raise DataError(
            f"data: must be a candle file, stoptrail.Candles or a pandas.DataFrame, "
            f"not {type(data).__name__}"
        )
    columns = {name: getattr(data, name) for name in Candles._fields[1:6]}
    frame = pd.DataFrame(columns, index=pd.to_datetime(data.time, unit="ms", utc=True))
    frame.index.name = "time"
    return frame


def _tables(folder: Path) -> dict[str, Any]:
    """The files of a run as the fields of its result."""
    import pandas as pd

    def table(name: str) -> pd.DataFrame:
        path = folder / name
        found = pd.read_csv(path) if path.is_file() else pd.DataFrame()
        for column in set(_TIMES) & set(found.columns):
            found[column] = pd.to_datetime(found[column], utc=True)
        return found

    return {
        "summary": json.loads((folder / "summary.json").read_text("utf-8")),
        "trades": table("trades.csv"),
        "fills": table("fills.csv"),
        "stops": table("stops.csv"),
        "equity": table("equity.csv").set_index("day"),
    }
