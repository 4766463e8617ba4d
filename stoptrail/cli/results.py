"""What every `backtest` does around its runs: the notices, the files, what it tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stoptrail.backtest.engine import run_backtrader
from stoptrail.backtest.inputs import (
    Inputs,
    signals_of,
)
from stoptrail.backtest.kept_candles import write_kept
from stoptrail.backtest.manifest import remove_manifest, write_manifest
from stoptrail.backtest.outcome import Outcome, judge, metrics_table
from stoptrail.backtest.plan import Plan
from stoptrail.backtest.tables import write_tables
from stoptrail.cli.console import Stages, Voice
from stoptrail.cli.folder import market_folders
from stoptrail.cli.options import BacktestOptions
from stoptrail.config.load import to_toml
from stoptrail.config.run_rules import fitting, inferred, legacy
from stoptrail.config.settings import Settings, idle_exits
from stoptrail.core.files import write_json, write_whole
from stoptrail.core.json import json_text
from stoptrail.feeds.market import MarketData
from stoptrail.sweep.plain_run import quick_run

DEAR_LOT = 0.01
"""Fraction of the account from which on the cost of an inferred lot is said."""


def data_overrides(files: tuple[Path, ...], symbols: tuple[str, ...]) -> tuple[str, ...]:
    """--data and --symbols as settings."""
    found = [f"data.symbol={symbol}" for symbol in symbols[:1]]
    if files:
        found += [f"data.path={files[0]}", "data.source=file"]
    return tuple(found)


def steps_notice(inputs: Inputs, settings: Settings, market: MarketData, voice: Voice) -> None:
    """Say which steps of the market were read off the data (C13)."""
    names = inferred(fitting(settings, market.symbol, market.price_digits, market.filters))
    if not names:
        return
    own = inputs.market
    steps = {
        "tick": own.price_step / own.price_scale,
        "lot": own.lot_step / own.lot_scale,
    }
    if "lot" in names and market.unit != "base":
        names = [name for name in names if name != "lot"]
        voice.notice(
            f"{market.symbol}: lot {steps['lot']:g} assumed, as the volumes do not count the base "
            "currency; set market.lot"
        )
    told = ", ".join(f"{name} {steps[name]:g}" for name in names)
    if told:
        voice.notice(
            f"{market.symbol}: {told} inferred from the data's decimals; set [market] to mend"
        )
    cost = steps["lot"] * float(inputs.candles.close[-1])
    if "lot" in names and cost > DEAR_LOT * settings.account.cash:
        voice.notice(
            f"{market.symbol}: one such lot costs {cost:,.6g}; set market.lot if the volumes count "
            "contracts or the quote currency"
        )


def exits_notice(runs: Iterable[Settings], voice: Voice) -> None:
    """Say which exits are set and do nothing, once each."""
    for line in dict.fromkeys(line for settings in runs for line in idle_exits(settings)):
        voice.notice(line)


def signal_notice(plans: Iterable[Plan], inputs: Inputs, voice: Voice) -> None:
    """Say which parameters of a signal mean something else on these candles, and which are set
    and do nothing, once each."""
    said: dict[str, None] = {}
    plans = list(plans)
    for plan in plans:
        told = getattr(plan.signal, "reinterpreted", None)
        if told is not None:
            said |= dict.fromkeys(told(inputs.candles.interval, **plan.parameters))
    for line in (*said, *_unread(plans)):
        voice.notice(line)


def _unread(plans: Sequence[Plan]) -> list[str]:
    """A line for each parameter that is not as by default and that none of the plans reads."""
    lines: dict[str, str] = {}
    read: set[str] = set()
    for plan in plans:
        told = getattr(plan.signal, "unread", None)
        left_out = told(**plan.parameters) if told is not None else {}
        read |= set(plan.parameters) - set(left_out)
        for name, why in left_out.items():
            value = plan.parameters[name]
            if value != (plan.signal.__kwdefaults__ or {})[name]:
                lines.setdefault(name, f"strategy.{name} {value:g} does nothing where {why}")
    return [line for name, line in lines.items() if name not in read]


def baseline_run(outcome: Outcome, inputs: Inputs) -> Outcome | None:
    """The legacy exits on the same signals, in full Backtrader (C15); None for a signal
    without exit zones, which they would never leave."""
    if not signals_of(outcome.plan, inputs.candles).exit_zone.any():
        return None
    plan = outcome.plan._replace(run_rules=legacy(outcome.plan.run_rules))
    record = run_backtrader(
        inputs.candles, inputs.start, plan, inputs.funding, detail=inputs.detail
    )
    return judge(plan, record, inputs)


def baseline_table(outcome: Outcome, baseline: Outcome | None, inputs: Inputs) -> dict[str, Any]:
    """`baseline` of summary.json: the legacy exits all-in, as they were traded, and with the
    sizes of the strategy; empty where there is none."""
    if baseline is None:
        return {}
    rules = baseline.plan.run_rules
    sizing = outcome.plan.run_rules.trade_rules.sizing
    sized = rules._replace(trade_rules=rules.trade_rules._replace(sizing=sizing))
    alike = quick_run(baseline.plan._replace(run_rules=sized), inputs)
    return {"metrics": metrics_table(baseline), "same_sizing": metrics_table(alike)}


def columns_of(best: Outcome, baseline: Outcome | None) -> dict[str, Outcome]:
    """The runs that stand beside each other, by name, the set itself first."""
    return {"in_sample": best, **({"legacy": baseline} if baseline else {})}


def write_run(
    folder: Path, settings: Settings, inputs: Inputs, outcome: Outcome, baseline: Outcome | None
) -> None:
    """The tables of a run and its configuration."""
    write_tables(folder, outcome, inputs)
    if baseline is not None:
        write_tables(folder, baseline, inputs, prefix="baseline_")
    write_whole(folder / "config.toml", to_toml(settings).encode())


def finish(folder: Path, summary: dict[str, Any], market: MarketData, stages: Stages) -> None:
    """summary.json, the report that is made from it, and what both took."""
    from stoptrail.reports.html.page import write_report

    remove_manifest(folder)
    with stages.stage("report"):
        summary["seconds"] = stages.table()
        write_kept(folder, market)
        write_json(folder / "summary.json", summary)
        write_report(folder, market.candles)
    summary["seconds"] = stages.table()
    write_json(folder / "summary.json", summary)
    write_manifest(folder)


def finish_book(
    folder: Path, summary: dict[str, Any], markets: Mapping[str, MarketData], stages: Stages
) -> None:
    """The same of a book, which keeps the candles of each market in a folder of theirs."""
    from stoptrail.reports.html.page import write_report

    remove_manifest(folder)
    with stages.stage("report"):
        summary["seconds"] = stages.table()
        for place, market in zip(market_folders(list(markets)), markets.values(), strict=True):
            if not (folder / place).is_dir():  # its own sweep has kept them
                (folder / place).mkdir()
                write_kept(folder / place, market)
        write_json(folder / "summary.json", summary)
        write_report(folder, {name: market.candles for name, market in markets.items()})
    summary["seconds"] = stages.table()
    write_json(folder / "summary.json", summary)
    write_manifest(folder)


def pictures(
    folder: Path, market: MarketData, settings: Settings, options: BacktestOptions, voice: Voice
) -> None:
    """What --plot asks for."""
    if options.plot:
        from stoptrail.cli.plot import plot_run

        for file in plot_run(folder, market, settings):
            voice.notice(f"plot: {file}")


def tell(folder: Path, summary: dict[str, Any], voice: Voice, as_json: bool) -> None:
    """The result on standard output: one screen, one JSON object, or nothing."""
    voice.rest()
    if as_json:
        print(json_text({"folder": str(folder), **summary}))
    elif not voice.silent:
        from stoptrail.reports.summary import cautions
        from stoptrail.reports.terminal import show_run

        for line in cautions(summary):
            voice.notice(line)
        show_run(summary, folder)
