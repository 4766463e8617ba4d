"""`backtest --sweep` over several markets: one result for each, and one across them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from stoptrail.cli.backtest import data_overrides
from stoptrail.cli.console import Stages, Voice
from stoptrail.cli.folder import own_folder, resumable
from stoptrail.cli.options import BacktestOptions
from stoptrail.cli.sweep import (
    SETTINGS,
    STATE,
    Found,
    sweep_market,
)
from stoptrail.config.grid import build_grid
from stoptrail.config.load import load_settings
from stoptrail.config.settings import Settings
from stoptrail.config.write import to_toml
from stoptrail.core.atomic import claimed, write_json, write_whole
from stoptrail.core.errors import (
    DataError,
    ParityError,
    RunError,
    UsageError,
)
from stoptrail.core.json import json_text
from stoptrail.sweep.multi_market import Across

MARKETS = "markets.json"
ACROSS = "across.json"
TRIALS = "across.parquet"
PLAN = "several.json"
"""Which markets a sweep has: what --resume needs."""


class Wanted(NamedTuple):
    """One market of the sweep."""

    symbol: str
    file: str
    """Candle file, "" where candles come from the market's exchange."""
    folder: str
    """Name of its folder."""


def run(asked: BacktestOptions, voice: Voice, stages: Stages) -> None:
    """Sweep one market after the other; raise RunError at the end where one failed."""
    resume, overrides = asked.resume, asked.overrides
    stored = resume is not None and is_several(resume)
    markets = stored_plan(resume) if resume and stored else paired(asked.files, asked.symbols)
    top = asked.config or (resume / SETTINGS if resume else None)
    settings = [_settings(top, overrides, market) for market in markets]
    with own_folder(asked, "sweep") as folder, claimed(folder), resumable(folder, voice):
        write_whole(folder / SETTINGS, to_toml(load_settings(top, overrides)).encode())
        write_json(folder / PLAN, [market._asdict() for market in markets])
        failed = _sweep_all(asked, folder, markets, settings, voice, stages)
    if failed:
        raise RunError(f"{len(failed)} of {len(markets)} markets failed, first: {failed[0]}")


def _sweep_all(
    asked: BacktestOptions,
    folder: Path,
    markets: list[Wanted],
    settings: list[Settings],
    voice: Voice,
    stages: Stages,
) -> list[str]:
    """Sweep every market and show the result; what failed, a line each."""
    across = Across(build_grid(settings[0]))
    tables: list[dict[str, Any]] = []
    failed: list[str] = []
    for market, own in zip(markets, settings, strict=True):
        voice.notice(f"{market.symbol}: {folder / market.folder}")
        try:
            found = _sweep(own, folder / market.folder, asked.overrides, asked.walk_forward, voice)
        except RunError as error:
            failed.append(f"{market.symbol}: {error}")
            voice.notice(f"{market.symbol} left out: {error}")
            continue
        across.add(found.ranked.scored.objective)
        tables.append(_row(market, found))
        failed += [f"{market.symbol}: {line}" for line in _mismatches(found)]
    result = _result(tables, across, stages, settings[0].sweep.objective)
    write_json(folder / MARKETS, result["markets"])
    write_json(folder / ACROSS, result["across"])
    across.write(folder / TRIALS)
    _tell(folder, result, voice, asked.as_json)
    return failed


def paired(files: Sequence[Path], symbols: Sequence[str]) -> list[Wanted]:
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
        if not file.is_file():
            raise DataError(f"{file}: there is no such candle file")
    names = [*symbols, *(file.name.partition(".")[0] for file in files[len(symbols) :])]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"the market {twice[0]} is given twice: name each once with --symbols")
    paths = [str(file.absolute()) for file in files] or [""] * len(names)
    folders = [re.sub(r"[^A-Za-z0-9._-]+", "-", name) for name in names]
    return [
        Wanted(name, path, folder if folders.count(folder) == 1 else f"{folder}-{number}")
        for number, (name, path, folder) in enumerate(zip(names, paths, folders, strict=True), 1)
    ]


def is_several(folder: Path) -> bool:
    """Whether the folder is that of a sweep over several markets."""
    return (folder / PLAN).is_file()


def stored_plan(folder: Path) -> list[Wanted]:
    """The markets of a stopped sweep. Raises UsageError where they cannot be read."""
    try:
        return [Wanted(**entry) for entry in json.loads((folder / PLAN).read_text())]
    except (OSError, ValueError, TypeError):
        raise UsageError(f"--resume {folder}: {PLAN} there cannot be read") from None


def _settings(config: Path | None, overrides: tuple[str, ...], market: Wanted) -> Settings:
    files = (Path(market.file),) if market.file else ()
    settings = load_settings(config, (*overrides, *data_overrides(files, (market.symbol,))))
    if not market.file and settings.data.path:
        raise UsageError(
            f"data.path names one file ({settings.data.path}) for several markets: give each "
            'its own --data, or --set data.path=""'
        )
    return settings


def _sweep(
    settings: Settings, folder: Path, overrides: tuple[str, ...], walking: bool | None, voice: Voice
) -> Found:
    """One market's sweep, gone on with where it had begun."""
    begun = (folder / STATE).is_file()
    if begun:
        settings = load_settings(folder / SETTINGS, overrides)
    with claimed(folder):
        return sweep_market(settings, folder, begun, walking, voice, Stages())


def _mismatches(found: Found) -> list[str]:
    try:
        found.raise_mismatches()
    except ParityError as error:
        return [str(error)]
    return []


def _row(market: Wanted, found: Found) -> dict[str, Any]:
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
        "baseline": summary["baseline"]["metrics"],
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
    if as_json:
        print(json_text({"folder": str(folder), **result}))
    elif not voice.silent:
        from stoptrail.reports.multi_market import show_markets

        show_markets(result, folder)
