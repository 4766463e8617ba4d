"""The book of a sweep over several markets: sets chosen together, shares by equal risk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from stoptrail.backtest.book_outcome import BookOutcome, hold_markets
from stoptrail.backtest.outcome import by_side, metrics_table
from stoptrail.cli.book import require_overlap, run_sleeves
from stoptrail.cli.book_sleeves import BookSleeve
from stoptrail.cli.console import Stages, Voice
from stoptrail.cli.market import load
from stoptrail.cli.sweep import SweptMarket
from stoptrail.config.book import OF_A_FILE, SECTIONS, ResolvedSleeve
from stoptrail.config.grid import build_grid
from stoptrail.config.load import sleeve_settings
from stoptrail.config.market import Filters
from stoptrail.config.settings import Settings, as_table
from stoptrail.core.errors import ConfigError, DataError, RunError, UsageError
from stoptrail.core.json import json_value
from stoptrail.feeds.market import same_candles
from stoptrail.rules.candles import Floats
from stoptrail.rules.metrics import ANNUAL_ROOT, compounded, daily_returns
from stoptrail.rules.types import day_edges
from stoptrail.sweep.book import (
    EACH,
    BookChoice,
    BookMarket,
    Design,
    Screened,
    common_span,
    designs,
    on_days,
    shares_of,
    ways_of,
)
from stoptrail.sweep.book_table import book_table, day_table
from stoptrail.sweep.book_walk import walk_book
from stoptrail.sweep.breakdown import best_year, beyond_market, concentration, recent
from stoptrail.sweep.earlier import NONE, tried
from stoptrail.sweep.identity import identity_of
from stoptrail.sweep.kernel.results import COLUMN
from stoptrail.sweep.screen import within
from stoptrail.sweep.search import Tools, tools_with
from stoptrail.sweep.statistics.bootstrap import sharpe_interval
from stoptrail.sweep.statistics.deflated import deflated_sharpe, moments
from stoptrail.sweep.statistics.verdict import verdict
from stoptrail.sweep.store import TrialStore

_NO_CHOICE = ("costs", "account", "protections")


def require_choosable(settings: Settings) -> None:
    """Raise UsageError where the grid varies what the sleeves of a book have in common, or what
    is no choice."""
    for key in build_grid(settings).keys:
        section = key.partition(".")[0]
        if section in _NO_CHOICE or section not in SECTIONS:
            raise UsageError(
                f"sweep.grid varies {key}, which the sleeves of a book cannot choose: leave it out"
            )


def require_common_time(each: Sequence[Settings], voice: Voice) -> None:
    """Raise ConfigError where two markets have no time in common, and say where two are one,
    before hours of searching; a market that cannot be loaded now is told of when it is swept."""
    found = {}
    for settings in each:
        with suppress(RunError):
            found[settings.data.symbol] = load(settings, Voice(silent=True))
    if found:
        require_overlap(found)
    for line in same_candles({name: market.candles for name, market in found.items()}):
        voice.notice(line)


def sweep_book(
    settings: Settings,
    swept: Sequence[SweptMarket],
    folder: Path,
    walking: bool | None,
    voice: Voice,
    stages: Stages,
) -> dict[str, Any]:
    """Choose a book from markets that were swept, walk the choice forward, run the book in full
    Backtrader and write it into `folder`; its summary. Raises RunError."""
    markets = [
        BookMarket(one.settings.data.symbol, within(one.share, one.share.inputs)) for one in swept
    ]
    walked = None
    if settings.walk_forward.enabled if walking is None else walking:
        with (
            stages.stage("book_walk_forward"),
            voice.progress("walk-forward of the book") as advance,
        ):
            walked = _walk(settings, swept, markets, voice, advance)
    with stages.stage("book_choice"), voice.progress("choice of the book") as advance:
        tranches = _designs(settings, swept, markets, advance)
        sleeves = _sleeves(settings, swept, tranches)
    found = {one.settings.data.symbol: one.market for one in swept}

    def more(outcome: BookOutcome) -> dict[str, Any]:
        own = _engine_returns(markets, outcome)
        deflated = _deflated(settings, swept, outcome)
        return {
            "choose": settings.book.choose,
            "sets": settings.book.sets,
            "tranches": settings.book.tranches,
            "shares": dict(zip(found, shares_of(tranches).tolist(), strict=True)),
            "sub_accounts": _sub_accounts(tranches, own),
            "deflated_sharpe": deflated["all"],
            "walk_forward": walked,
            "verdict": _verdict(settings, swept, outcome, deflated, walked),
        }

    try:
        return run_sleeves(settings, sleeves, folder, voice, stages, "sweep", found, more)
    except ConfigError as error:
        kind, _, wanted = settings.book.sets.partition(":")
        fewer = int(wanted) // 2
        remedy = (
            f"the sweep of each market is done: go on with --resume and fewer sets, such as "
            f"--set book.sets={kind}:{fewer}"
            if fewer
            else "there are no fewer sets than one: start anew with more account.cash"
        )
        raise RunError(f"{error}; {remedy}") from None


# The walk-forward


def _walk(
    settings: Settings,
    swept: Sequence[SweptMarket],
    markets: Sequence[BookMarket],
    voice: Voice,
    advance: Any,
) -> dict[str, Any] | None:
    """None where it cannot be made, which is told."""
    try:
        with _tools(settings, swept[0]) as tools:
            walked = walk_book(settings, markets, tools, advance)
    except (ConfigError, DataError) as error:
        voice.notice(f"walk-forward of the book left out: {error}")
        return None
    return book_table(walked, markets, ways_of(settings), settings.sweep.seed)


@contextmanager
def _tools(settings: Settings, first: SweptMarket) -> Iterator[Tools]:
    """Workers, and the trial store of the first market, where the book's windows are kept."""
    identity = identity_of(first.settings, first.market)
    store = TrialStore(settings.database.url, identity, first.key)
    try:
        with tools_with(store, settings.sweep) as tools:
            yield tools
    finally:
        store.close()


# The choice over the whole span


def _designs(
    settings: Settings, swept: Sequence[SweptMarket], markets: Sequence[BookMarket], advance: Any
) -> list[Design]:
    now = [Screened(one.ranked.scored.objective, one.ranked.results.fingerprint) for one in swept]
    with _tools(settings, swept[0]) as tools:
        found = designs(settings, markets, now, tools, advance)
    if not shares_of(found).any():
        _no_share(BookChoice(settings.book.choose, settings.book.sets))
    return found


def _no_share(way: BookChoice) -> NoReturn:
    if way.choose == EACH:
        raise RunError(
            "the chosen sets of no market trade in the time that all markets have: a book has "
            "nothing to share out; give candles that overlap for longer"
        )
    raise RunError(
        "no combination has enough trades in every market for one choice: go on with --resume "
        "and --set book.choose=each"
    )


def _sleeves(
    settings: Settings, swept: Sequence[SweptMarket], tranches: Sequence[Design]
) -> list[BookSleeve]:
    """One sleeve for each set of each market: of each tranche the market's share in equal parts,
    together where several have chosen the same set."""
    found = []
    for place, one in enumerate(swept):
        parts: dict[int, float] = {}
        for design in tranches:
            for number in map(int, design.sets[place]):
                part = float(design.shares[place]) / len(design.sets[place]) / len(tranches)
                parts[number] = parts.get(number, 0.0) + part
        for number, share in parts.items():
            if not share > 0.0:
                continue
            table = _own(one.settings)
            for key, value in one.share.space.grid.combination(number).items():
                section, _, name = key.partition(".")
                table.setdefault(section, {})[name] = value
            origin, symbol = f"combination {number}", one.settings.data.symbol
            sleeve = ResolvedSleeve(symbol, share, table, {}, origin)
            found.append(BookSleeve(sleeve, sleeve_settings(settings, sleeve, origin)))
    return found


def _own(settings: Settings) -> dict[str, dict[str, Any]]:
    """What belongs to a market's symbol and files, as it was swept."""
    table = as_table(settings)
    data = {key: table["data"][key] for key in OF_A_FILE if table["data"].get(key)}
    if data.get("path"):
        data["source"] = "file"
    steps = {key: table["market"][key] for key in Filters._fields if table["market"].get(key)}
    return {"data": data, **({"market": steps} if steps else {})}


# What is told of it


def _engine_returns(markets: Sequence[BookMarket], outcome: BookOutcome) -> Floats:
    """Daily returns of the account in full Backtrader, over the days that all markets have."""
    returns = daily_returns(outcome.whole.equity)[None]
    edges = day_edges(*common_span(markets))
    return np.asarray(on_days(returns, outcome.inputs.marks.time, edges)[0])


def _sub_accounts(tranches: Sequence[Design], engine: Floats) -> dict[str, Any]:
    """The same book as the walk-forward counts it, each market an account of its own, beside the
    one account in full Backtrader."""
    each = [design.shares @ design.returns for design in tranches]
    apart = day_table(compounded(np.mean(each, axis=0)))
    whole = day_table(compounded(engine))
    gaps = {
        name: whole[name] - apart[name]
        for name in apart
        if apart[name] is not None and whole[name] is not None
    }
    table: dict[str, Any] = json_value({"metrics": apart, "engine": whole, "difference": gaps})
    return table


def _deflated(
    settings: Settings, swept: Sequence[SweptMarket], outcome: BookOutcome
) -> dict[str, Any]:
    """The book's deflated Sharpe ratio over the trials of all markets and the ways of choosing:
    "all", of earlier sweeps too, and "distinct", sets that trade differently."""
    every, earlier, distinct = NONE, 0, 0
    for one in swept:
        own = tried(one.ranked.results.metrics[:, COLUMN.sharpe] / ANNUAL_ROOT)
        every = every.with_more(own)
        known = one.summary["evidence"]["deflated_sharpe"]
        earlier += int(known["with_earlier"]["trials"]) - own.trials
        distinct += int(known["distinct"]["trials"])
    ways = len(ways_of(settings))
    own_moments = moments(np.asarray(daily_returns(outcome.whole.equity)))
    counts = {"all": every.trials + earlier + ways, "distinct": distinct + ways}
    table: dict[str, Any] = json_value(
        {
            name: {
                **asdict(deflated_sharpe(own_moments, count, every.spread)),
                "ways_of_choosing": ways,
            }
            for name, count in counts.items()
        }
    )
    return table


def _verdict(
    settings: Settings,
    swept: Sequence[SweptMarket],
    outcome: BookOutcome,
    deflated: dict[str, Any],
    walked: dict[str, Any] | None,
) -> dict[str, Any]:
    """What all of this amounts to, by the checks of a single market's sweep."""
    own = [one.summary["evidence"] for one in swept]
    funding = [each.get("funding") or {} for each in own]
    margins = [each.get("maintenance") or {} for each in own]
    marks = [each.get("mark") or {} for each in own if each.get("market_type") == "swap"] or [{}]
    spread = {name: walked[name] for name in ("low", "median", "high")} if walked else {}
    returns = daily_returns(outcome.whole.equity)
    evidence = {
        "synthetic": any(one.market.synthetic for one in swept),
        "market_type": settings.market_type,
        "funding": min(funding, key=lambda known: bool(known.get("source"))),
        "maintenance": min(margins, key=lambda kept: kept.get("source") != "default"),
        "mark": min(marks, key=lambda known: (bool(known.get("source")), -known.get("missing", 0))),
        "markets": {
            one.settings.data.symbol: each["verdict"]["level"]
            for one, each in zip(swept, own, strict=True)
        },
        "metrics": metrics_table(outcome.whole),
        "deflated_sharpe": deflated,
        "walk_forward": {**walked, "range": spread} if walked else None,
        "bootstrap": {
            "sharpe": asdict(sharpe_interval(returns, settings.sweep.seed)),
        },
        "recent": recent(returns),
        "best_year": best_year(returns, outcome.inputs.marks.time),
        "beyond_market": beyond_market(returns, daily_returns(hold_markets(outcome).equity)),
        "concentration": concentration(outcome.whole),
        "sides": by_side(outcome.whole, outcome.inputs),
    }
    return verdict(json_value(evidence)).as_summary()
