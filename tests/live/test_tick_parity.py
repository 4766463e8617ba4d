"""A session in tick mode, told the prices of finer candles, equals a backtest whose stops move by
them (C14, C21): trades, and every level with what stops.csv says of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from stoptrail.backtest.engine import run_backtrader
from stoptrail.backtest.plan import Plan, Record
from stoptrail.backtest.tables import STOP_COLUMNS, stop_rows
from stoptrail.core.time import iso
from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.database import open_existing
from stoptrail.live.ledger.records import all_sessions
from stoptrail.live.ledger.schema import LedgerSchema, version_of
from stoptrail.live.market.events import Event, Published, Tick
from stoptrail.live.watch.differences import compare
from stoptrail.live.watch.replay import recording_of, replay
from stoptrail.rules.candles import Candles
from stoptrail.rules.detail import Detail, piece_at
from stoptrail.rules.funding import FundingRow, funding_of, funding_rows
from stoptrail.rules.paths import TICKS
from stoptrail.rules.stops import REASONS
from stoptrail.rules.types import OPEN
from tests.live.books import Books, backtest_of, books_of, told_trades
from tests.live.funding_rows import SWAP, told_between
from tests.live.playback import PlaybackStore, play, rows_of
from tests.live.small_market import HOUR, WARM_UP, settings, small_market

PIECES = 6
FORMER = 10
"""Version of the ledger before it knew which levels lay beyond their price, and up to when rows of
funding are a fill's."""
BY_TICK = {"trail": "percent", "trail_percent": 0.003}
"""The tick after the entry may find this trail above its price."""
BY_CLOSE = {"trailing_atr_multiplier": 0.5, "atr_period": 2, "atr_timeframe": "1h"}
"""The close after a wild candle may find this one above its price."""
TIME, PASSED = STOP_COLUMNS.index("time"), STOP_COLUMNS.index("passed")


class Told(NamedTuple):
    """What stops.csv is made of."""

    plan: Plan
    record: Record


def market(begin: int = 60_000, count: int = 900, seed: int = 8) -> tuple[Candles, Detail]:
    """Candles and the pieces that make them up, of which the first comes `begin` ms after the
    open: some wild, most calm, none missing."""
    rough = small_market(count, seed)
    count, random = len(rough.time), np.random.default_rng(seed)
    shares = np.sort(random.random((count, PIECES + 1)), axis=1)
    shares[:, 0], shares[:, -1] = 0.0, 1.0
    line = rough.open[:, None] + shares * (rough.close - rough.open)[:, None]
    width = np.where(random.random(count) < 0.15, 5.0, 0.5) * (rough.high - rough.low)
    above, below = width[:, None] * random.exponential(0.3, (2, count, PIECES))
    opens, closes = line[:, :-1], line[:, 1:]
    high, low = np.maximum(opens, closes) + above, np.minimum(opens, closes) - below
    opens, high, low, closes = (np.round(prices, 2) for prices in (opens, high, low, closes))
    times = rough.time[0] + HOUR * np.arange(count, dtype=np.int64)
    ends = opens[:, 0].copy(), high.max(axis=1), low.min(axis=1), closes[:, -1].copy()
    moments = times[:, None] + begin + 300_000 * np.arange(PIECES, dtype=np.int64)
    pieces = (column.ravel() for column in (moments, opens, high, low, closes))
    edges = PIECES * np.arange(count + 1, dtype=np.int64)
    return Candles(times, *ends, np.ones(count), HOUR), Detail(*pieces, edges[:-1], edges[1:])


CANDLES, DETAIL = market()


def ticks_of(row: Row, apart: int = 0, detail: Detail = DETAIL) -> list[Tick]:
    """The prices of the candle's pieces in the order in which a long sees them, `apart` ms."""
    at, nothing = (row[0] - int(CANDLES.time[0])) // HOUR, float("nan")
    pieces = [piece_at(detail, k) for k in range(int(detail.first[at]), int(detail.last[at]))]
    return [
        Tick(int(piece.time) + k * apart, float(price), nothing, nothing)
        for piece in pieces
        for k, price in enumerate((piece.open, piece.low, piece.high, piece.close))
    ]


def by_ticks(url: str) -> tuple[Plan, Record]:
    """The backtest whose stops move by the pieces, under the session's settings."""
    plan = backtest_of(url)[1]
    plan = plan._replace(run_rules=plan.run_rules._replace(path=TICKS))
    return plan, run_backtrader(CANDLES, WARM_UP, plan, detail=DETAIL)


def stops_of(books: Books) -> list[list[Any]]:
    """The ledger's levels as rows of stops.csv."""
    return [
        [row["trade"], iso(row["time"]), row["new"], row["reason"], str(row["passed"]).lower()]
        for row in books["StopMoves"]
        if row["time"] <= CANDLES.time[-1]
    ]


def session(stop: dict[str, Any], url: str, apart: int = 0, **more: dict[str, Any]) -> Books:
    """The ledger of a session in tick mode, whose ticks are so many ms apart; `more`: other
    tables of its settings."""
    strategy = {"sides": "long", **more.pop("strategy", {})}
    chosen = settings(strategy=strategy, stop=stop, live={"ratchet": "tick"}, **more)
    play(
        chosen, PlaybackStore(rows_of(CANDLES), WARM_UP, HOUR, partial(ticks_of, apart=apart)), url
    )
    return books_of(url)


@pytest.mark.parametrize("stop", [BY_TICK, BY_CLOSE], ids=["tick", "close"])
def test_levels_of_a_session_by_ticks_are_those_of_stops_csv(
    stop: dict[str, Any], tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    books, (plan, record) = session(stop, url), by_ticks(url)
    assert [trade[3] for trade in told_trades(books)] == record.trades.fill.tolist()
    told: Any = Told(plan, record)
    expected = list(stop_rows(told, CANDLES))
    assert stops_of(books) == expected
    passed = [row[TIME] for row in expected if row[PASSED] == "true"]
    assert len(passed) >= 3
    assert {time.endswith(":00:00Z") for time in passed} == {stop is BY_CLOSE}
    with closing(open_existing(url)) as database:
        (recorded,) = all_sessions(database)
        with closing(replay(recording_of(database, recorded))) as again:
            assert compare(database, again, recorded.id).differences == []


PARTS = {"scale_out": [{"at": 0.6, "fraction": 0.4}, {"at": 1.2, "fraction": 0.3}], "target": 2.0}
OWN = {"strategy": {"exits": "tests.contract.own_exits:sar"}}
SIZED = {"risk": {"sizing": "tests.sweep.own_code:less", "volatility_days": 3}}
EXITS: dict[str, dict[str, Any]] = {
    "parts": {"exits": PARTS, "stop": {"trail": "none"}},
    "time": {"exits": {"time_hours": 5.0, "time_below": 0.5, "trail_from": 0.5}},
    "chandelier": {"exits": PARTS | {"time_hours": 9.0}, "stop": {"trail": "chandelier"}},
    "rule": {"exits": PARTS | {"time_hours": 30.0}, **OWN},
    "size": {"exits": {"target": 1.5}, **SIZED},
    "size and rule": {**OWN, **SIZED},
}
WANTED = {"parts": "target", "time": "time", "chandelier": "target", "rule": "rule"}


@pytest.mark.parametrize("kind", EXITS)
def test_exits_and_sizes_of_a_session_by_ticks_are_those_of_the_backtest(
    kind: str, tmp_path: Path
) -> None:
    url, more = f"sqlite:///{tmp_path}/ledger.db", dict(EXITS[kind])
    books = session(more.pop("stop", {}), url, **more)
    log, fills = (record := by_ticks(url)[1]).trades, record.fills
    # Of both: side, entry, units, price, reason, fees, result.
    told = [(row[1], row[3], row[4], *row[8:11], row[12]) for row in told_trades(books)]
    reasons = [REASONS[code] for code in log.reason]
    columns = (log.side, log.fill, log.units, log.price, reasons, log.fees, log.pnl)
    closed = log.exit != OPEN
    found = [row for row, over in zip(zip(*columns, strict=True), closed, strict=True) if over]
    assert [row for row in told if row[3] is not None] == found
    assert len(found) >= 10
    assert WANTED.get(kind, reasons[0]) in reasons
    left = [row for row in books["PaperFills"] if row["number"] > 0]
    assert [(row["time"], row["units"], row["price"]) for row in left] == list(
        zip(fills.time, fills.units, fills.price, strict=True)
    )


def told_with(row: Row, detail: Detail, told: list[FundingRow]) -> Iterator[Event]:
    """The ticks of the candle, and each of the rows that are `told` before the first of them that
    comes at its time or later."""
    coming = [each for each in told if row[0] < each.time <= row[0] + HOUR]
    for tick in ticks_of(row, detail=detail):
        while coming and coming[0].time <= tick.time:
            yield Published(coming.pop(0))
        yield tick
    yield from (Published(each) for each in coming if each.time < row[0] + HOUR)


def test_funding_of_a_session_by_ticks_is_that_of_the_backtest(tmp_path: Path) -> None:
    """Rows within candles: a tick has its moment, at the very open of a candle too (C19)."""
    url, (candles, detail) = f"sqlite:///{tmp_path}/ledger.db", market(0)
    first, last = int(candles.time[WARM_UP]), int(candles.time[-1])
    random = np.random.default_rng(4)
    told = [
        FundingRow(time, float(random.normal(0.0, 0.001)), 30_000.0, 0.0)
        for time in range(first, last, 17 * 60_000)
    ]
    chosen = settings(
        **SWAP,
        live={"ratchet": "tick"},
        strategy={"sides": "long"},
        stop={"breakeven_atr_trigger": 0.0},
        exits={"scale_out": [{"at": 0.3, "fraction": 0.5}]},
    )
    ticks: Any = partial(told_with, detail=detail, told=told)
    between: Any = told_between(rows_of(candles), [r for r in told if r.time % HOUR == 0])
    play(chosen, PlaybackStore(rows_of(candles), WARM_UP, HOUR, ticks, between), url)
    plan = backtest_of(url)[1]
    plan = plan._replace(run_rules=plan.run_rules._replace(path=TICKS))
    funding = funding_of(funding_rows(*zip(*told, strict=True)), candles, plan.tiers)
    fills = run_backtrader(candles, WARM_UP, plan, funding, detail=detail).fills
    found = [row for row in books_of(url)["PaperFills"] if row["number"] > 0]
    moments = fills.time.tolist()
    assert [row["time"] for row in found] == moments
    assert [row["units"] for row in found] == fills.units.tolist()
    assert [row["funding"] for row in found] == pytest.approx(fills.funding.tolist(), abs=1e-9)
    assert sum(time % HOUR == 0 for time in moments) >= 5


def test_a_time_stop_counts_from_the_open_of_the_candle_of_the_entry(tmp_path: Path) -> None:
    """As on candles: what the first tick lacks of them costs no candle."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    told = told_trades(session({}, url, exits={"time_hours": 5.0}))
    left = [(row[7] // HOUR - row[2] // HOUR, row[2] % HOUR) for row in told if row[9] == "time"]
    assert set(left) == {(5, 60_000)}
    assert len(left) >= 5


def test_a_ledger_of_a_former_schema_learns_what_today_s_knows(
    database_url: str,
) -> None:
    books = session(BY_TICK, database_url, apart=1)
    assert sum(row["passed"] for row in books["StopMoves"]) >= 3
    with closing(open_existing(database_url)) as database:
        execute: Any = database.execute_sql
        execute("ALTER TABLE stop_moves DROP COLUMN passed")
        execute("ALTER TABLE paper_fills DROP COLUMN paid_until")
        LedgerSchema.delete().where(LedgerSchema.version > FORMER).execute(database)
        assert version_of(database) == FORMER
    assert books_of(database_url) == books
