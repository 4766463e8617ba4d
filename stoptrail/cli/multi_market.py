"""`backtest --sweep` over several markets: one result for each, and one across them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from stoptrail.backtest.manifest import MANIFEST, write_manifest
from stoptrail.cli.book_sweep import require_choosable, require_common_time, sweep_book
from stoptrail.cli.console import Stages, Voice
from stoptrail.cli.folder import (
    PLAN,
    SETTINGS,
    STATE,
    RunFolder,
    own_folder,
    resumable,
    state_folder,
)
from stoptrail.cli.market import WantedMarket, paired
from stoptrail.cli.options import BacktestOptions
from stoptrail.cli.results import data_overrides, tell
from stoptrail.cli.resume import (
    database_of,
    own_tables,
    recalled,
    require_same,
    started,
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
    ParityError,
    RunError,
    UsageError,
)
from stoptrail.core.files import claimed, read_json, write_json, write_whole
from stoptrail.core.json import json_text
from stoptrail.feeds.market import at_midnight, same_candles
from stoptrail.rules.candles import Candles
from stoptrail.sweep.multi_market import Across
from stoptrail.sweep.store import remember

MARKETS = "markets.json"
ACROSS = "across.json"
TRIALS = "across.parquet"


class BegunMarkets(NamedTuple):
    """What is to be swept."""

    markets: list[WantedMarket]
    settings: list[Settings]
    """Of each market."""
    top: Settings
    """Those that all markets share."""
    book: bool
    """Whether a book is made of them."""


def run(options: BacktestOptions, voice: Voice, stages: Stages) -> None:
    """Sweep one market after the other; raise RunError at the end where one failed."""
    if options.book and options.plot:
        raise UsageError("--plot draws one market: plot the runs of its markets instead of a book")
    going_on = options.resume is not None and is_several(options.resume)
    begun = _stopped(options) if going_on else _begun(options)
    if begun.book:
        require_common_time(begun.settings, voice)
    with own_folder(options, "sweep") as place, resumable(place, options, voice):
        if not going_on:
            _remember(place.made, begun)
        result, failed = _sweep_all(options, place, begun, voice, stages)
    _tell(place.final, result, voice, options.as_json)
    if failed:
        raise RunError(f"{len(failed)} of {len(begun.markets)} markets failed, first: {failed[0]}")


def _begun(options: BacktestOptions) -> BegunMarkets:
    top = load_settings(options.config, options.overrides)
    if options.book:
        require_choosable(top)
    symbols = options.symbols or (_of_sleeves(top) if options.book and not options.files else ())
    markets = paired(options.files, symbols)
    settings = [
        _fitting(load_settings(options.config, (*options.overrides, *_data(market))), market)
        for market in markets
    ]
    return BegunMarkets(markets, settings, top, options.book)


def _of_sleeves(settings: Settings) -> Sequence[str]:
    """The markets of [[book.sleeves]]. Raises UsageError where there are none."""
    symbols = [sleeve.symbol or settings.data.symbol for sleeve in settings.book.sleeves]
    if not symbols:
        raise UsageError("a book needs markets: name them with --symbols A/USDT,B/USDT")
    return list(dict.fromkeys(symbols))


def _stopped(options: BacktestOptions) -> BegunMarkets:
    """The markets of a stopped sweep, as the user's database knows them. Raises UsageError
    where the folder asks for others."""
    assert options.resume is not None
    folder = state_folder(options.resume)
    key = stored_key(folder, PLAN)
    own = own_tables(options.config, options.overrides)
    kept = started(recalled(folder, database_of(own, options.config), key), json.loads, folder)
    theirs = read_json(folder / PLAN, "plan of a sweep", UsageError)
    require_same(theirs.get("markets"), kept["markets"], folder / PLAN)
    require_same(read_table(folder / SETTINGS), tomllib.loads(kept["settings"]), folder / SETTINGS)
    markets = [WantedMarket(**entry) for entry in kept["markets"]]

    def with_data(more: Sequence[str]) -> Settings:
        table = tomllib.loads(kept["settings"])
        return with_own(table, own, (*options.overrides, *more), folder)

    settings = [_fitting(with_data(_data(market)), market) for market in markets]
    book = options.book or bool(kept.get("book"))
    top = with_data(())
    if book:
        require_choosable(top)
    return BegunMarkets(markets, settings, top, book)


def _remember(folder: Path, begun: BegunMarkets) -> None:
    """Keep what is begun in the user's database; the folder says where to find it."""
    markets = [market._asdict() for market in begun.markets]
    text = to_toml(begun.top)
    key = remember(
        begun.top.database.url,
        json.dumps({"markets": markets, "settings": text, "book": begun.book}),
    )
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
    swept: list[SweptMarket] = []
    known: dict[str, Candles] = {}
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
        known[market.symbol] = at_midnight(found.market.candles)
        swept += [found] if begun.book else []
        failed += [f"{market.symbol}: {line}" for line in _mismatches(found)]
    result = _result(tables, across, stages, begun.settings[0].sweep.objective)
    result["across"]["warnings"] = same_candles(known)
    write_json(folder / MARKETS, result["markets"])
    write_json(folder / ACROSS, result["across"])
    across.write(folder / TRIALS)
    if swept:
        voice.notice(f"book of {len(swept)} markets: {place.final}")
        walking = options.walk_forward
        result["book"] = sweep_book(begun.top, swept, folder, walking, voice, stages)
    else:
        write_manifest(folder)
    return result, failed


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
        # It is written again, by settings of which some may be others now.
        (folder / MANIFEST).unlink(missing_ok=True)
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
    """The book first, then its markets."""
    voice.rest()
    book = result.pop("book", None)
    if as_json:
        print(json_text({"folder": str(folder), **result, **(book or {})}))
    elif not voice.silent:
        from stoptrail.reports.terminal import show_markets

        if book:
            tell(folder, book, voice, as_json=False)
        if result["markets"]:
            for line in () if book else result["across"]["warnings"]:
                voice.notice(line)
            show_markets(result, folder)
