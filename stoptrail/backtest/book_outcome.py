"""The figures of a book: of the whole account, and what each sleeve added to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.backtest.book import BookTerms, SleevePlan
from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.outcome import Outcome, judge, mark_of_closes
from stoptrail.backtest.plan import Record
from stoptrail.rules.book import BOOK_IGNORED
from stoptrail.rules.book_curve import Curve, curve_of
from stoptrail.rules.candles import Candles, Floats, Times, last_closed
from stoptrail.rules.costs import fill_price
from stoptrail.rules.jit import compiled
from stoptrail.rules.measure import AccountCurve, fallen, tally_of
from stoptrail.rules.metrics import Metrics, return_sums, summarise
from stoptrail.rules.sizing import affordable_units
from stoptrail.rules.types import (
    OPEN,
    DayMarks,
    FillLog,
    StopLog,
    TradeLog,
    day_marks,
    fill_log,
    stop_log,
    trade_log,
)


class BookOutcome(NamedTuple):
    """A book with its equity and figures."""

    sleeves: list[SleevePlan]
    terms: BookTerms
    records: list[Record]
    """Of each sleeve, on the candles of its market."""
    whole: Outcome
    """Of the account: every trade in the order of entries, its candles counted in steps."""
    inputs: Inputs
    """The steps as candles without prices, and the day marks."""
    owner: Times
    """Of each trade of `whole`, the place of its sleeve."""
    profits: Floats
    """Of each sleeve at each day mark, shape (sleeves, days + 1)."""
    risk: Floats
    """Open risk at each close of the span, as a fraction of the equity."""
    notional: Floats
    """Worth of all positions there, likewise."""
    closes: Times
    """When those are, ms."""
    drawdowns: list[float]
    """Maximum drawdown of each sleeve, its share of the cash an account of its own."""


class _Span(NamedTuple):
    """The moments at which a book is marked."""

    inputs: Inputs
    closes: Times
    mark: Times
    """The first day mark at or after each close."""


def judge_book(
    sleeves: Sequence[SleevePlan], terms: BookTerms, records: Sequence[Record]
) -> BookOutcome:
    """The figures of what the sleeves did."""
    span = _span(sleeves)
    marks = span.inputs.marks.time
    profits = np.array([_curve(*each, marks).profit for each in zip(sleeves, records, strict=True)])
    at_closes, drawdowns = _together(sleeves, records, span, profits, terms.cash)
    equity = terms.cash + profits.sum(axis=0)
    values = terms.cash + at_closes.profit
    record, owner = merged(sleeves, records, span.inputs.candles.time)
    held = at_closes.held > 0.0
    falls = compiled(fallen)(AccountCurve(equity, values, span.mark))
    interval = span.inputs.candles.interval
    figures = compiled(summarise)(
        equity[0],
        equity[-1],
        compiled(return_sums)(equity),
        float(falls.max()),
        compiled(tally_of)(record.trades),
        float(held.sum() * interval),
        float(marks[-1] - marks[0]),
    )
    first = sleeves[0].plan
    plan = first._replace(run_rules=first.run_rules._replace(cash=terms.cash))
    whole = Outcome(plan, record, equity, falls, Metrics(*figures))
    if len(sleeves) == 1 and terms.shared:  # the run without a book, to the last bit
        alone = judge(plan, records[0], sleeves[0].inputs)
        whole = whole._replace(equity=alone.equity, falls=alone.falls, metrics=alone.metrics)
    risk, notional = (
        np.divide(part, values, out=np.zeros_like(part), where=values > 0.0)
        for part in (at_closes.risk, at_closes.notional)
    )
    return BookOutcome(
        sleeves=list(sleeves),
        terms=terms,
        records=list(records),
        whole=whole,
        inputs=span.inputs,
        owner=owner,
        profits=profits,
        risk=risk,
        notional=notional,
        closes=span.closes,
        drawdowns=drawdowns,
    )


def steps_of(sleeves: Sequence[SleevePlan]) -> tuple[Times, int]:
    """Open times of all candles of all markets, and the step at which the first span begins."""
    times = {id(sleeve.inputs.candles): sleeve.inputs.candles.time for sleeve in sleeves}
    opens = np.unique(np.concatenate(list(times.values())))
    begins = min(int(sleeve.inputs.candles.time[sleeve.inputs.start]) for sleeve in sleeves)
    return opens, int(np.searchsorted(opens, begins))


def _span(sleeves: Sequence[SleevePlan]) -> _Span:
    opens, start = steps_of(sleeves)
    first, none = sleeves[0].inputs, np.full(len(opens), np.nan)
    candles = Candles(opens, none, none, none, none, none, first.candles.interval)
    marks = day_marks(candles, start)
    closes = opens[start:] + candles.interval
    inputs = Inputs(candles, start, marks, first.market, rows=first.rows, funding=first.funding)
    return _Span(inputs, closes, mark_of_closes(inputs))


def _curve(sleeve: SleevePlan, record: Record, time: Times) -> Curve:
    inputs, plan = sleeve.inputs, sleeve.plan
    given = record.trades, record.fills, record.stops, inputs.candles
    last = last_closed(inputs.candles, time)
    owed = record.backing if len(record.backing) else np.full(len(record.trades.entry), np.inf)
    return Curve(*compiled(curve_of)(*given, last, time, plan.run_rules, inputs.funding, owed))


def _together(
    sleeves: Sequence[SleevePlan],
    records: Sequence[Record],
    span: _Span,
    profits: Floats,
    cash: float,
) -> tuple[Curve, list[float]]:
    """The sum of all sleeves at the closes of the span, and the maximum drawdown of each; added
    up one by one: at the closes of years each takes megabytes."""
    total = Curve(*(np.zeros(len(span.closes)) for _ in Curve._fields))
    drawdowns = []
    for sleeve, record, profit in zip(sleeves, records, profits, strict=True):
        own, first = _curve(sleeve, record, span.closes), sleeve.share * cash
        for column, part in zip(total, own, strict=True):
            column += part
        curve = AccountCurve(first + profit, first + own.profit, span.mark)
        drawdowns.append(float(compiled(fallen)(curve).max()))
    return total, drawdowns


# Logs of all sleeves as one


def merged(
    sleeves: Sequence[SleevePlan], records: Sequence[Record], opens: Times
) -> tuple[Record, Times]:
    """The records as one, trades in the order of their entries and of the sleeves, candles
    counted in steps that open at `opens`; and the place of each trade's sleeve."""
    places = [_steps(sleeve.inputs.candles, opens) for sleeve in sleeves]
    counts = [len(record.trades.entry) for record in records]
    owner = np.repeat(np.arange(len(records)), counts)
    trades = _joined(
        TradeLog,
        [record.trades for record in records],
        [(("signal", "entry", "exit"), step) for step in places],
    )
    order = np.lexsort((owner, trades.entry_time))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    offsets = np.concatenate(([0], np.cumsum(counts)[:-1])).astype(np.int64)
    logs: list[Any] = []
    for kind, name in ((StopLog, "stops"), (FillLog, "fills")):
        columns = [getattr(record, name) for record in records]
        log = _joined(kind, columns, [(("candle",), step) for step in places])
        owned = np.repeat(offsets, [len(column.trade) for column in columns])
        number = rank[log.trade + owned] if len(log.trade) else log.trade
        rows = np.argsort(number, kind="stable")
        logs.append(kind._make(column[rows] for column in log._replace(trade=number)))
    sorted_trades = TradeLog._make(column[order] for column in trades)
    ignored = sum(_padded(record.ignored) for record in records)
    return Record(sorted_trades, logs[0], np.asarray(ignored), logs[1]), owner[order]


def _padded(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    found = np.zeros(len(BOOK_IGNORED), np.int64)
    found[: len(counts)] = counts
    return found


def _steps(candles: Candles, opens: Times) -> Times:
    """The step of each candle, and behind them what stands for none and for OPEN."""
    steps = np.searchsorted(opens, candles.time)
    return np.concatenate((steps, [len(opens), OPEN])).astype(np.int64)


def _joined(kind: Any, logs: Sequence[Any], steps: Sequence[tuple[tuple[str, ...], Times]]) -> Any:
    """Logs behind each other, the named columns taken from candles to steps."""
    parts = []
    for log, (names, step) in zip(logs, steps, strict=True):
        parts.append(log._replace(**{name: step[getattr(log, name)] for name in names}))
    return kind._make(np.concatenate(columns) for columns in zip(*parts, strict=True))


# Beside the book


def hold_markets(outcome: BookOutcome) -> AccountCurve:
    """A buy of every market, each with the cash of its sleeves' shares, at the first open of its
    span, still held."""
    span = _span(outcome.sleeves)
    total = sum(sleeve.share for sleeve in outcome.sleeves)
    shares: dict[int, float] = {}
    for sleeve in outcome.sleeves:
        key = id(sleeve.inputs.candles)
        shares[key] = shares.get(key, 0.0) + sleeve.share / total
    equity = np.full(len(span.inputs.marks.time), outcome.terms.cash)
    values = np.full(len(span.closes), outcome.terms.cash)
    for key, share in shares.items():
        sleeve = next(each for each in outcome.sleeves if id(each.inputs.candles) == key)
        held = _held(sleeve, share * outcome.terms.cash)
        equity = equity + _curve(sleeve, held, span.inputs.marks.time).profit
        values = values + _curve(sleeve, held, span.closes).profit
    return AccountCurve(equity, values, span.mark)


def _held(sleeve: SleevePlan, cash: float) -> Record:
    """One buy of the sleeve's market with all of `cash`."""
    inputs, rules = sleeve.inputs, sleeve.plan.run_rules.trade_rules
    candles, first = inputs.candles, inputs.start
    fill = fill_price(1, candles.open[first], rules.costs, rules.market)
    units = affordable_units(cash, fill, 1.0, rules.costs)
    entry = {"entry": first, "entry_time": candles.time[first], "exit": OPEN, "side": 1}
    entry |= {"units": units, "fill": fill}
    empty = TradeLog._make(np.zeros_like(column) for column in trade_log(1))
    trade = empty._replace(
        **{name: np.full_like(getattr(empty, name), value) for name, value in entry.items()}
    )
    return Record(trade, stop_log(0), np.zeros(0, np.int64), fill_log(0))


def day_peaks(values: Floats, closes: Times, marks: DayMarks) -> Floats:
    """The highest of `values` at the `closes` up to each day mark since the one before."""
    day = np.searchsorted(marks.time, closes, side="left")
    found = np.zeros(len(marks.time))
    np.maximum.at(found, day, values)
    return found
