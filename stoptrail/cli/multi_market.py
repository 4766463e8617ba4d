"""`backtest --sweep` over several markets: one result for each, and one across them."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from stoptrail.backtest.manifest import write_manifest
from stoptrail.cli.console import Stages, Voice
from stoptrail.cli.folder import (
    PLAN,
    SETTINGS,
    STATE,
    RunFolder,
    market_folders,
    own_folder,
    resumable,
    state_folder,
)
from stoptrail.cli.options import BacktestOptions
from stoptrail.cli.results import data_overrides
from stoptrail.cli.resume import (
    database_of,
    own_tables,
    recalled,
    require_same,
    stopped_sweep,
    stored_key,
    with_own,
)
from stoptrail.cli.sweep import SweptMarket, sweep_market
from stoptrail.config.grid import build_grid
from stoptrail.config.load import load_settings, read_table, to_toml
from stoptrail.config.settings import Settings
from stoptrail.core.errors import (
    ChoiceError,
    DataError,
    ParityError,
    RunError,
    UsageError,
)
from stoptrail.core.files import claimed, read_json, write_json, write_whole
from stoptrail.core.json import json_text
from stoptrail.feeds.markets import market_in_name
from stoptrail.sweep.multi_market import Across
from stoptrail.sweep.store import remember

MARKETS = "markets.json"
ACROSS = "across.json"
TRIALS = "across.parquet"


class WantedMarket(NamedTuple):
    """One market of the sweep."""

    symbol: str
    file: str
    """Candle file, "" where candles come from the market's exchange."""
    folder: str
    """Name of its folder."""


class BegunMarkets(NamedTuple):
    """What is to be swept."""

    markets: list[WantedMarket]
    settings: list[Settings]
    """Of each market."""
    top: Settings
    """Those that all markets share."""


def run(options: BacktestOptions, voice: Voice, stages: Stages) -> None:
    """Sweep one market after the other; raise RunError at the end where one failed."""
    going_on = options.resume is not None and is_several(options.resume)
    begun = _stopped(options) if going_on else _begun(options)
    with own_folder(options, "sweep") as place, resumable(place, options, voice):
        if not going_on:
            _remember(place.made, begun)
        result, failed = _sweep_all(options, place, begun, voice, stages)
    _tell(place.final, result, voice, options.as_json)
    if failed:
        raise RunError(f"{len(failed)} of {len(begun.markets)} markets failed, first: {failed[0]}")


def _begun(options: BacktestOptions) -> BegunMarkets:
    markets = paired(options.files, options.symbols)
    top = load_settings(options.config, options.overrides)
    settings = [
        _fitting(load_settings(options.config, (*options.overrides, *_data(market))), market)
        for market in markets
    ]
    return BegunMarkets(markets, settings, top)


def _stopped(options: BacktestOptions) -> BegunMarkets:
    """The markets of a stopped sweep, as the user's database knows them. Raises UsageError
    where the folder asks for others."""
    assert options.resume is not None
    folder = state_folder(options.resume)
    key = stored_key(folder, PLAN)
    own = own_tables(options.config, options.overrides)
    kept = json.loads(recalled(folder, database_of(own, options.config), key))
    theirs = read_json(folder / PLAN, "plan of a sweep", UsageError)
    require_same(theirs.get("markets"), kept["markets"], folder / PLAN)
    require_same(read_table(folder / SETTINGS), tomllib.loads(kept["settings"]), folder / SETTINGS)
    markets = [WantedMarket(**entry) for entry in kept["markets"]]

    def with_data(more: Sequence[str]) -> Settings:
        table = tomllib.loads(kept["settings"])
        return with_own(table, own, (*options.overrides, *more), folder)

    settings = [_fitting(with_data(_data(market)), market) for market in markets]
    return BegunMarkets(markets, settings, with_data(()))


def _remember(folder: Path, begun: BegunMarkets) -> None:
    """Keep what is begun in the user's database; the folder says where to find it."""
    markets = [market._asdict() for market in begun.markets]
    text = to_toml(begun.top)
    key = remember(begun.top.database.url, json.dumps({"markets": markets, "settings": text}))
    write_whole(folder / SETTINGS, text.encode())
    write_json(folder / PLAN, {"run": key, "markets": markets})


def _sweep_all(
    options: BacktestOptions,
    place: RunFolder,
    begun: BegunMarkets,
    voice: Voice,
    stages: Stages,
) -> tuple[dict[str, Any], list[str]]:
    """Sweep every market; the result, and what failed, a line each."""
    folder = place.made
    across = Across(build_grid(begun.settings[0]))
    tables: list[dict[str, Any]] = []
    failed: list[str] = []
    for market, own in zip(begun.markets, begun.settings, strict=True):
        voice.notice(f"{market.symbol}: {place.final / market.folder}")
        try:
            found = _sweep(own, folder / market.folder, options, voice)
        except (ChoiceError, RunError) as error:
            failed.append(f"{market.symbol}: {error}")
            voice.notice(f"{market.symbol} left out: {error}")
            continue
        across.add(found.ranked.scored.objective)
        tables.append(_row(market, found))
        failed += [f"{market.symbol}: {line}" for line in _mismatches(found)]
    result = _result(tables, across, stages, begun.settings[0].sweep.objective)
    write_json(folder / MARKETS, result["markets"])
    write_json(folder / ACROSS, result["across"])
    across.write(folder / TRIALS)
    write_manifest(folder)
    return result, failed


def paired(files: Sequence[Path], symbols: Sequence[str]) -> list[WantedMarket]:
    """Files and symbols by their order; a file without a symbol takes its own name.

    Raises UsageError where there are more symbols than files, or a market twice,
    DataError where a file is missing.
    """
    if files and len(symbols) > len(files):
        raise UsageError(
            f"--symbols names {len(symbols)} markets for {len(files)} --data files: "
            "give one file for each, in the same order"
        )
    for file in files:
        if not file.exists() and not any(letter in str(file) for letter in "*?["):
            raise DataError(f"{file}: there is no such candle file")
    names = [*symbols, *map(_name_of, files[len(symbols) :])]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"the market {twice[0]} is given twice: name each once with --symbols")
    _refuse_months(names[len(symbols) :])
    paths = [str(file.absolute()) for file in files] or [""] * len(names)
    folders = market_folders(names)
    return [WantedMarket(*market) for market in zip(names, paths, folders, strict=True)]


def _refuse_months(names: Sequence[str]) -> None:
    """UsageError where two files are of one market and differ in a date alone."""
    for one, other in combinations(names, 2):
        alike = re.sub(r"[\d_-]+", "", one) == re.sub(r"[\d_-]+", "", other)
        if alike and market_in_name(one) and market_in_name(one) == market_in_name(other):
            raise UsageError(
                f"{one} and {other} are one market by their names, and each --data is a market: "
                "join them with a folder or a pattern in quotes, or name both with --symbols"
            )


def _name_of(file: Path) -> str:
    """What a market is called whose candles are in a file, a folder, an archive or behind a
    pattern: the first word of that, else the folder's name."""
    for name in (file.name or file.resolve().name, file.absolute().parent.name):
        if word := re.sub(r"[*?\[\]]+", "", name.strip(".").partition(".")[0]).strip(" -_"):
            return word
    return "market"


def is_several(folder: Path) -> bool:
    """Whether the folder is that of a sweep over several markets."""
    return (state_folder(folder) / PLAN).is_file()


def _data(market: WantedMarket) -> tuple[str, ...]:
    """The market's candles as settings."""
    return data_overrides((Path(market.file),) if market.file else (), (market.symbol,))


def _fitting(settings: Settings, market: WantedMarket) -> Settings:
    if not market.file and settings.data.path:
        raise UsageError(
            f"data.path names one file ({settings.data.path}) for several markets: give each "
            'its own --data, or --set data.path=""'
        )
    return settings


def _sweep(settings: Settings, folder: Path, options: BacktestOptions, voice: Voice) -> SweptMarket:
    """One market's sweep, gone on with where it had begun."""
    if folder.is_symlink():
        raise UsageError(f"{folder}: leads out of the folder of the run; remove the link")
    key = None
    if (folder / STATE).is_file():
        settings, key = stopped_sweep(folder, options.config, options.overrides)
    with claimed(folder):
        return sweep_market(settings, folder, key, options.walk_forward, voice, Stages(voice))


def _mismatches(found: SweptMarket) -> list[str]:
    try:
        found.raise_mismatches()
    except ParityError as error:
        return [str(error)]
    return []


def _row(market: WantedMarket, found: SweptMarket) -> dict[str, Any]:
    """One market's result; everything else is in its folder."""
    summary = found.summary
    evidence = summary["evidence"]
    walked = evidence.get("walk_forward") or {}
    best = summary["best"]
    objective = float(found.ranked.scored.objective[best["combination"]])
    return {
        **market._asdict(),
        "synthetic": summary["data"]["synthetic"],
        "objective": objective if abs(objective) != float("inf") else None,
        "best": best,
        "out_of_sample": walked.get("out_of_sample"),
        "baseline": summary["baseline"].get("metrics") or {},
        "verdict": evidence["verdict"]["level"],
    }


def _result(
    tables: list[dict[str, Any]], across: Across, stages: Stages, objective: str
) -> dict[str, Any]:
    """Markets, the best first, and what holds over all of them."""
    ranked = sorted(tables, key=_worth, reverse=True)
    return {
        "markets": ranked,
        "across": {"objective": objective, **across.table(), "seconds": stages.table()},
    }


def _worth(row: dict[str, Any]) -> float:
    return float("inf") if row["objective"] is None else float(row["objective"])


def _tell(folder: Path, result: dict[str, Any], voice: Voice, as_json: bool) -> None:
    voice.rest()
    if as_json:
        print(json_text({"folder": str(folder), **result}))
    elif not voice.silent:
        from stoptrail.reports.terminal import show_markets

        show_markets(result, folder)
