"""Published funding in a session (C19): booked on what was held at its time, whenever it comes."""

from __future__ import annotations

import signal
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stoptrail.cli.sessions import table
from stoptrail.core.time import iso_time
from stoptrail.exchange.rows import Row
from stoptrail.live.engine import NEVER
from stoptrail.live.ledger.check import problems
from stoptrail.live.ledger.database import Ledger, open_existing, open_ledger
from stoptrail.live.ledger.records import all_sessions, booked_funding
from stoptrail.live.ledger.spoken import Events
from stoptrail.live.ledger.tables import PaperTrades, StoredFunding
from stoptrail.live.market.events import ConnectionBack, ConnectionLost
from stoptrail.live.market.funding_poller import Forecast
from stoptrail.live.market.store import CCXTStore
from stoptrail.live.session import Options, Session
from stoptrail.live.watch.differences import compare
from stoptrail.live.watch.messages import Message
from stoptrail.live.watch.replay import recording_of, replay
from stoptrail.live.watch.view import state_line
from stoptrail.rules.funding import FundingRow
from stoptrail.rules.margin import Mark
from tests.live.books import Books, backtest_of, books_of, looked_at, told_trades, trades_of
from tests.live.funding_exchanges import BybitMarket, served
from tests.live.funding_rows import SWAP, published, told_between
from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows, some_ticks, ticks_of
from tests.live.victim import Fate, in_process, run_victim

PROTECTED = {"protections": {"daily_loss": 0.01, "drawdown": 0.04, "losses": 2, "candles": 9}}
SCALED: Any = {"exits": {"scale_out": [{"at": 0.5, "fraction": 0.5}]}}


def run(url: str, rows: list[Row], told: list[FundingRow], late: int = 0, **changes: Any) -> Books:
    """A session that hears each row when it is published, or `late` candles after that."""
    between = told_between(rows, told, late)
    ticks = ticks_of if changes.get("live", {}).get("ratchet") == "tick" else None
    store = PlaybackStore(rows, WARM_UP, HOUR, ticks, between)
    play(settings(**SWAP, **changes), store, url)
    return books_of(url)


def nothing_differs(url: str) -> None:
    """The ledger, replayed."""
    database = open_existing(url)
    try:
        (session,) = all_sessions(database)
        with closing(replay(recording_of(database, session))) as repeated:
            assert compare(database, repeated, session.id).differences == []
            assert booked_funding(database, session.id) == booked_funding(repeated, session.id)
    finally:
        database.close()


@pytest.mark.parametrize(
    ("step", "hours", "priced", "changes"),
    [
        (8, 0.0, False, {}),
        (1, 0.0, True, PROTECTED),
        (1, 1.0, False, SCALED),
        (4, 4.0, True, PROTECTED),
    ],
)
def test_a_session_equals_a_backtest_with_the_same_rows(
    step: int, hours: float, priced: bool, changes: Any, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    rows = small_rows(800, 8)
    told = published(rows, step, hours, priced)
    books = run(url, rows, told, **changes)
    candles, _, record = backtest_of(url, told)
    expected = trades_of(candles, record)
    assert len(expected) > 10
    assert told_trades(books) == expected
    funding = [trade["funding"] for trade in books["PaperTrades"]]
    closed = record.trades.exit >= 0
    assert funding[: sum(closed)] == record.trades.funding[closed].tolist()
    assert min(funding) < 0.0 < max(funding)
    levels = [(row["trade"] - 1, row["new"]) for row in books["StopMoves"]]
    assert levels == list(zip(record.stops.trade, record.stops.level, strict=True))
    refused = [row for row in books["Decisions"] if row["outcome"] not in ("filled", "ordered")]
    assert len(refused) == record.ignored.sum()
    nothing_differs(url)


def test_the_interval_of_funding_may_change_while_a_position_is_held(tmp_path: Path) -> None:
    """From 8 to 4 to 1 hours, each time within a trade: times mean what they say, no grid is
    assumed (C19)."""
    rows = small_rows(800, 8)
    trades = run(f"sqlite:///{tmp_path}/free.db", rows, [])["PaperTrades"]
    held = sorted(trades[1:-1], key=lambda trade: trade["exit_time"] - trade["entry_time"])[-2:]
    changes = sorted((trade["entry_time"] + trade["exit_time"]) // 2 for trade in held)
    told = [
        row
        for row in published(rows, 1)
        if row.time % ((8, 4, 1)[int(np.searchsorted(changes, row.time))] * HOUR) == 0
    ]
    url = f"sqlite:///{tmp_path}/ledger.db"
    books = run(url, rows, told)
    candles, _, record = backtest_of(url, told)
    assert told_trades(books) == trades_of(candles, record)
    closed = record.trades.exit >= 0
    funding = [trade["funding"] for trade in books["PaperTrades"]][: sum(closed)]
    assert funding == record.trades.funding[closed].tolist()
    assert len({row.time % (8 * HOUR) for row in told}) == 8
    nothing_differs(url)


@pytest.mark.parametrize(
    ("ratchet", "hours", "restarted"),
    [("candle", 30, False), ("tick", 30, False), ("candle", 150, False), ("tick", 150, True)],
)
def test_a_row_that_comes_late_is_booked_on_what_was_held_at_its_time(
    ratchet: str, hours: int, restarted: bool, tmp_path: Path
) -> None:
    """When the trade may be over, days ago, and others under way: the same rows are paid by the
    same trades, and the money is the same."""
    rows = small_rows(700, 8)
    told = [row._replace(rate=row.rate / 100.0) for row in published(rows, 8)]
    changes: Any = {"live": {"ratchet": ratchet}, "stop": {"breakeven_atr_trigger": 0.0}, **SCALED}
    on_time = run(f"sqlite:///{tmp_path}/on_time.db", rows, told, **changes)
    url = f"sqlite:///{tmp_path}/late.db"
    if restarted:
        run(url, rows[:500], told, late=hours, **changes)
    late = run(url, rows, told, late=hours, **changes)
    nothing_differs(url)
    trades = late["PaperTrades"]
    assert len(trades) > 10
    heard = sum((trade["exit_time"] or NEVER) < rows[-hours][0] for trade in trades)
    paid = [trade["funding"] for trade in on_time["PaperTrades"]][:heard]
    assert sum(funding != 0.0 for funding in paid) > 3
    assert [trade["funding"] for trade in trades][:heard] == pytest.approx(paid, rel=1e-3)
    for trade in trades[:heard]:
        parts = [f["funding"] for f in late["PaperFills"] if f["trade"] == trade["number"]]
        assert trade["funding"] == pytest.approx(sum(parts))
    cash = 100_000.0 + sum(trade["pnl"] or 0.0 for trade in trades)
    assert late["Sessions"][0]["balance"] == pytest.approx(cash)


def test_a_row_that_is_not_yet_there_when_its_trade_ends_is_added_to_it(tmp_path: Path) -> None:
    """One row, at the close before a trade's exit, told with and after the next close."""
    rows = small_rows(500, 8)
    first = run(f"sqlite:///{tmp_path}/free.db", rows, [])["PaperTrades"][0]
    assert first["exit_time"] > first["entry_time"]
    row = FundingRow(first["exit_time"], 0.001, 30_000.0, 0.0)
    for late in (0, 1, 5):
        url = f"sqlite:///{tmp_path}/late{late}.db"
        trade = run(url, rows, [row], late)["PaperTrades"][0]
        paid = first["side"] * first["units"] * 30_000.0 * 0.001
        assert trade["funding"] == pytest.approx(-paid)
        assert trade["pnl"] == pytest.approx(first["pnl"] - paid)
        nothing_differs(url)


def test_a_row_of_the_entry_itself_is_free(tmp_path: Path) -> None:
    rows = small_rows(500, 8)
    first = run(f"sqlite:///{tmp_path}/free.db", rows, [])["PaperTrades"][0]
    row = FundingRow(first["entry_time"], 0.001, 30_000.0, 0.0)
    for late in (0, 5):
        trade = run(f"sqlite:///{tmp_path}/late{late}.db", rows, [row], late)["PaperTrades"][0]
        assert (trade["funding"], trade["pnl"]) == (0.0, first["pnl"])


@pytest.mark.parametrize("ratchet", ["candle", "tick"])
def test_equity_of_the_close_at_its_time_has_the_funding(ratchet: str, tmp_path: Path) -> None:
    """It is published behind the close, whose row is brought up to date."""
    rows = small_rows(500, 8)
    live: Any = {"live": {"ratchet": ratchet}}
    free = run(f"sqlite:///{tmp_path}/free.db", rows, [], **live)
    trade = next(t for t in free["PaperTrades"] if t["exit_time"] - t["entry_time"] > 5 * HOUR)
    time = trade["entry_time"] // HOUR * HOUR + 2 * HOUR
    row = FundingRow(time, 0.001, 30_000.0, 0.0)
    paid = run(f"sqlite:///{tmp_path}/paid.db", rows, [row], **live)
    booked = -trade["side"] * trade["units"] * 30_000.0 * 0.001
    for column in ("equity", "cash"):
        before = {r["time"]: r[column] for r in free["StoredEquity"]}
        after = {r["time"]: r[column] for r in paid["StoredEquity"]}
        assert after[time - HOUR] == before[time - HOUR]
        assert after[time] == pytest.approx(before[time] + booked)
        assert after[time + HOUR] == pytest.approx(before[time + HOUR] + booked)


@pytest.mark.parametrize(
    ("ratchet", "kinds", "changes"),
    [
        ("candle", ("funded", "candle left"), PROTECTED),
        ("tick", ("funded", "tick left"), SCALED),
    ],
)
def test_kills_around_a_row_and_restarts_across_its_time_change_nothing(
    ratchet: str, kinds: tuple[str, ...], changes: Any, tmp_path: Path
) -> None:
    """Killed before, within and after transactions that book rows and others, with candles
    missed at each: the ledger, its rows of funding too, ends as if nothing had happened."""
    rows = small_rows(460, 8)
    told = published(rows, 1, 1.0)
    options: Any = {**SWAP, **changes, "live": {"ratchet": ratchet}, "funding": told}
    ticks = some_ticks if ratchet == "tick" else None
    missed = 3 if ratchet == "candle" else 0
    whole, url = f"sqlite:///{tmp_path}/whole.db", f"sqlite:///{tmp_path}/ledger.db"
    run_victim(whole, rows, 0, None, ticks, **options)
    for kind in kinds:
        for moment in ("before", "within", "after"):
            fate = Fate(2, moment, kind)
            assert in_process(url, rows, missed, fate, ticks, **options) == -signal.SIGKILL
    assert in_process(url, rows, missed, None, ticks, **options) == 0
    assert len(books_of(whole)["PaperTrades"]) > 5
    assert books_of(url) == books_of(whole)
    assert rows_in(url) == rows_in(whole)
    nothing_differs(url)


def rows_in(url: str) -> list[FundingRow]:
    """What the ledger has of published funding; its NaN are no number that could be compared."""
    database = open_existing(url)
    found = [row._replace(price=0.0) for row in booked_funding(database, 1)]
    database.close()
    return found


def test_what_is_expected_is_shown_as_a_forecast_until_it_is_published(tmp_path: Path) -> None:
    rows = small_rows(500, 8)
    url = f"sqlite:///{tmp_path}/ledger.db"
    trade = run(url, rows, [])["PaperTrades"][0]
    rows = [row for row in rows if row[0] <= trade["entry_time"] + HOUR]
    (tmp_path / "ledger.db").unlink()
    due = rows[-1][0] + 2 * HOUR
    store = PlaybackStore(rows, WARM_UP, HOUR)
    store.forecast = Forecast(0.0004, due)
    play(settings(**SWAP), store, url)
    seen = looked_at(url)
    assert seen.forecast == Forecast(0.0004, due)
    assert seen.expected == pytest.approx(-trade["side"] * trade["units"] * rows[-1][4] * 0.0004)
    assert "+0.0400% at" in state_line(seen)["forecast"]
    assert "forecast" in state_line(seen)["forecast"]
    assert table(seen)["forecast"] == {"rate": 0.0004, "time": iso_time(due)}
    database = open_ledger(url)
    row = {"session": 1, "time": due, "rate": 0.0003, "hours": 0.0}
    StoredFunding.insert(**row, after=0, tick=0, seen=0).execute(database)
    database.close()
    assert looked_at(url).forecast is None


def test_what_a_session_says_is_kept_for_lookers_on(tmp_path: Path) -> None:
    """Connections and funding among it, each once, over a restart too."""
    rows = small_rows(420, 8)
    told = published(rows, 8)
    url = f"sqlite:///{tmp_path}/ledger.db"
    lost = [ConnectionLost("the cable was pulled"), ConnectionBack()]
    between = told_between(rows, told)
    between[rows[300][0]] = [*lost, *between.get(rows[300][0], [])]
    play(settings(**SWAP), PlaybackStore(rows[:350], WARM_UP, HOUR, None, between), url)
    play(settings(**SWAP), PlaybackStore(rows, 350, HOUR, None, between, False, told), url)
    database = open_existing(url)
    events = list(Events.select().order_by(Events.number).dicts().execute(database))
    database.close()
    assert [event["number"] for event in events] == list(range(1, len(events) + 1))
    kinds = [event["kind"] for event in events]
    assert kinds.count("connection") == 2
    assert kinds.count("started") == kinds.count("stopped") == 2
    assert "funding" in kinds
    texts = [happened.text for happened in looked_at(url).recent]
    assert any(text.startswith("stopped: ") for text in texts)


def test_a_ledger_whose_funding_does_not_add_up_is_told(tmp_path: Path) -> None:
    rows = small_rows(420, 8)
    url = f"sqlite:///{tmp_path}/ledger.db"
    books = run(url, rows, published(rows, 1), **SCALED)
    database = open_ledger(url)
    assert list(problems(database)) == []
    number = next(t["number"] for t in books["PaperTrades"] if t["funding"] and t["exit_time"])
    PaperTrades.update(funding=1.0).where(PaperTrades.number == number).execute(database)
    (text,) = problems(database)
    database.close()
    assert f"the funding of trade {number} is 1.0" in text


def identity(store: CCXTStore) -> CCXTStore:
    return store


class Clock:
    """Lets the exchange's time go on by twenty minutes whenever the session has seen what there
    is: candles that have closed, rows that are published."""

    def __init__(self, exchange: BybitMarket) -> None:
        self._exchange = exchange

    def happened(self, message: Message) -> None:
        """Nothing to do."""

    def turned(self, session: Session) -> None:
        exchange, engine = self._exchange, session.engine
        assert engine is not None
        closed = [row[0] for row in exchange.rows if row[0] + HOUR <= exchange.now]
        due = [time for time in exchange.published() if time > exchange.rows[WARM_UP][0]]
        newest = [FundingRow(time, 0.0, 0.0, 0.0) for time in due[-1:]]
        if engine.after == closed[-1] and all(map(engine.broker.knows, newest)):
            exchange.now += 1_200_000


def test_a_session_over_its_exchange_books_what_that_publishes(tmp_path: Path) -> None:
    """ccxt's own client, rows two minutes late, a restart five hours later: the trades of a
    backtest with the same rows and its mark candles."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    rows = [row for row in small_rows(420, 8) if row[5]]
    told = published(rows, 4)
    exchange = BybitMarket(rows, {row.time: row.rate for row in told}, rows[WARM_UP][0] + 600_000)
    exchange.marks = {row[0]: Mark(*(price * 1.01 for price in row[1:5])) for row in rows}
    data = {"exchange": "bybit", "symbol": exchange.symbol}
    own = settings(data=data, live={"transport": "rest"})
    for count in (70, 60):
        with served(exchange, "rest") as store, Ledger(url) as ledger:
            options = Options(count, (Clock(exchange),))
            Session(own, partial(identity, store), ledger, options).run()
        exchange.now += 5 * HOUR
    booked = rows_in(url)
    assert len(booked) > 25
    known = [row for row in told if row.time <= booked[-1].time]
    candles, _, record = backtest_of(url, known, exchange.marks)
    expected = trades_of(candles, record)
    assert len(expected) > 4
    books = books_of(url)
    assert told_trades(books) == expected
    stored = {row["time"]: row["mark_close"] for row in books["StoredCandles"][WARM_UP:]}
    assert stored == {time: exchange.marks[time].close for time in stored}
    nothing_differs(url)
