"""`backtest --book`: several sleeves on one account in full Backtrader."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from stoptrail.backtest.book import SleevePlan, run_book, sleeve_plan, terms_of
from stoptrail.backtest.book_files import summarise_book, write_book_tables
from stoptrail.backtest.book_outcome import BookOutcome, judge_book
from stoptrail.backtest.inputs import Inputs, prepare
from stoptrail.backtest.summary import (
    constant_rate_table,
    maintenance_table,
    margin_warnings,
)
from stoptrail.backtest.warm_up import require_warm, require_worthwhile
from stoptrail.cli import market as markets
from stoptrail.cli.book_sleeves import BookSleeve, sleeves_of
from stoptrail.cli.console import Stages, Voice
from stoptrail.cli.folder import own_folder
from stoptrail.cli.options import BacktestOptions
from stoptrail.cli.results import exits_notice, finish_book, signal_notice, steps_notice, tell
from stoptrail.config.book import only_others, sleeve_changes
from stoptrail.config.excess import excess_words
from stoptrail.config.load import load_settings, to_toml
from stoptrail.config.settings import Settings, as_table
from stoptrail.core.errors import ConfigError, UsageError
from stoptrail.core.files import write_whole
from stoptrail.core.time import iso
from stoptrail.feeds.market import MarketData
from stoptrail.rules.market import units_down
from stoptrail.rules.sizing import affordable_units, tradable


def run(options: BacktestOptions, voice: Voice, stages: Stages) -> None:
    """Run the book; raise UsageError for what a book has not."""
    if options.plot:
        raise UsageError("--plot draws one market: plot the runs of its markets instead of a book")
    if options.walk_forward:
        raise UsageError("a book is walked forward by its sweep: leave --walk-forward out")
    settings = options.settings or load_settings(options.config, options.overrides, searching=False)
    sleeves = sleeves_of(settings, options)
    with own_folder(options, "book") as place:
        summary = run_sleeves(settings, sleeves, place.made, voice, stages)
    tell(place.final, summary, voice, options.as_json)


def run_sleeves(
    settings: Settings,
    sleeves: list[BookSleeve],
    folder: Path,
    voice: Voice,
    stages: Stages,
    command: str = "backtest",
    known: Mapping[str, MarketData] | None = None,
    more: Callable[[BookOutcome], dict[str, Any]] = lambda _outcome: {},
) -> dict[str, Any]:
    """Run the sleeves and write the folder; the summary. known: the candles of each market, where
    they are loaded and told of already; more: what `book` in the summary holds beside."""
    with stages.stage("data"):
        found = load_markets(sleeves, voice) if known is None else dict(known)
        require_overlap(found)
        sleeves = [
            BookSleeve(own, markets.with_maintenance(settings, found[own.symbol]))
            for own, settings in sleeves
        ]
        plans = plans_of(sleeves, found)
    if known is None:
        _notices(sleeves, plans, found, voice)
    with stages.stage("backtest"), voice.progress("Backtrader") as advance:
        require_tradable(settings, sleeves, plans)
        terms = terms_of(settings)
        outcome = judge_book(plans, terms, run_book(plans, terms, advance))
    resolved = [sleeve.resolved for sleeve in sleeves]
    summary = {**summarise_book(settings, resolved, found, outcome), "command": command}
    _by_settings(summary, sleeves, plans, found)
    summary["book"] |= more(outcome)
    with stages.stage("tables"):
        write_book_tables(folder, outcome, resolved)
        write_whole(folder / "config.toml", to_toml(_again(settings, sleeves, found)).encode())
    finish_book(folder, summary, found, stages)
    return summary


def _by_settings(
    summary: dict[str, Any],
    sleeves: Sequence[BookSleeve],
    plans: Sequence[SleevePlan],
    found: Mapping[str, MarketData],
) -> None:
    """Add what the settings of the sleeves say: of each, and of the last one on each market."""
    summary["warnings"] += dict.fromkeys(
        f"{own.symbol}: {line}"
        for own, settings in sleeves
        for line in excess_words(settings, own.share)
    )
    tables = {table["symbol"]: table for table in summary["data"]["markets"]}
    last = {own.symbol: (one, plan) for (own, one), plan in zip(sleeves, plans, strict=True)}
    for symbol, (settings, plan) in last.items():
        summary["warnings"] += margin_warnings(settings, found[symbol])
        tables[symbol] |= constant_rate_table(settings, plan.inputs)
        if kept := maintenance_table(settings):
            summary.setdefault("maintenance_margin", []).extend(kept)


def load_markets(sleeves: Sequence[BookSleeve], voice: Voice) -> dict[str, MarketData]:
    """The candles of each market, by its symbol, in the order of the sleeves."""
    several = len({settings.data.symbol for _, settings in sleeves}) > 1
    found: dict[str, MarketData] = {}
    for _, settings in sleeves:
        symbol = settings.data.symbol
        if symbol in found:
            continue
        with voice.about(symbol) if several else nullcontext():
            found[symbol] = markets.load(settings, voice)
    return found


def require_overlap(found: Mapping[str, MarketData]) -> None:
    """Raise ConfigError where two markets have no moment of their spans in common."""
    late = max(found, key=lambda name: found[name].start_time)
    early = min(found, key=lambda name: found[name].end_time)
    if found[late].start_time >= found[early].end_time:
        raise ConfigError(
            f"the spans of {early} (to {iso(found[early].end_time)}) and {late} (from "
            f"{iso(found[late].start_time)}) do not overlap: a book needs a time that all its "
            "markets have"
        )


def plans_of(sleeves: Sequence[BookSleeve], found: Mapping[str, MarketData]) -> list[SleevePlan]:
    """The sleeves with their candles; those of one market share them."""
    known: dict[Any, Inputs] = {}
    made = []
    for resolved, settings in sleeves:
        market = found[settings.data.symbol]
        key = settings.data.symbol, settings.market, settings.costs.funding_rate
        if str(key) not in known:
            known[str(key)] = prepare(market, settings)
        made.append(sleeve_plan(settings, resolved.share, known[str(key)]))
    return made


def require_tradable(
    settings: Settings, sleeves: Sequence[BookSleeve], plans: Sequence[SleevePlan]
) -> None:
    """Raise where a sleeve's candles are too few for its indicators, its targets are not worth
    their costs, or its share buys less than the least order at every price of its span."""
    seen: set[str] = set()
    for sleeve, plan in zip(sleeves, plans, strict=True):
        own = plan.plan
        key = str((id(plan.inputs.candles), own.signal, own.parameters, own.atr_period))
        if key not in seen:
            require_warm(own, plan.inputs)
            seen.add(key)
        require_worthwhile(own, plan.inputs)
        _require_affordable(settings.account.cash, sleeve, plan)


def _require_affordable(cash: float, sleeve: BookSleeve, plan: SleevePlan) -> None:
    rules, inputs = plan.plan.run_rules.trade_rules, plan.inputs
    price = float(inputs.candles.low[inputs.start :].min())
    most = affordable_units(cash * plan.share, price, rules.sizing.max_leverage, rules.costs)
    if tradable(units_down(most, rules.market), price, rules.market) > 0.0:
        return
    market = rules.market
    least = max(market.lot_step / market.lot_scale, market.min_quantity)
    worth = max(least * price, market.min_notional)
    share, symbol = sleeve.resolved.share, sleeve.resolved.symbol
    raise ConfigError(
        f"book.sleeves: the share {share:g} of {symbol} is {cash * share:,.6g}, and its least "
        f"order {worth:,.6g} at its lowest price: raise the share or account.cash"
    )


def _notices(
    sleeves: Sequence[BookSleeve],
    plans: Sequence[SleevePlan],
    found: Mapping[str, MarketData],
    voice: Voice,
) -> None:
    """What is said of each market once."""
    said: set[str] = set()
    exits_notice((sleeve.settings for sleeve in sleeves), voice)
    for sleeve, plan in zip(sleeves, plans, strict=True):
        symbol = sleeve.resolved.symbol
        own = [each.plan for each in plans if each.inputs is plan.inputs]
        if symbol not in said:
            said.add(symbol)
            steps_notice(plan.inputs, sleeve.settings, found[symbol], voice)
            signal_notice(own, plan.inputs, voice)


def _again(
    settings: Settings, sleeves: Sequence[BookSleeve], found: Mapping[str, MarketData]
) -> Settings:
    """Settings that run the same book again, from any folder and on any day: every sleeve by
    its own values, its candles named, open ends filled in."""
    made = [markets.repeatable(own, found[sleeve.symbol]) for sleeve, own in sleeves]
    sources = {each.data.source for each in made}
    whole = as_table(settings)
    whole["data"] |= {
        "start": iso(min(market.start_time for market in found.values())),
        "end": iso(max(market.end_time for market in found.values())),
        "source": sources.pop() if len(sources) == 1 else "auto",
        "path": "",
    }
    named = [(sleeve, as_table(each)) for (sleeve, _), each in zip(sleeves, made, strict=True)]
    for name, key in set().union(*(only_others(whole, one.symbol, own) for one, own in named)):
        del whole[name][key]
    whole["book"]["sleeves"] = [
        {"symbol": one.symbol, "share": one.share, **sleeve_changes(whole, one.symbol, own)}
        for one, own in named
    ]
    return Settings.model_validate(whole)
