"""Which sleeves a book has, in a backtest and on paper: those of [[book.sleeves]], or one for each
market that is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stoptrail.backtest.manifest import require_whole
from stoptrail.cli.market import paired
from stoptrail.cli.options import BacktestOptions
from stoptrail.config.book import SECTIONS, ResolvedSleeve, SleeveSettings
from stoptrail.config.foreign import Taken, counted, require_trusted, with_best
from stoptrail.config.load import (
    apply_overrides,
    default_file,
    read_table,
    sleeve_of,
    sleeve_settings,
)
from stoptrail.config.market import Filters
from stoptrail.config.settings import Settings
from stoptrail.core.errors import ConfigError, UsageError
from stoptrail.core.text import number_of, plain

if TYPE_CHECKING:  # a backtest has no session
    from stoptrail.live.book_recovery import Sleeve


class BookSleeve(NamedTuple):
    """A sleeve with its own settings."""

    resolved: ResolvedSleeve
    settings: Settings


def sleeves_of(settings: Settings, options: BacktestOptions) -> list[BookSleeve]:
    """The sleeves of the book that `settings` and --symbols describe, --data paired with its
    markets. Raises UsageError, ConfigError or DataError."""
    own = own_table(options)
    resolved = [
        sleeve
        for number, entry in enumerate(settings.book.sleeves)
        for sleeve in _resolved(settings, entry, f"book.sleeves.{number}", own, options.trust)
    ]
    resolved = _with_data(resolved or _one_for_each(options.symbols), options)
    found = []
    for sleeve in resolved:
        place = f"{sleeve.origin or 'book.sleeves'} ({sleeve.symbol})"
        found.append(BookSleeve(sleeve, sleeve_settings(settings, sleeve, place)))
    _require_one_source(found)
    return found


def own_table(options: BacktestOptions) -> dict[str, Any]:
    """What the user's own settings say, as tables."""
    table = read_table(options.config or default_file())
    apply_overrides(table, options.overrides)
    return table


def _one_for_each(symbols: Sequence[str]) -> list[ResolvedSleeve]:
    """The settings' own set on every market, in equal parts."""
    if not symbols:
        raise UsageError(
            "a book has no sleeves: write [[book.sleeves]] into strategy.toml (docs/books.md), or "
            "name markets with --symbols"
        )
    return [ResolvedSleeve(symbol, 1.0 / len(symbols), {}, {}) for symbol in symbols]


def _with_data(sleeves: Sequence[ResolvedSleeve], options: BacktestOptions) -> list[ResolvedSleeve]:
    """The sleeves with the file of --data for each market."""
    markets = list(dict.fromkeys(sleeve.symbol for sleeve in sleeves))
    for symbol in options.symbols:
        if symbol not in markets:
            raise UsageError(
                f"--symbols names {plain(symbol)}, of which the book has no sleeve: its markets "
                f"are {', '.join(markets)}"
            )
    if not options.files:
        return list(sleeves)
    names = options.symbols or tuple(markets)
    if len(names) != len(options.files):
        raise UsageError(
            f"--data names {number_of(len(options.files), 'file')} for "
            f"{number_of(len(names), 'market')} "
            f"({', '.join(names)}): give one for each, in the same order"
        )
    files = {market.symbol: market.file for market in paired(options.files, names)}
    return [_with_file(sleeve, files.get(sleeve.symbol)) for sleeve in sleeves]


def _with_file(sleeve: ResolvedSleeve, file: str | None) -> ResolvedSleeve:
    if file is None:
        return sleeve
    data = {**sleeve.table.get("data", {}), "path": file, "source": "file"}
    return sleeve._replace(table={**sleeve.table, "data": data})


def _require_one_source(sleeves: Sequence[BookSleeve]) -> None:
    """Raise ConfigError where sleeves of one market want other candles."""
    known: dict[str, Any] = {}
    for _, settings in sleeves:
        before = known.setdefault(settings.data.symbol, settings.data)
        if before != settings.data:
            raise ConfigError(
                f"book.sleeves: the sleeves of {settings.data.symbol} have different [data]; they "
                "trade the same candles"
            )


# Sets of finished runs


def _resolved(
    settings: Settings, entry: SleeveSettings, place: str, own: dict[str, Any], trust: bool
) -> list[ResolvedSleeve]:
    """The sleeves that one table stands for."""
    sleeve = sleeve_of(settings, entry)
    if not entry.source:
        return [sleeve]
    folder = Path(entry.source)
    found = _sets(folder, entry, f"{place}: from {entry.source}")
    share, made = sleeve.share / len(found), []
    for name, taken, symbol in found:
        require_trusted(taken, own, trust)
        if entry.symbol is None and symbol != sleeve.symbol:
            raise ConfigError(
                f"{place}: the run in {entry.source} is of {plain(symbol)[:80]}, data.symbol is "
                f"{sleeve.symbol}: say which you mean with `symbol`"
            )
        sections = {key: taken.sections[key] for key in SECTIONS if key in taken.sections}
        if symbol != sleeve.symbol and "market" in sections:
            market = sections["market"].items()
            sections["market"] = {key: value for key, value in market if key not in Filters._fields}
        made.append(sleeve._replace(share=share, taken=sections, origin=name))
    return made


def _sets(folder: Path, entry: SleeveSettings, place: str) -> list[tuple[str, Taken, str]]:
    """Name, settings and market of the run's best set, or of the best sets of a sweep."""
    from stoptrail.reports.run_files import read_settings, read_summary

    summary, table = read_summary(folder), read_settings(folder)
    if "book" in summary:
        raise ConfigError(f"{place}: is a book itself: name the run of one of its sets")
    require_whole(folder)
    data = table.get("data")
    symbol = str(data.get("symbol", "")) if isinstance(data, Mapping) else ""
    taken = counted(table, place)
    if entry.sets is None:
        best = summary.get("best") or {}
        params = best.get("params") if isinstance(best, Mapping) else None
        return [(str(folder), with_best(taken, params or {}), symbol)]
    return [
        (f"{folder}, combination {number}", with_best(taken, params), symbol)
        for number, params in best_sets(folder, entry.sets, place)
    ]


def best_sets(folder: Path, sets: str, place: str) -> list[tuple[int, dict[str, Any]]]:
    """Number and values of the combinations of the sweep in `folder` that `sets` names, by their
    objective; of equal ones the lower number first. Raises ConfigError where it has not so many."""
    from stoptrail.feeds.tables.convert import known_floats
    from stoptrail.reports.run_files import read_trials
    from stoptrail.sweep.book import SPREAD, equal_steps
    from stoptrail.sweep.finalists import tenth_of

    trials = read_trials(folder)
    if trials is None or not {"combination", "objective"} <= set(trials.column_names):
        raise ConfigError(f"{place}: holds no sweep, whose trials.parquet `sets` chooses from")
    objective = known_floats(trials.column("objective"))
    number = known_floats(trials.column("combination")).astype(np.int64)
    ranked = np.flatnonzero(np.isfinite(objective))
    ranked = ranked[np.lexsort((number[ranked], -objective[ranked]))]
    kind, _, wanted = sets.partition(":")
    known, count = len(ranked), int(wanted)
    if kind == SPREAD:
        tenth = tenth_of(known)
        ranked = ranked[list(equal_steps(tenth, count))] if tenth else ranked[:0]
    if len(ranked) < count:
        raise ConfigError(
            f"{place}: has {number_of(known, 'combination')} with enough trades, too few for "
            f"{sets}: ask for "
            "fewer in `sets`"
        )
    best: list[tuple[int, dict[str, Any]]] = [(int(number[row]), {}) for row in ranked[:count]]
    for key in (name for name in trials.column_names if "." in name):
        values = trials.column(key)
        for row, (_, params) in zip(ranked, best, strict=False):
            params[key] = values[int(row)].as_py()
    return best


class BookSelection(NamedTuple):
    """What was asked of a book."""

    config: Path | None
    overrides: tuple[str, ...]
    symbols: tuple[str, ...]
    book: bool
    """Whether the sleeves of the file count."""
    trust: bool


def sleeves_on_paper(
    settings: Settings, source: Path | None, chosen: BookSelection
) -> list[Sleeve]:
    """The sleeves of a paper session; without --book those of the file do not count. Raises
    UsageError and ConfigError for what a book on paper has not."""
    if source is not None:
        raise UsageError(
            f"--from {source} trades the best set of one market; a book that was chosen by a run "
            f"is traded with live --paper --book --config {source / 'config.toml'}"
        )
    if not chosen.book:
        alone = settings.book.model_copy(update={"sleeves": []})
        settings = settings.model_copy(update={"book": alone})
    options = BacktestOptions(
        config=chosen.config,
        overrides=chosen.overrides,
        walk_forward=None,
        plot=False,
        files=(),
        symbols=chosen.symbols,
        out=None,
        force=False,
        resume=None,
        as_json=False,
        book=True,
        trust=chosen.trust,
    )
    from stoptrail.live.book_recovery import Sleeve

    found = sleeves_of(settings, options)
    sleeves = [Sleeve(one.resolved.symbol, one.resolved.share, one.settings) for one in found]
    _require_possible(settings, sleeves)
    return sleeves


def _require_possible(settings: Settings, sleeves: list[Sleeve]) -> None:
    if settings.book.account == "separate":
        raise ConfigError(
            'book.account "separate": a book on paper has one account: set book.account = '
            '"shared", or start a session for each market with --set data.symbol=... and its '
            "share as account.cash"
        )
    for sleeve in sleeves:
        theirs = sleeve.settings.exchange_id
        if theirs != settings.exchange_id:
            raise ConfigError(
                f"book.sleeves: {sleeve.symbol} is of {theirs}, the book of "
                f"{settings.exchange_id}: a book on paper trades on one exchange"
            )
