"""What a book writes: summary.json, and the tables of all its sleeves as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stoptrail.backtest.book_outcome import BookOutcome, day_peaks, hold_markets
from stoptrail.backtest.outcome import (
    Outcome,
    by_side,
    by_year,
    held_table,
    mark_table,
    metrics_table,
    trade_table,
)
from stoptrail.backtest.summary import at_same_volatility, by_prices, provenance
from stoptrail.backtest.tables import (
    EQUITY_COLUMNS,
    FILL_COLUMNS,
    STOP_COLUMNS,
    TRADE_COLUMNS,
    equity_rows,
    extra_columns,
    fill_rows,
    stop_rows,
    trade_rows,
)
from stoptrail.backtest.warm_up import idle_words
from stoptrail.config.book import ResolvedSleeve
from stoptrail.config.load import public_table
from stoptrail.config.settings import Settings
from stoptrail.core.files import write_rows
from stoptrail.core.json import json_value
from stoptrail.core.text import number_of
from stoptrail.core.time import DAY_MS, iso
from stoptrail.feeds.market import MarketData, same_candles
from stoptrail.rules.book import BOOK_IGNORED
from stoptrail.rules.candles import Floats
from stoptrail.rules.jit import compiled
from stoptrail.rules.measure import tally_of

SLEEVE_COLUMNS = ("sleeve", "symbol")
"""Of trades.csv, beside a run's: the sleeve's number, from 1, and its market."""
EXPOSURE_COLUMNS = ("day", "open_risk", "notional")
"""Of exposure.csv: the most at the closes since the row before, as fractions of the equity."""


# Tables


def write_book_tables(
    folder: Path, outcome: BookOutcome, sleeves: Sequence[ResolvedSleeve]
) -> None:
    """trades.csv, fills.csv, stops.csv and equity.csv of the whole, exposure.csv, and the profit
    of each sleeve by day (sleeves.csv)."""
    own = [_outcome(outcome, place) for place in range(len(sleeves))]
    numbers = [np.flatnonzero(outcome.owner == place) + 1 for place in range(len(sleeves))]
    extra = _extra(outcome, own)
    columns = (*TRADE_COLUMNS, *extra, *SLEEVE_COLUMNS)
    write_rows(
        folder / "trades.csv", columns, _renumbered(numbers, _trades(outcome, own, sleeves, extra))
    )
    fills = [fill_rows(each) for each in own]
    write_rows(folder / "fills.csv", FILL_COLUMNS, _renumbered(numbers, fills))
    stops = [
        stop_rows(each, sleeve.inputs.candles)
        for each, sleeve in zip(own, outcome.sleeves, strict=True)
    ]
    rows = _renumbered(numbers, stops)
    if any(len(record.stops.trade) for record in outcome.records):
        write_rows(folder / "stops.csv", STOP_COLUMNS, rows)
    equity = equity_rows(outcome.whole, outcome.inputs)
    write_rows(folder / "equity.csv", EQUITY_COLUMNS, equity)
    write_rows(folder / "exposure.csv", EXPOSURE_COLUMNS, _exposure_rows(outcome))
    days = [iso(int(time)) for time in outcome.inputs.marks.time]
    profits = zip(days, *outcome.profits.tolist(), strict=True)
    names = ("day", *(str(number) for number in range(1, len(sleeves) + 1)))
    write_rows(folder / "sleeves.csv", names, map(list, profits))


def _outcome(outcome: BookOutcome, place: int) -> Outcome:
    """One sleeve as a run, for its rows."""
    plan, record = outcome.sleeves[place].plan, outcome.records[place]
    return outcome.whole._replace(plan=plan, record=record)


def _extra(outcome: BookOutcome, own: Sequence[Outcome]) -> tuple[str, ...]:
    """The columns that some sleeve needs, in the order of a run's."""
    found = [
        extra_columns(each, sleeve.inputs)
        for each, sleeve in zip(own, outcome.sleeves, strict=True)
    ]
    return max(found, key=len)


def _trades(
    outcome: BookOutcome,
    own: Sequence[Outcome],
    sleeves: Sequence[ResolvedSleeve],
    extra: tuple[str, ...],
) -> list[Iterator[list[Any]]]:
    def rows(place: int) -> Iterator[list[Any]]:
        log, candles = own[place].record.trades, outcome.sleeves[place].inputs.candles
        for k, row in enumerate(trade_rows(own[place], candles)):
            more = [float(getattr(log, name)[k]) for name in extra]
            yield [*row, *more, place + 1, sleeves[place].symbol]

    return [rows(place) for place in range(len(own))]


def _renumbered(
    numbers: Sequence[np.ndarray[Any, Any]], tables: Sequence[Iterable[list[Any]]]
) -> Iterator[list[Any]]:
    """The rows of all sleeves, whose first cell is the number of a trade, by the book's
    numbers."""
    rows = [
        [int(own[row[0] - 1]), *row[1:]]
        for own, table in zip(numbers, tables, strict=True)
        for row in table
    ]
    rows.sort(key=lambda row: row[0])
    yield from rows


def _exposure_rows(outcome: BookOutcome) -> Iterator[list[Any]]:
    marks = outcome.inputs.marks
    risk, notional = (
        day_peaks(values, outcome.closes, marks) for values in (outcome.risk, outcome.notional)
    )
    for row in zip(marks.time, risk, notional, strict=True):
        yield [iso(int(row[0])), float(row[1]), float(row[2])]


# summary.json


def summarise_book(
    settings: Settings,
    sleeves: Sequence[ResolvedSleeve],
    markets: Mapping[str, MarketData],
    outcome: BookOutcome,
) -> dict[str, Any]:
    """What a book writes, without `seconds`; see docs/books.md."""
    metrics = metrics_table(outcome.whole)
    return {
        "command": "backtest",
        "data": _data(markets, outcome),
        "params": public_table(settings),
        "metrics": metrics,
        "book": {
            "account": settings.book.account,
            "max_open_risk": settings.book.max_open_risk,
            "max_notional": settings.book.max_notional,
            "metrics": metrics,
            "sleeves": sleeve_tables(sleeves, outcome),
            **together(outcome),
        },
        "baseline": {},
        "no_trade": None if metrics["trades"] or _open(outcome) else "no trade in any sleeve",
        "warnings": [
            *same_candles({name: market.candles for name, market in markets.items()}),
            *_partly_there(markets),
            *_idle(outcome, sleeves),
            *_warnings(outcome, sleeves),
        ],
        "sides": by_side(outcome.whole, outcome.inputs),
        "years": by_year(outcome.whole, outcome.inputs),
        "buy_and_hold": _held(outcome),
        "provenance": {
            **provenance("", settings.sweep.seed),
            "candles_sha256": {name: market.sha256 for name, market in markets.items()},
        },
    }


def _partly_there(markets: Mapping[str, MarketData]) -> list[str]:
    """A line for each market without candles in more than a day at an end of the book's span."""
    first = min(market.start_time for market in markets.values())
    last = max(market.end_time for market in markets.values())
    return [
        f"{name} has candles from {iso(market.start_time)} to {iso(market.end_time)}, the book is "
        f"from {iso(first)} to {iso(last)}: in the rest its share of the account stands idle"
        for name, market in markets.items()
        if market.start_time - first > DAY_MS or last - market.end_time > DAY_MS
    ]


def _open(outcome: BookOutcome) -> int:
    return len(outcome.whole.record.trades.entry)


def _data(markets: Mapping[str, MarketData], outcome: BookOutcome) -> dict[str, Any]:
    """As of one market: names joined, candles added up; `markets` has each."""
    each = [market.summary() for market in markets.values()]
    marks = outcome.inputs.marks.time
    return {
        "source": ", ".join(dict.fromkeys(table["source"] for table in each)),
        "symbol": " + ".join(markets),
        "timeframe": each[0]["timeframe"],
        "start": iso(int(marks[0])),
        "end": iso(int(marks[-1])),
        "candles": sum(table["candles"] for table in each),
        "missing": sum(table["missing"] for table in each),
        "synthetic": any(table["synthetic"] for table in each),
        "notes": [note for table in each for note in table["notes"]],
        "markets": each,
    }


def sleeve_tables(sleeves: Sequence[ResolvedSleeve], outcome: BookOutcome) -> list[dict[str, Any]]:
    """Each sleeve: what it is, its closed trades, and what it added to the whole."""
    cash = outcome.terms.cash
    total = float(outcome.whole.equity[-1] - outcome.whole.equity[0])
    parts = _risk_parts(outcome.profits)
    found = []
    for place, sleeve in enumerate(sleeves):
        record, own = outcome.records[place], outcome.profits[place]
        counts = dict(zip(BOOK_IGNORED, record.ignored.tolist(), strict=False))
        profit = float(own[-1])
        marks = cash * sleeve.share + own
        table = {
            "number": place + 1,
            "symbol": sleeve.symbol,
            "share": sleeve.share,
            "from": sleeve.origin or None,
            "settings": {**sleeve.taken, **sleeve.table},
            "profit": profit,
            "contribution": profit / total if total else None,
            "risk_contribution": parts[place],
            "sharpe": mark_table(marks)["sharpe"],
            "max_drawdown": outcome.drawdowns[place],
            **trade_table(compiled(tally_of)(record.trades)),
            "ignored_signals": counts,
        }
        found.append(json_value(table))
    return found


def _risk_parts(profits: Floats) -> list[float | None]:
    """Of the variance of the book's daily profit, the part of each sleeve: its covariance with
    the whole. They add up to 1."""
    daily = np.diff(profits, axis=1)
    whole = daily.sum(axis=0)
    if daily.shape[1] < 2 or not whole.var() > 0.0:
        return [None] * len(profits)
    centred = daily - daily.mean(axis=1, keepdims=True)
    shares = centred @ (whole - whole.mean()) / (whole.var() * daily.shape[1])
    return [float(share) for share in shares]


def together(outcome: BookOutcome) -> dict[str, Any]:
    """How the sleeves go together: correlation of their daily profits, risk and notional in
    use at the closes as fractions of the equity."""
    daily = np.diff(outcome.profits, axis=1)
    moves = daily.std(axis=1) > 0.0
    matrix = np.full((len(daily), len(daily)), np.nan)
    if moves.any() and daily.shape[1] > 1:
        found = np.atleast_2d(np.corrcoef(daily[moves]))
        matrix[np.ix_(moves, moves)] = found
    pairs = matrix[np.triu_indices(len(daily), 1)]
    known = pairs[np.isfinite(pairs)]
    table: dict[str, Any] = json_value(
        {
            "correlation": [[round(float(x), 4) for x in row] for row in matrix],
            "mean_correlation": known.mean() if len(known) else None,
            "open_risk": {"mean": outcome.risk.mean(), "max": outcome.risk.max()},
            "notional": {"mean": outcome.notional.mean(), "max": outcome.notional.max()},
        }
    )
    return table


def _held(outcome: BookOutcome) -> dict[str, Any]:
    """Every market bought and held, with the cash of its sleeves' shares; and with as much of
    the account as gives the book's own volatility."""
    hold = hold_markets(outcome)
    return {
        **held_table(hold, outcome.inputs),
        "scaled": at_same_volatility(hold, outcome.whole, outcome.inputs),
    }


def _warnings(outcome: BookOutcome, sleeves: Sequence[ResolvedSleeve]) -> list[str]:
    """What the markets cannot do, and by which prices each liquidates; a line for each market."""
    shorts: dict[str, int] = {}
    swaps = {
        sleeve.symbol: plan.inputs.funding.marks
        for sleeve, plan in zip(sleeves, outcome.sleeves, strict=True)
        if plan.plan.run_rules.trade_rules.margin.rate > 0.0  # a swap's alone is
    }
    for sleeve, plan, record in zip(sleeves, outcome.sleeves, outcome.records, strict=True):
        if not plan.lends:
            count = int((record.trades.side < 0).sum())
            shorts[sleeve.symbol] = shorts.get(sleeve.symbol, 0) + count
    return [
        f"{symbol}: {number_of(count, 'trade is a short', 'trades are shorts')}, which a spot "
        'market cannot do: set strategy.sides = "long", or market.type to "margin" or "swap"'
        for symbol, count in shorts.items()
        if count
    ] + [f"{symbol}: liquidations go {by_prices(marks)}" for symbol, marks in swaps.items()]


def _idle(outcome: BookOutcome, sleeves: Sequence[ResolvedSleeve]) -> list[str]:
    """For how much of the span the settings bring no signal on a market."""
    lines = [
        f"{sleeve.symbol}: {words}"
        for sleeve, plan in zip(sleeves, outcome.sleeves, strict=True)
        if (words := idle_words(plan.plan, plan.inputs))
    ]
    return list(dict.fromkeys(lines))
