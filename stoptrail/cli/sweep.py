"""`backtest --sweep`: search a grid, verify the best, say how far it can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from stoptrail.backtest.inputs import Inputs, prepare
from stoptrail.backtest.outcome import Outcome, metrics_table
from stoptrail.backtest.summary import summarise_run
from stoptrail.backtest.warm_up import require_any_worthwhile, require_warm
from stoptrail.cli import market as markets
from stoptrail.cli.console import Stages, Voice
from stoptrail.cli.folder import SETTINGS, STATE, own_folder, resumable, state_folder
from stoptrail.cli.options import BacktestOptions
from stoptrail.cli.results import (
    baseline_run,
    baseline_table,
    columns_of,
    data_overrides,
    exits_notice,
    finish,
    pictures,
    signal_notice,
    steps_notice,
    tell,
    write_run,
)
from stoptrail.cli.resume import stopped_sweep
from stoptrail.config.grid import SECTIONS, Grid, build_grid, settings_for
from stoptrail.config.load import load_settings, to_toml
from stoptrail.config.settings import Settings, as_table
from stoptrail.core.errors import (
    ConfigError,
    DataError,
    ParityError,
)
from stoptrail.core.files import on_disk_together, write_json, write_whole
from stoptrail.core.program import give_back
from stoptrail.core.text import number_of
from stoptrail.feeds.market import MarketData
from stoptrail.rules.detail import NO_DETAIL
from stoptrail.sweep.breakdown import breakdown
from stoptrail.sweep.earlier import Tried, remember
from stoptrail.sweep.evidence import (
    around_the_best,
    judged,
    selection,
)
from stoptrail.sweep.identity import digest, identity_of
from stoptrail.sweep.objective import require_usable
from stoptrail.sweep.permutation import permutation_test
from stoptrail.sweep.phases import walk_forward
from stoptrail.sweep.pools.processes import cores
from stoptrail.sweep.screen import (
    BLOCKS,
    Share,
    screen_all,
    shared,
)
from stoptrail.sweep.search import (
    Ranked,
    Tools,
    Verified,
    beside,
    rank,
    tools_with,
    trials_of,
    verify_best,
)
from stoptrail.sweep.space import Space
from stoptrail.sweep.statistics.selection import picks
from stoptrail.sweep.store import TrialStore
from stoptrail.sweep.trials import write_trials
from stoptrail.sweep.walk_forward_table import walk_table


def run(options: BacktestOptions, voice: Voice, stages: Stages) -> None:
    """Sweep one market."""
    overrides = (*options.overrides, *data_overrides(options.files, options.symbols))
    key = None
    if options.resume:
        settings, key = stopped_sweep(state_folder(options.resume), options.config, overrides)
    else:
        settings = options.settings or load_settings(options.config, overrides)
    with own_folder(options, "sweep") as place, resumable(place, options, voice):
        found = sweep_market(settings, place.made, key, options.walk_forward, voice, stages)
    pictures(place.final, found.market, settings, options, voice)
    tell(place.final, found.summary, voice, options.as_json)
    found.raise_mismatches()


def walk_alone(
    settings: Settings,
    market: MarketData,
    inputs: Inputs,
    outcome: Outcome,
    baseline: Outcome | None,
    folder: Path,
    alone: dict[str, Any],
    voice: Voice,
    stages: Stages,
) -> dict[str, Any]:
    """The evidence `alone` of a single run beside a walk-forward over the grid."""
    inputs = inputs._replace(detail=NO_DETAIL)
    space = Space(settings, _grid(settings), inputs)
    require_warm(space.plan(0), inputs)
    with (
        _tools(settings, market, folder, None) as tools,
        stages.stage("walk_forward"),
        voice.progress("walk-forward") as advance,
    ):
        runs = columns_of(outcome, baseline)
        walked = _walk(settings, shared(space, inputs), tools, runs, voice, advance)
    found = {"metrics": metrics_table(outcome), **alone, "walk_forward": walked}
    return judged(found, settings, market.synthetic, *_known_of(market))


def _known_of(market: MarketData) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is known of a swap's funding and of its mark prices."""
    return market.funding.summary(), market.marks.summary()


class SweptMarket(NamedTuple):
    """The outcome of one market's sweep."""

    settings: Settings
    market: MarketData
    share: Share
    ranked: Ranked
    verified: Verified
    summary: dict[str, Any]
    key: str
    """Of its trials in the database."""

    def raise_mismatches(self) -> None:
        """Raise ParityError where two engines disagreed about a trade."""
        lines = self.verified.mismatches
        if lines:
            raise ParityError(
                f"pre-screen and Backtrader disagree in {number_of(len(lines), 'place')}, first: "
                f"{lines[0]}"
            )


def sweep_market(
    settings: Settings,
    folder: Path,
    key: str | None,
    walking: bool | None,
    voice: Voice,
    stages: Stages,
) -> SweptMarket:
    """Search the grid over the market that `settings` name and write the run's folder; `key`
    is that of a sweep that goes on."""
    grid = _grid(settings)
    with stages.stage("data"):
        market = markets.load(settings, voice)
        settings = markets.repeatable(settings, market)
        inputs = prepare(market, settings)
        bare = inputs._replace(detail=NO_DETAIL)
        space = Space(settings, grid, bare)
    steps_notice(inputs, settings, market, voice)
    exits_notice([settings], voice)
    groups = (space.group(number).parts[0].plan for number in range(space.group_count))
    signal_notice(groups, inputs, voice)
    require_warm(space.plan(0), inputs)
    require_any_worthwhile(settings, grid, inputs)
    share = shared(space, bare, BLOCKS)
    with _tools(settings, market, folder, key) as tools:
        assert tools.store is not None
        key = tools.store.key
        with stages.stage("screen"), voice.progress("pre-screen") as advance:
            given = tools.jobs, tools.store, tools.screen_pool, advance, folder
            ranked = rank(settings, space, screen_all(share, *given))
        with stages.stage("finalists"), voice.progress("finalists in Backtrader") as advance:
            verified = verify_best(settings, share, ranked, tools, advance, inputs)
        best = verified.outcomes[verified.best]
        with stages.stage("baseline"):
            baseline = baseline_run(best, inputs)
        evidence: dict[str, Any] = {}
        if settings.walk_forward.enabled if walking is None else walking:
            with stages.stage("walk_forward"), voice.progress("walk-forward") as advance:
                runs = columns_of(best, baseline)
                evidence["walk_forward"] = _walk(settings, share, tools, runs, voice, advance)
        if settings.sweep.permutations:
            with stages.stage("permutation"), voice.progress("permuted markets") as advance:
                evidence["permutation"] = permutation_test(
                    settings, share, ranked.scored, tools, advance
                )
    with stages.stage("evidence"):
        remembered = partial(_remembered, settings, market)
        evidence |= _evidence(settings, share, ranked, verified, inputs, remembered)
    summary = _summary(settings, market, inputs, space, verified, baseline)
    whole = {"metrics": summary["metrics"], **evidence}
    summary["evidence"] = judged(whole, settings, market.synthetic, *_known_of(market))
    with on_disk_together():
        with stages.stage("tables"):
            chosen = _best_settings(settings, space, verified)
            write_run(folder, chosen, inputs, best, baseline)
            scored = ranked.scored.objective
            write_trials(folder / "trials.parquet", grid, ranked.results, scored, verified.stages)
            ranked = ranked.without_counts()
        finish(folder, summary, market, stages)
    return SweptMarket(settings, market, share, ranked, verified, summary, key)


def _grid(settings: Settings) -> Grid:
    grid = build_grid(settings)
    if not grid.keys:
        raise ConfigError("sweep.grid is empty: name at least one key with a list of values")
    require_usable(settings.sweep.objective)
    return grid


@contextmanager
def _tools(
    settings: Settings, market: MarketData, folder: Path, key: str | None
) -> Iterator[Tools]:
    """Workers and trial store; the folder learns how to find the trials again, the store
    what the sweep `key`, or a new one, was started with."""
    identity = identity_of(settings, market)
    store = TrialStore(settings.database.url, identity, key)
    try:
        if key is None:
            store.remember(to_toml(settings))
            write_whole(folder / SETTINGS, to_toml(settings).encode())
            write_json(folder / STATE, {"run": store.key, "identity": identity})
        with tools_with(store, settings.sweep) as tools:
            yield tools
    finally:
        store.close()


def _walk(
    settings: Settings,
    share: Share,
    tools: Tools,
    runs: dict[str, Outcome],
    voice: Voice,
    advance: Any,
) -> dict[str, Any] | None:
    """The evidence of the walk-forward; None where it cannot be made, which is told."""
    varied = [key for key in share.space.grid.keys if key.split(".")[0] in ("costs", "account")]
    if varied:
        voice.notice(f"walk-forward left out: the grid varies {varied[0]}, which is no choice")
        return None
    try:
        walked = walk_forward(settings, share, tools, advance)
    except (ConfigError, DataError) as error:
        voice.notice(f"walk-forward left out: {error}")
        return None
    if not walked:
        voice.notice("walk-forward left out: no set had enough trades in any train window")
        return None
    return walk_table(walked, share.space, runs, share.inputs, settings.sweep.seed)


def _remembered(settings: Settings, market: MarketData, own: Tried) -> Tried:
    """Note this sweep's trials in the database; those of earlier ones on this market."""
    table = as_table(settings)
    kept = {name: table[name] for name in SECTIONS}
    kept["tried"] = [settings.sweep.grid, market.start_time, market.end_time, market.sha256]
    span = (market.start_time, market.end_time)
    return remember(settings.database.url, digest(kept), market.symbol, span, own)


def _evidence(
    settings: Settings,
    share: Share,
    ranked: Ranked,
    verified: Verified,
    inputs: Inputs,
    remembered: Callable[[Tried], Tried],
) -> dict[str, Any]:
    """What the search and the best set's neighbourhood say, each beside the other."""
    give_back()
    trials, best = trials_of(share, ranked), verified.outcomes[verified.best]
    seed, jobs = settings.sweep.seed, settings.sweep.jobs
    with beside() as threads:
        around = threads.submit(around_the_best, best, inputs, cores(jobs))
        chosen = selection(share, trials, verified.best, best, seed, remembered, jobs)
    taken = {
        name: {"combination": number, "params": share.space.grid.combination(number)}
        for name, number in picks(trials)._asdict().items()
    }
    return {**around.result(), **chosen, "picks": taken}


def _best_settings(settings: Settings, space: Space, verified: Verified) -> Settings:
    """The user's settings with the best combination."""
    return settings_for(settings, space.grid.combination(verified.best))


def _summary(
    settings: Settings,
    market: MarketData,
    inputs: Inputs,
    space: Space,
    verified: Verified,
    baseline: Outcome | None,
) -> dict[str, Any]:
    best = verified.outcomes[verified.best]
    summary = summarise_run(
        "sweep", _best_settings(settings, space, verified), market, inputs, best
    )
    return {
        **summary,
        **breakdown(best, inputs, settings.sweep.seed),
        "baseline": baseline_table(best, baseline, inputs),
        "grid_size": space.size,
        "screened": space.size,
        "verified": len(verified.outcomes),
        "parity": {
            "trades_compared": verified.trades,
            "mismatches": len(verified.mismatches),
            "lines": list(verified.mismatches[:20]),
        },
        "best": {
            "combination": verified.best,
            "params": space.grid.combination(verified.best),
            "metrics": metrics_table(best),
        },
        "finalists": [
            {
                "combination": number,
                "stage": stage,
                "worst_path": verified.worst.get(number),
                "params": space.grid.combination(number),
                "metrics": metrics_table(verified.outcomes[number]),
                **verified.without_detail(number),
            }
            for number, stage in verified.stages.items()
        ],
    }
