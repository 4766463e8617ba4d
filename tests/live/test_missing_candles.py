"""A session by ticks over candles that are missing: funding whose moment lies among them (C19)
counts from the first tick behind them on, as in a backtest by the same prices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stoptrail.backtest.engine import run_backtrader
from stoptrail.backtest.tables import stop_rows
from stoptrail.live.ledger.database import open_existing
from stoptrail.live.ledger.records import all_sessions, booked_funding
from stoptrail.live.market.events import Event, Published
from stoptrail.rules.candles import Candles
from stoptrail.rules.funding import FundingRow, funding_of, funding_rows
from stoptrail.rules.paths import TICKS
from tests.live.books import Books, backtest_of, books_of
from tests.live.funding_rows import SWAP
from tests.live.playback import PlaybackStore, TicksOf, play, rows_of
from tests.live.small_market import HOUR, WARM_UP, settings
from tests.live.test_funding import nothing_differs
from tests.live.test_tick_parity import Told, market, stops_of, told_with

WHOLE, PIECES = market(0)
HERE = np.random.default_rng(6).random(len(WHOLE.time)) > 0.25
HERE[:WARM_UP] = True
CANDLES = Candles(*(column[HERE] for column in WHOLE[:6]), WHOLE.interval)
DETAIL = PIECES._replace(first=PIECES.first[HERE], last=PIECES.last[HERE])
OPENS = frozenset(CANDLES.time.tolist())
STOP = {"trail": "none", "trailing_atr_multiplier": 6.0}
_random = np.random.default_rng(4)
ROWS = [
    FundingRow(time, float(_random.normal(2e-5, 2e-5)), 30_000.0, 0.0)
    for time in range(int(CANDLES.time[WARM_UP]), int(CANDLES.time[-1]), 17 * 60_000)
]


def within(time: int) -> bool:
    """Whether the ticks of a candle tell the row: not one at an open or among missing candles."""
    return time % HOUR > 0 and time - time % HOUR in OPENS


def between() -> dict[int, list[Event]]:
    """The other rows, before the first candle behind them."""
    found: dict[int, list[Event]] = {}
    for row in ROWS:
        if not within(row.time):
            at = int(np.searchsorted(CANDLES.time, row.time))
            found.setdefault(int(CANDLES.time[at]), []).append(Published(row))
    return found


ticks: TicksOf = partial(told_with, detail=PIECES, told=[row for row in ROWS if within(row.time)])  # type: ignore[assignment]


def session(url: str, ticks: TicksOf = ticks, live: int = WARM_UP) -> Books:
    """Of longs whose stop moves to breakeven soon, and then with what they pay."""
    chosen = settings(
        **SWAP,
        live={"ratchet": "tick"},
        strategy={"sides": "long"},
        stop={**STOP, "breakeven_atr_trigger": 0.25},
    )
    play(chosen, PlaybackStore(rows_of(CANDLES), live, HOUR, ticks, between()), url)
    return books_of(url)


def test_a_breakeven_pays_for_what_came_among_missing_candles_from_the_first_tick_on(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    books, plan = session(url), backtest_of(url)[1]
    plan = plan._replace(run_rules=plan.run_rules._replace(path=TICKS))
    funding = funding_of(funding_rows(*zip(*ROWS, strict=True)), CANDLES, plan.tiers)
    told: Any = Told(plan, run_backtrader(CANDLES, WARM_UP, plan, funding, detail=DETAIL))
    # A ledger says when a level was set, stops.csv in which candle it holds first.
    for row in books["StopMoves"]:
        if row["time"] % HOUR == 0:
            row["time"] = min((t for t in OPENS if t >= row["time"]), default=row["time"])
    assert stops_of(books) == list(stop_rows(told, CANDLES))
    assert len(moved_behind(books)) >= 5
    nothing_differs(url)


def funding_in(url: str) -> list[FundingRow]:
    """The rows that a ledger has booked."""
    with closing(open_existing(url)) as database:
        return booked_funding(database, all_sessions(database)[0].id)


def moved_behind(books: Books) -> set[int]:
    """First ticks behind missing candles at which a stop went to breakeven."""
    behind = {opens + HOUR for opens in WHOLE.time[~HERE].tolist()} & OPENS
    return behind & {row["time"] for row in books["StopMoves"] if row["reason"] == "breakeven"}


class Killed(BaseException):
    """Stands for the end of a process."""


def test_a_row_that_a_tick_has_booked_is_booked_once_over_a_restart_in_its_candle(
    tmp_path: Path,
) -> None:
    whole, broken = (f"sqlite:///{tmp_path}/{name}.db" for name in ("whole", "broken"))
    expected = session(whole)
    first = max(moved_behind(expected))
    at = int(np.searchsorted(CANDLES.time, first))

    def until_it_is_booked(row: Any) -> Iterator[Any]:
        for number, event in enumerate(ticks(row)):
            yield event
            if row[0] == first and number == 0:
                raise Killed

    with pytest.raises(Killed):
        session(broken, until_it_is_booked)  # type: ignore[arg-type]
    assert funding_in(broken)[-1].time >= int(CANDLES.time[at - 1]) + 2 * HOUR
    books = session(broken, live=at)
    assert funding_in(broken) == funding_in(whole)
    for table in ("PaperTrades", "StopMoves", "PaperFills"):
        assert books[table] == expected[table], table
    nothing_differs(broken)
