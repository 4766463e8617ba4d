"""`backtest`: one parameter set in full Backtrader, or a sweep."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from stoptrail.backtest.engine import run_backtrader
from stoptrail.backtest.inputs import (
    Inputs,
    plan_of,
    prepare,
)
from stoptrail.backtest.outcome import Outcome, judge
from stoptrail.backtest.summary import summarise_run
from stoptrail.backtest.warm_up import require_warm, require_worthwhile
from stoptrail.cli import market as markets
from stoptrail.cli.activity import compile_ahead, compiled_beside
from stoptrail.cli.console import Stages, Voice
from stoptrail.cli.folder import own_folder, state_folder
from stoptrail.cli.options import BacktestOptions
from stoptrail.cli.results import (
    baseline_run,
    baseline_table,
    data_overrides,
    exits_notice,
    finish,
    pictures,
    signal_notice,
    steps_notice,
    tell,
    write_run,
)
from stoptrail.config.load import load_settings
from stoptrail.config.settings import Settings
from stoptrail.core.errors import UsageError
from stoptrail.core.files import on_disk_together
from stoptrail.feeds.market import MarketData
from stoptrail.strategies.signals.timeframe_lines import forget_lines
from stoptrail.sweep.breakdown import breakdown, of_one_run


def run(
    config: Path | None,
    overrides: tuple[str, ...],
    sweep: bool,
    walk_forward: bool | None,
    plot: bool,
    files: tuple[Path, ...],
    symbols: tuple[str, ...],
    out: Path | None,
    force: bool,
    resume: Path | None,
    quiet: bool,
    as_json: bool,
    book: bool = False,
    trust: bool = False,
) -> None:
    """Run the command; see `stoptrail backtest --help`."""
    voice = Voice(silent=quiet)
    stages = Stages(voice)
    options = BacktestOptions(
        config=config,
        overrides=overrides,
        walk_forward=walk_forward,
        plot=plot,
        files=files,
        symbols=symbols,
        out=out,
        force=force,
        resume=resume,
        as_json=as_json,
        book=book,
        trust=trust,
    )
    with voice.at_work():
        run_command(options, sweep, voice, stages)


def run_command(options: BacktestOptions, sweep: bool, voice: Voice, stages: Stages) -> None:
    """One run, or with `sweep` a search; of a book or of one market."""
    if options.book and not (sweep or options.resume):
        from stoptrail.cli import book

        book.run(options, voice, stages)
    elif sweep or options.resume:
        if compile_ahead():
            voice.notice("First sweep on this machine: slow until it is compiled.")
        from stoptrail.cli import multi_market
        from stoptrail.cli import sweep as one_market

        many = len(options.files) > 1 or len(options.symbols) > 1
        resume = options.resume
        several = many or (resume is not None and multi_market.is_several(resume))
        if options.book and resume is not None and not several:
            from stoptrail.cli.resume import stored_key

            stored_key(state_folder(resume))  # where there is no sweep at all, that is said
            raise UsageError(
                f"--resume {resume}: is a sweep of one market and no book: leave --book out"
            )
        several = several or options.book
        (multi_market if several else one_market).run(options, voice, stages)
    else:
        run_one(options, voice, stages)


def run_one(options: BacktestOptions, voice: Voice, stages: Stages) -> None:
    """One parameter set on one market; with --walk-forward the grid's search as well."""
    if len(options.files) > 1 or len(options.symbols) > 1:
        raise UsageError(
            "each --data and each name of --symbols is a market: add --book to trade them on one "
            "account, or --sweep to compare them; files of one market are joined by a folder or a "
            "pattern in quotes"
        )
    own = data_overrides(options.files, options.symbols)
    searching = bool(options.walk_forward)
    settings = options.settings or load_settings(
        options.config, (*options.overrides, *own), searching=searching
    )
    with own_folder(options, "backtest") as place:
        summary, market = _one_market(settings, place.made, searching, voice, stages)
    pictures(place.final, market, settings, options, voice)
    tell(place.final, summary, voice, options.as_json)


def _one_market(
    settings: Settings, folder: Path, walking: bool, voice: Voice, stages: Stages
) -> tuple[dict[str, Any], MarketData]:
    """Run, compare with the baseline and write the folder."""
    with stages.stage("data"):
        market = markets.load(settings, voice)
        settings = markets.repeatable(settings, market)
        inputs = prepare(market, settings)
    # A search is never quicker in plain Python.
    count = len(inputs.candles.time)
    with nullcontext() if walking else compiled_beside(voice, count):
        return _told(settings, market, inputs, folder, walking, voice, stages), market


def _told(
    settings: Settings,
    market: MarketData,
    inputs: Inputs,
    folder: Path,
    walking: bool,
    voice: Voice,
    stages: Stages,
) -> dict[str, Any]:
    """The summary of the run, everything written."""
    steps_notice(inputs, settings, market, voice)
    exits_notice([settings], voice)
    signal_notice([plan_of(settings, inputs)], inputs, voice)
    with stages.stage("backtest"):
        outcome = full_run(settings, inputs)
    with stages.stage("baseline"):
        baseline = baseline_run(outcome, inputs)
    summary = summarise_run("backtest", settings, market, inputs, outcome)
    summary["baseline"] = baseline_table(outcome, baseline, inputs)
    summary |= breakdown(outcome, inputs, settings.sweep.seed)
    summary["evidence"] = _evidence(
        settings, market, inputs, outcome, baseline, folder, walking, voice, stages
    )
    with on_disk_together():
        with stages.stage("tables"):
            write_run(folder, settings, inputs, outcome, baseline)
        finish(folder, summary, market, stages)
    return summary


def _evidence(
    settings: Settings,
    market: MarketData,
    inputs: Inputs,
    outcome: Outcome,
    baseline: Outcome | None,
    folder: Path,
    walking: bool,
    voice: Voice,
    stages: Stages,
) -> dict[str, Any]:
    """What a single run says of itself, and with --walk-forward the search beside it."""
    from stoptrail.core.json import json_value

    with stages.stage("evidence"):
        alone = of_one_run(outcome, inputs, settings)
    if not walking:
        return dict(json_value(alone))
    from stoptrail.cli.sweep import walk_alone

    return walk_alone(settings, market, inputs, outcome, baseline, folder, alone, voice, stages)


def full_run(settings: Settings, inputs: Inputs) -> Outcome:
    """One set in full Backtrader.

    The signal is looked at first, so that a bad one or too few candles are told in one
    line.
    """
    plan = plan_of(settings, inputs)
    require_warm(plan, inputs)
    require_worthwhile(plan, inputs)
    forget_lines()  # its zones are kept
    record = run_backtrader(
        inputs.candles, inputs.start, plan, inputs.funding, detail=inputs.detail
    )
    return judge(plan, record, inputs)
