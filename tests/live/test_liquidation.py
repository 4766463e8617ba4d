"""C20 in a session: positions that the account cannot hold any more, on candles and by ticks,
through kills, and what the session is afterwards."""

from __future__ import annotations

import signal
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from stoptrail.config.market import Maintenance
from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.check import problems
from stoptrail.live.ledger.database import open_existing
from stoptrail.live.ledger.records import all_sessions, checkpoint_of, settings_rows
from stoptrail.live.market.events import Tick
from stoptrail.live.session import Options
from stoptrail.live.session_settings import BY_MARK, BY_OWN, BY_TICK
from stoptrail.live.watch.differences import compare
from stoptrail.live.watch.messages import Message
from stoptrail.live.watch.replay import recording_of, replay
from stoptrail.live.watch.snapshot import snapshot
from stoptrail.live.watch.view import state_line
from stoptrail.rules.funding import FundingRow
from stoptrail.rules.margin import Mark, margin_tiers
from tests.live.books import Books, backtest_of, books_of, told_trades, trades_of
from tests.live.funding_rows import SWAP, published, told_between
from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows, ticks_of
from tests.live.victim import Fate, in_process, run_victim

RATE = 0.02
LEVERED: dict[str, Any] = {
    "data": SWAP["data"],
    "market": {"type": "swap", "maintenance_margin": RATE, "liquidation_fee": 0.001},
    "risk": {"risk_per_trade": 0.5, "max_leverage": 20.0, "risk_includes_costs": False},
    "stop": {"trailing_atr_multiplier": 4.0, "trail": "none", "breakeven_atr_trigger": 0.0},
    "exits": {"time_hours": 40.0},
    "account": {"cash": 10_000_000.0},
}
MODES = ("candle", "tick")
OWN_PRICES = f"{BY_OWN}binance serves no mark candles"


@cache
def market(count: int = 600, seed: int = 7) -> list[Row]:
    """The small market with a gap every forty hours, up and down in turn: larger than what is
    left of a margin."""
    found, factor = [], 1.0
    for k, (time, *prices, volume) in enumerate(small_rows(count, seed)):
        if k > WARM_UP and k % 40 == 0:
            factor *= 0.9 if k % 80 else 1 / 0.9
        found.append((time, *(round(price * factor, 2) for price in prices), volume))
    return found  # type: ignore[return-value]


@cache
def rates(count: int = 600, seed: int = 7) -> tuple[FundingRow, ...]:
    """Funding that eats up a margin within a day, paid by longs and by shorts for a day each."""
    rows = published(market(count, seed), 4)
    signs = [-1.0 if k // 14 % 2 else 1.0 for k in range(len(rows))]
    return tuple(row._replace(rate=0.03 * sign) for row, sign in zip(rows, signs, strict=True))


def told(mode: str, count: int = 600) -> dict[str, Any]:
    """What `run_victim` takes of it."""
    ticks = ticks_of if mode == "tick" else None
    return {"ticks": ticks, "funding": rates(count), **LEVERED, "live": {"ratchet": mode}}


@cache
def mark_prices(count: int = 600, seed: int = 7) -> dict[int, Mark]:
    """Mark candles that go their own way by a fiftieth; every 17th is missing."""
    random, found = np.random.default_rng(seed + 1), {}
    for k, (time, *prices, _) in enumerate(market(count, seed)):
        open_, high, low, close = (price * (1 + random.normal(0, 0.02)) for price in prices)
        if k % 17:
            ends = open_, high, low, close
            found[time] = Mark(open_, max(ends), min(ends), close)
    return found


def run(url: str, mode: str, count: int = 600, seed: int = 7) -> Books:
    rows = market(count, seed)
    between = told_between(rows, list(rates(count, seed)))
    ticks = ticks_of if mode == "tick" else None
    store = PlaybackStore(rows, WARM_UP, HOUR, ticks, between)
    play(settings(**LEVERED, live={"ratchet": mode}), store, url)
    return books_of(url)


class Heard:
    """What a session said of the margin that its positions need."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def happened(self, message: Message) -> None:
        if message.kind == "settings" and "maintenance margin" in message.text:
            self.found.append(message.text)

    def turned(self, session: Any) -> None:
        pass


def liquidated(books: Books) -> list[dict[str, Any]]:
    return [trade for trade in books["PaperTrades"] if trade["reason"] == "liquidated"]


def sound(url: str, books: Books) -> None:
    """The ledger holds what it has to, adds up, and is what a replay of it gives."""
    with closing(open_existing(url)) as database:
        assert list(problems(database)) == []
        (session,) = all_sessions(database)
        with closing(replay(recording_of(database, session))) as again:
            assert compare(database, again, session.id).differences == []
    cash = LEVERED["account"]["cash"]
    for trade in books["PaperTrades"]:
        if trade["exit_time"] is None:
            continue
        gross = trade["side"] * trade["units"] * (trade["exit"] - trade["entry"])
        costs = trade["fees"] + trade["borrow"] - trade["funding"] - trade["shortfall"]
        assert trade["pnl"] == pytest.approx(gross - costs, abs=1e-4)
        assert trade["shortfall"] >= 0.0
        cash += trade["pnl"]
        assert cash >= -1e-6
        assert trade["shortfall"] == 0.0 or cash == pytest.approx(0.0, abs=1e-6)
    assert books["Sessions"][0]["balance"] == pytest.approx(cash, abs=1e-4)
    assert min(row["equity"] for row in books["StoredEquity"]) >= 0.0


@pytest.mark.parametrize("seed", [7, 12, 20])
def test_on_candles_a_session_liquidates_what_a_backtest_does(seed: int, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    books = run(url, "candle", seed=seed)
    sound(url, books)
    candles, _, record = backtest_of(url, rates(seed=seed))
    assert told_trades(books) == trades_of(candles, record)
    closed = record.trades.exit >= 0
    shortfall = [trade["shortfall"] for trade in books["PaperTrades"]]
    assert shortfall[: sum(closed)] == record.trades.shortfall[closed].tolist()
    assert {7: 4, 12: 2, 20: 3}[seed] == len(liquidated(books))
    assert {7: {1, -1}, 12: {1}, 20: {1, -1}}[seed] == {one["side"] for one in liquidated(books)}


def told_by(url: str) -> Any:
    """By which prices `status` says that the session liquidates."""
    with closing(open_existing(url)) as database:
        return state_line(snapshot(database, all_sessions(database)[0]))["liquidated_by"]


def run_marked(url: str, seed: int, mode: str = "candle", heard: Any = None) -> Books:
    rows = market(seed=seed)
    between = told_between(rows, list(rates(seed=seed)))
    ticks = ticks_of if mode == "tick" else None
    store = PlaybackStore(rows, WARM_UP, HOUR, ticks, between, marks=mark_prices(seed=seed))
    options = Options(watchers=(heard,) if heard else ())
    play(settings(**LEVERED, live={"ratchet": mode}), store, url, options)
    return books_of(url)


def exits(books: Books) -> list[Any]:
    return [(one["exit_time"], one["exit"], one["reason"]) for one in books["PaperTrades"]]


@pytest.mark.parametrize("seed", [7, 20])
def test_on_candles_mark_prices_liquidate_as_they_do_in_a_backtest(
    seed: int, tmp_path: Path
) -> None:
    """Trade by trade, with a mark candle in seventeen missing, and differently than without."""
    url, heard = f"sqlite:///{tmp_path}/ledger.db", Heard()
    books = run_marked(url, seed, heard=heard)
    assert heard.found[0].endswith(BY_MARK)
    own = sum(row["mark_open"] is None for row in books["StoredCandles"][WARM_UP:])
    assert told_by(url) == f"mark, {own} own"
    sound(url, books)
    candles, _, record = backtest_of(url, rates(seed=seed), mark_prices(seed=seed))
    assert told_trades(books) == trades_of(candles, record)
    assert liquidated(books)
    assert exits(books) != exits(run(f"sqlite:///{tmp_path}/own.db", "candle", seed=seed))


def test_funding_that_accrues_goes_by_the_mark_prices_through_restarts(tmp_path: Path) -> None:
    """As in a backtest: each part by the mark candle that closes with it, those of earlier lives
    among them."""
    url, rows, marks = f"sqlite:///{tmp_path}/ledger.db", market(), mark_prices()
    told = [row._replace(hours=4.0) for row in rates()]
    for live in (WARM_UP, 300, 301, 380):
        known = rows[: {WARM_UP: 300, 300: 301, 301: 360, 380: None}[live]]
        store = PlaybackStore(
            known, live, HOUR, None, told_between(rows, told), funding=told, marks=marks
        )
        play(settings(**LEVERED, live={"ratchet": "candle"}), store, url)
    books = books_of(url)
    sound(url, books)
    candles, _, record = backtest_of(url, told, marks)
    assert told_trades(books) == trades_of(candles, record)
    own = backtest_of(url, told)
    assert told_trades(books) != trades_of(own[0], own[2])
    held = [trade for trade in books["PaperTrades"] if trade["entry_time"] < rows[300][0]]
    assert any((trade["exit_time"] or rows[300][0]) >= rows[300][0] for trade in held)
    assert sum(trade["funding"] != 0.0 for trade in books["PaperTrades"]) >= 5


def test_by_ticks_mark_prices_play_no_part(tmp_path: Path) -> None:
    """They would be known of a candle when it is over."""
    url, heard = f"sqlite:///{tmp_path}/ledger.db", Heard()
    books = run_marked(url, 7, "tick", heard)
    assert heard.found[0].endswith(BY_TICK)
    assert told_by(url) == "own"
    assert books == run(f"sqlite:///{tmp_path}/own.db", "tick")
    assert not any(row["mark_open"] for row in books["StoredCandles"])


def test_kills_leave_the_mark_prices_of_an_undisturbed_session(tmp_path: Path) -> None:
    count, marks = 420, mark_prices(420)
    calm, url = f"sqlite:///{tmp_path}/calm.db", f"sqlite:///{tmp_path}/killed.db"
    run_victim(calm, market(count), 0, None, marks=marks, **told("candle", count))
    expected = books_of(calm)
    assert liquidated(expected)
    for moment, skipped, missed in (("before", 40, 0), ("within", 30, 9), ("after", 7, 3)):
        fate = Fate(skipped, moment)
        code = in_process(url, market(count), missed, fate, marks=marks, **told("candle", count))
        assert code == -signal.SIGKILL
    assert in_process(url, market(count), 0, None, marks=marks, **told("candle", count)) == 0
    books = books_of(url)
    assert books == expected
    sound(url, books)


def ruined(mode: str, tmp_path: Path) -> tuple[dict[str, Any], list[Row]]:
    """A trade that is liquidated, and the market with a gap beyond all margins at its end."""
    calm = run(f"sqlite:///{tmp_path}/calm.db", mode)
    trade = max(liquidated(calm), key=lambda one: one["exit_time"] - one["entry_time"])
    last = trade["exit_time"] - trade["exit_time"] % HOUR
    factor = 0.1 if trade["side"] > 0 else 10.0
    rows: list[Any] = [
        row if row[0] < last else (row[0], *(round(p * factor, 2) for p in row[1:5]), row[5])
        for row in market()
    ]
    return trade, rows


@pytest.mark.parametrize("mode", MODES)
def test_funding_that_comes_after_the_account_is_gone_is_credited_too(
    mode: str, tmp_path: Path
) -> None:
    """Rows up to sixty hours late: what the ledger holds adds up, and no trade has cost more than
    there was."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    trade, rows = ruined(mode, tmp_path)
    ticks = ticks_of if mode == "tick" else None
    told = [
        row._replace(rate=row.rate / 20.0)
        for row in rates()
        if row.time < trade["exit_time"] + HOUR
    ]
    store = PlaybackStore(rows, WARM_UP, HOUR, ticks, told_between(rows, told, late=60))
    play(settings(**LEVERED, live={"ratchet": mode}), store, url)
    books = books_of(url)
    sound(url, books)
    gone = [trade for trade in books["PaperTrades"] if trade["shortfall"] > 0.0]
    assert gone
    assert any(trade["funding"] != 0.0 for trade in gone)


TIERS = Maintenance(((0.0, 0.01), (1000.0, 0.02), (3000.0, 0.1)), "units", "okx 2026-11-28")
OPEN: dict[str, Any] = {**LEVERED, "market": {"type": "swap", "liquidation_fee": 0.001}}


@pytest.mark.parametrize("by", ["units", "notional"])
def test_the_exchange_s_tiers_hold_from_the_start_to_the_end_of_a_session(
    by: Literal["units", "notional"], tmp_path: Path
) -> None:
    """Others that the exchange tells at a restart do not count: a replay knows of those in the
    ledger alone."""
    url, heard = f"sqlite:///{tmp_path}/ledger.db", Heard()
    rows, funding = market(), list(rates())
    scale = 1.0 if by == "units" else 30_000.0
    tiers = TIERS._replace(by=by, tiers=tuple((begin * scale, rate) for begin, rate in TIERS.tiers))
    for live, told in ((WARM_UP, tiers), (400, tiers._replace(place="okx 2027-01-01"))):
        store = PlaybackStore(
            rows[: 400 if live == WARM_UP else None], live, HOUR, None, told_between(rows, funding)
        )
        store.margin = told
        play(settings(**OPEN), store, url, Options(watchers=(heard,)))
    books = books_of(url)
    sound(url, books)
    words = f"maintenance margin 3 tiers from 0.01 to 0.1, okx 2026-11-28; {OWN_PRICES}"
    assert heard.found == [words, words]
    with closing(open_existing(url)) as database:
        assert len(settings_rows(database, 1)) == 1
    candles, plan, record = backtest_of(url, rates())
    np.testing.assert_array_equal(plan.tiers, margin_tiers(tiers.tiers, by == "units"))
    assert told_trades(books) == trades_of(candles, record)
    sizes = [one["units"] * (1.0 if by == "units" else one["entry"]) for one in liquidated(books)]
    assert len({next(r for b, r in tiers.tiers[::-1] if size > b) for size in sizes}) >= 2


def test_without_one_s_own_margin_the_exchange_s_holds_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    for end, chosen in ((260, OPEN), (280, LEVERED), (300, OPEN)):
        store = PlaybackStore(market(300)[:end], max(WARM_UP, end - 20), HOUR)
        store.margin = TIERS if end == 260 else None
        play(settings(**chosen), store, url)
    with closing(open_existing(url)) as database:
        found = settings_rows(database, 1)
    margins = [row.content["market"]["maintenance_margin"] for row in found]
    assert margins == [(tiers := [list(step) for step in TIERS.tiers]), RATE, tiers]


def test_the_user_s_own_margin_wins_and_the_contradiction_is_told(tmp_path: Path) -> None:
    url, heard = f"sqlite:///{tmp_path}/ledger.db", Heard()
    store = PlaybackStore(market(300), WARM_UP, HOUR)
    store.margin = TIERS
    play(settings(**LEVERED), store, url, Options(watchers=(heard,)))
    words = f"maintenance margin {RATE}, settings; okx 2026-11-28 has 3 tiers from 0.01 to 0.1"
    assert f"{words}; {OWN_PRICES}" in heard.found
    with closing(open_existing(url)) as database:
        (kept,) = settings_rows(database, 1)
    assert kept.content["market"]["maintenance_margin"] == RATE
    url = f"sqlite:///{tmp_path}/guess.db"
    play(
        settings(**OPEN), PlaybackStore(market(300), WARM_UP, HOUR), url, Options(watchers=(heard,))
    )
    assert heard.found[-1].startswith("maintenance margin 0.005, default, as the exchange's")


def test_the_session_s_own_exchange_is_named_as_serving_no_mark_candles(tmp_path: Path) -> None:
    """Not the default one, which the settings in the ledger have."""
    heard = Heard()
    for end in (260, 280):
        store = PlaybackStore(market(300)[:end], max(WARM_UP, end - 20), HOUR)
        url = f"sqlite:///{tmp_path}/ledger.db"
        chosen = settings(**LEVERED, exchange={"id": "bitso"}, live={"ratchet": "candle"})
        play(chosen, store, url, Options(watchers=(heard,)))
    assert len(heard.found) == 2
    assert all(text.endswith(": bitso serves no mark candles") for text in heard.found)


def equity_at(trade: dict[str, Any], cash: float, price: float, time: int) -> float:
    """Of the account while the trade was open, by hand: rows that came before the tick of `time`
    are paid, at the close of the last candle before each."""
    paid = 0.0
    for row in rates():
        if trade["entry_time"] < row.time <= time:
            close = [candle[4] for candle in market() if candle[0] + HOUR <= row.time][-1]
            paid += trade["side"] * trade["units"] * close * row.rate
    gross = trade["side"] * trade["units"] * (price - trade["entry"])
    return cash + gross - trade["entry_fee"] - paid


def test_by_ticks_it_is_the_first_tick_at_which_the_margin_is_gone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    books = run(url, "tick")
    sound(url, books)
    ticks = [tick for row in market()[WARM_UP:] for tick in ticks_of(row)]
    cash, seen = LEVERED["account"]["cash"], 0
    for trade in books["PaperTrades"]:
        by_tick = trade["exit_time"] is not None and trade["exit_time"] % HOUR
        held = [t for t in ticks if trade["entry_time"] < t.time <= (trade["exit_time"] or 0)]
        if trade["reason"] == "liquidated" and by_tick:
            for tick in held:
                left = equity_at(trade, cash, tick.price, tick.time)
                gone = left <= RATE * trade["units"] * tick.price
                assert gone == (tick is held[-1])
            seen += held[-1].time == trade["exit_time"]
            slip = 1 - trade["side"] * settings().costs.slippage
            assert trade["side"] * (trade["exit"] - held[-1].price * slip) >= -0.02
        cash += trade["pnl"] or 0.0
    assert seen >= 3


@pytest.mark.parametrize("mode", MODES)
def test_a_gap_beyond_the_margin_is_credited_and_the_session_goes_on(
    mode: str, tmp_path: Path
) -> None:
    """At a hundredth of the prices there is nothing left: it takes no further trade."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    trade, rows = ruined(mode, tmp_path)
    last = trade["exit_time"] - trade["exit_time"] % HOUR
    ticks = ticks_of if mode == "tick" else None
    between = told_between(rows, list(rates()))
    play(
        settings(**LEVERED, live={"ratchet": mode}),
        PlaybackStore(rows, WARM_UP, HOUR, ticks, between),
        url,
    )
    books = books_of(url)
    sound(url, books)
    gone = books["PaperTrades"][-1]
    assert (gone["number"], gone["reason"]) == (trade["number"], "liquidated")
    assert gone["shortfall"] > 0.0
    with closing(open_existing(url)) as database:
        checkpoint = checkpoint_of(database, 1)
    assert (checkpoint.position, checkpoint.balance) == (None, 0.0)
    assert books["StoredCandles"][-1]["time"] == rows[-1][0]
    after = [row for row in books["Decisions"] if row["time"] >= gone["exit_time"]]
    assert {row["outcome"] for row in after} <= {"size", "liquidated"}
    assert after
    assert {row["equity"] for row in books["StoredEquity"] if row["time"] > last + HOUR} == {0.0}
    stops = [row for row in books["PaperOrders"] if row["kind"] == "stop"]
    assert (stops[-1]["status"], stops[-1]["reason"]) == ("cancelled", "position closed")


@pytest.mark.parametrize("mode", MODES)
def test_kills_around_a_liquidation_leave_no_trace(mode: str, tmp_path: Path) -> None:
    count = 420
    calm, url = f"sqlite:///{tmp_path}/calm.db", f"sqlite:///{tmp_path}/killed.db"
    run_victim(calm, market(count), 0, None, **told(mode, count))
    expected = books_of(calm)
    assert liquidated(expected)
    before = sum(
        1
        for trade in expected["PaperTrades"]
        if trade["exit_time"] and trade["exit_time"] < liquidated(expected)[0]["exit_time"]
    )
    for moment, skipped in (("before", before), ("within", 0), ("after", 0), ("before", 0)):
        fate = Fate(skipped + 1, moment, "left")
        code = in_process(url, market(count), 0, fate, **told(mode, count))
        assert code in (-signal.SIGKILL, 0)
    assert in_process(url, market(count), 0, None, **told(mode, count)) == 0
    books = books_of(url)
    assert books == expected
    sound(url, books)


def test_missed_candles_liquidate_as_if_they_had_been_heard(tmp_path: Path) -> None:
    """The session is down when the margin goes: on candles the ledger is the same."""
    calm, url = f"sqlite:///{tmp_path}/calm.db", f"sqlite:///{tmp_path}/ledger.db"
    expected = run(calm, "candle")
    first = liquidated(expected)[0]
    cut = sum(row[0] < first["exit_time"] for row in market()) - 2
    run_victim(url, market()[:cut], 0, None, **told("candle"))
    run_victim(url, market(), 12, None, **told("candle"))
    assert books_of(url) == expected
    sound(url, books_of(url))
    with closing(open_existing(url)) as database:
        rows: Any = database.execute_sql("SELECT exit_caught_up, reason FROM paper_trades")
        assert (1, "liquidated") in [tuple(row) for row in rows.fetchall()]


def test_a_tick_of_another_time_liquidates_nothing(tmp_path: Path) -> None:
    """A trade that is told again after a reconnect is of an older moment."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    expected = run(f"sqlite:///{tmp_path}/calm.db", "tick")
    entered = liquidated(expected)[0]["entry_time"]

    def with_an_old_one(row: Row) -> list[Tick]:
        found: list[Tick] = []
        for tick in ticks_of(row):
            found.append(tick)
            if tick.time == entered:
                found.append(tick._replace(time=entered - 1, price=tick.price * 0.5))
        return found

    between = told_between(market(), list(rates()))
    store = PlaybackStore(market(), WARM_UP, HOUR, with_an_old_one, between)
    play(settings(**LEVERED, live={"ratchet": "tick"}), store, url)
    assert books_of(url) == expected
