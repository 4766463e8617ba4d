"""What there is to plot: a finished run's folder, or a paper session's ledger."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import ValidationError

from stoptrail.backtest.kept_candles import FILE, read_kept
from stoptrail.cli import market as markets
from stoptrail.cli.console import Voice
from stoptrail.cli.ledger import ledger_settings
from stoptrail.config.foreign import counted
from stoptrail.config.load import load_settings
from stoptrail.config.section import explain
from stoptrail.config.settings import Settings, with_values
from stoptrail.core.errors import ConfigError, DataError, StoreError, UsageError
from stoptrail.core.text import plain
from stoptrail.feeds.market import MarketData, Origin
from stoptrail.reports.plots import ChartMarket as Drawn
from stoptrail.reports.run_files import (
    CONFIG,
    EquityCurve,
    ExitFill,
    RunFiles,
    StopLevel,
    TradeRecord,
    read_run,
    read_settings,
)
from stoptrail.rules.candles import Candles, Floats, rows_of
from stoptrail.rules.tally import (
    r_multiple,
)

_SPAN = ("symbol", "timeframe", "start", "end")
"""What says which candles a run had, so that open ends do not move on."""


class Pictured(NamedTuple):
    """A run or a session, ready to be drawn."""

    folder: Path
    """Where its pictures go."""
    drawn: Drawn
    span: Candles
    """The candles of the overview, without the warm-up."""
    trades: list[TradeRecord]
    stops: dict[int, list[StopLevel]]
    equity: EquityCurve


def of_run(
    folder: Path, config: Path | None, overrides: tuple[str, ...], trust: bool, voice: Voice
) -> Pictured:
    """The run in `folder`, ready to be drawn; raises what `market_of_run` raises."""
    files = read_run(folder)
    market, settings = market_of_run(files, config, overrides, trust, voice)
    return from_files(files, market, settings)


def market_of_run(
    files: RunFiles, config: Path | None, overrides: tuple[str, ...], trust: bool, voice: Voice
) -> tuple[MarketData, Settings]:
    """The candles and settings of a run.

    Raises DataError where there is no run, or where the candles are not those of the run.
    """
    folder = files.folder
    if not files.config:
        raise DataError(f"{folder}: no {CONFIG} there, so its candles cannot be found again")
    table = read_settings(folder)
    taken = counted(table, str(folder))
    taken.sections.get("costs", {}).pop("funding_rate", None)  # refused where data.symbol is spot
    own = load_settings(config, overrides, taken, trust, searching=False)
    market = kept_market(files)
    if market is None:
        market = markets.load(_on_its_candles(own, files, table.get("data"), trust), voice)
    _require_same(market, files, folder)
    return market, own


def kept_market(files: RunFiles) -> MarketData | None:
    """The candles that the run's folder holds; None where it is of a version that kept none:
    they are then loaded from where the user's settings say, or from where the folder says if
    it is trusted. Raises DataError where they are damaged."""
    kept = read_kept(files.folder)
    if kept is None:
        return None
    data = files.summary.get("data") or {}
    origin: Origin = "synthetic" if files.synthetic else "file"
    first, end = int(kept.candles.time[kept.start]), int(kept.candles.time[-1])
    return MarketData(
        kept.candles,
        str(data.get("symbol", "")),
        origin,
        f"{files.folder / FILE}",
        kept.start,
        first,
        end + kept.candles.interval,
    )


def _on_its_candles(own: Settings, files: RunFiles, theirs: Any, trust: bool) -> Settings:
    """`own` with the run's market, timeframe and span. What names a place (file or exchange)
    is the user's, unless the folder is trusted. Raises DataError, ConfigError."""
    data = files.summary.get("data") or {}
    theirs = theirs if isinstance(theirs, dict) else {}
    changes = {f"data.{key}": data[key] for key in _SPAN if data.get(key)}
    if files.synthetic:
        changes["data.source"] = "synthetic"
        changes["data.synthetic_seed"] = theirs.get("synthetic_seed", own.data.synthetic_seed)
    else:
        places = _places(own, theirs, trust, str(files.folder))
        changes |= {f"data.{key}": value for key, value in places.items()}
    try:
        return with_values(own, changes)
    except ValidationError as error:
        raise ConfigError(explain(error, lambda _key: f"{files.folder}/summary.json")) from None


def _places(own: Settings, theirs: dict[str, Any], trust: bool, folder: str) -> dict[str, Any]:
    """Where the candles come from: keys of [data]."""
    path, exchange = theirs.get("path") or "", theirs.get("exchange")
    if own.data.path:
        return {"source": "file"}
    key, value, mine = ("path", path, "") if path else ("exchange", exchange, own.data.exchange)
    if value is None or value == mine:
        return {"source": "exchange"}
    if not trust:
        raise DataError(
            f"{folder}: its candles came from data.{key} = {plain(value)[:200]}, which your "
            f"settings do not name; add --set data.{key}=..., or --trust if the folder is yours"
        )
    return {key: value, "source": "file" if path else "exchange"}


def from_files(files: RunFiles, market: MarketData, settings: Settings) -> Pictured:
    """A run whose candles are at hand."""
    cycle, trend = lines_of(settings, market.candles)
    drawn = Drawn(market.candles, cycle, trend, market.symbol, market.synthetic)
    span = rows_of(market.candles, slice(market.start, None))
    return Pictured(files.folder / "plots", drawn, span, files.trades, files.stops, files.equity)


def _require_same(market: MarketData, files: RunFiles, folder: Path) -> None:
    expected = (files.summary.get("provenance") or {}).get("candles_sha256")
    if expected and market.sha256 != expected:
        raise DataError(
            f"{folder}: the candles found now ({market.source}) are not those of the run; "
            "say where they are with --set data.path=FILE"
        )


def lines_of(settings: Settings, candles: Candles) -> tuple[Floats | None, Floats | None]:
    """Cycle and trend of the shipped signal at each close; None where a signal has none."""
    if settings.strategy.signal != "mtf_cycle":
        return None, None
    from stoptrail.strategies.signals.timeframe_lines import cycle_line, trend_line

    own = settings.strategy.parameters
    return (
        cycle_line(candles, own["cycle_filter"], own["cycle_period"]),
        trend_line(candles, own["trend"], own["trend_period"], own["trend_strength"]),
    )


def of_session(name: str, config: Path | None, overrides: Sequence[str]) -> Pictured:
    """The paper session `name` of the database in the settings. Raises UsageError where
    there is none."""
    from stoptrail.live.ledger.database import existing_ledger
    from stoptrail.live.ledger.records import find_session

    settings = ledger_settings(config, overrides)
    try:
        with existing_ledger(settings.database.url) as database:
            return _session(database, find_session(database, name))
    except StoreError as error:
        raise UsageError(f"{name} is neither the folder of a run nor a session: {error}") from None


def _session(database: Any, session: Any) -> Pictured:
    from stoptrail.live.ledger.records import rows, settings_rows, stored_candles
    from stoptrail.live.ledger.tables import PaperFills, PaperTrades, StoredEquity
    from stoptrail.live.session_settings import settings_from

    seen = np.array(stored_candles(database, session.id), np.float64).reshape(-1, 6)
    candles = Candles._make([seen[:, 0].astype(np.int64), *seen[:, 1:].T.copy(), session.interval])
    applied = [row for row in settings_rows(database, session.id) if row.applied is not None]
    cycle, trend = lines_of(settings_from(applied[-1].content), candles)
    marks = rows(database, StoredEquity, session.id)
    equity = EquityCurve(
        np.array([row["time"] for row in marks], np.int64),
        np.array([row["equity"] for row in marks], np.float64),
    )
    exits = _exits(rows(database, PaperFills, session.id))
    trades = [_trade(row, exits) for row in rows(database, PaperTrades, session.id)]
    first = int(np.searchsorted(candles.time, session.start))
    return Pictured(
        Path("plots") / f"session-{session.id}",
        Drawn(candles, cycle, trend, session.symbol),
        rows_of(candles, slice(min(first, max(0, len(candles.time) - 2)), None)),
        trades,
        _stops(database, session.id),
        equity,
    )


def _exits(fills: list[dict[str, Any]]) -> dict[int, list[ExitFill]]:
    """What closed each trade, part by part."""
    exits: dict[int, list[ExitFill]] = {}
    for row in fills:
        if row["number"] > 0:
            fill = ExitFill(row["time"], row["units"], row["price"], row["reason"])
            exits.setdefault(row["trade"], []).append(fill)
    return exits


def _trade(row: dict[str, Any], exits: dict[int, list[ExitFill]]) -> TradeRecord:
    nothing = float("nan")
    pnl = nothing if row["pnl"] is None else row["pnl"]
    return TradeRecord(
        number=row["number"],
        side=row["side"],
        entry_time=row["entry_time"],
        entry_price=row["entry"],
        units=row["units"],
        initial_stop=row["initial_stop"],
        exit_time=row["exit_time"],
        exit_price=nothing if row["exit"] is None else row["exit"],
        exit_reason=row["reason"] or "open",
        fees=row["entry_fee"] if row["fees"] is None else row["fees"],
        pnl=pnl,
        r_multiple=r_multiple(pnl, row["units"], abs(row["entry"] - row["initial_stop"])),
        mae=nothing,
        mfe=nothing,
        exits=tuple(exits.get(row["number"], ())),
        funding=row["funding"],
    )


def _stops(database: Any, session: int) -> dict[int, list[StopLevel]]:
    from stoptrail.live.ledger.records import rows
    from stoptrail.live.ledger.tables import StopMoves

    levels: dict[int, list[StopLevel]] = {}
    for row in rows(database, StopMoves, session):
        move = StopLevel(row["time"], row["new"], row["reason"], row["passed"])
        levels.setdefault(row["trade"], []).append(move)
    return levels
