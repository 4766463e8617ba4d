"""A book on paper by ticks, and with published funding: each sleeve as a session of its own would
be, and the whole replayed, whatever kills it."""

from __future__ import annotations

import random
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from stoptrail.exchange.rows import Row
from stoptrail.live.book_recovery import Sleeve
from stoptrail.live.ledger.database import open_existing
from stoptrail.live.ledger.records import rows, with_sleeves
from stoptrail.live.ledger.tables import (
    PaperFills,
    PaperTrades,
    StopMoves,
    StoredFunding,
    Ticks,
)
from tests.live.book_market import (
    SYMBOLS,
    Events,
    PlaybackBook,
    book_settings,
    in_process,
    play_book,
    replayed,
    run_book_victim,
    three_markets,
    together,
    whole_ledger,
)
from tests.live.books import plain_row
from tests.live.funding_rows import published, told_between
from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, some_ticks, ticks_of
from tests.live.victim import Fate

KILLED = -signal.SIGKILL
BY_TICK = {"live": {"ratchet": "tick"}}
SWAP = {"market": {"type": "swap"}}
PROTECTED = {"protections": {"daily_loss": 0.01, "drawdown": 0.06, "losses": 3, "candles": 9}}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ledger.db"


def short() -> dict[str, list[Row]]:
    return three_markets(420)


def live_at() -> int:
    return int(short()["BTC/USDT"][WARM_UP][0])


def funding() -> dict[str, Any]:
    """Rows of each market, at other hours for each."""
    return {
        symbol: published(market, step)
        for (symbol, market), step in zip(short().items(), (8, 4, 1), strict=True)
    }


def told(url: str, *tables: Any) -> list[list[dict[str, Any]]]:
    """Rows of the newest session, but for what differs by name between a sleeve and a session."""
    database = open_existing(url)
    try:
        last = with_sleeves(database)[-1].id
        return [
            [
                {key: value for key, value in plain_row(row).items() if key not in _OF_LEDGERS}
                for row in rows(database, table, last)
            ]
            for table in tables
        ]
    finally:
        database.close()


_OF_LEDGERS = ("session", "number", "tick", "seen")


@pytest.mark.parametrize(
    ("changes", "ticks"),
    [(BY_TICK, some_ticks), ({**BY_TICK, **SWAP}, some_ticks), (SWAP, lambda row: [])],
    ids=["ticks", "ticks and funding", "candles and funding"],
)
def test_a_book_of_one_sleeve_is_the_session_alone(
    changes: dict[str, Any], ticks: Any, tmp_path: Path
) -> None:
    market = short()["BTC/USDT"]
    rates = published(market) if "market" in changes else []
    one, other = f"sqlite:///{tmp_path}/one.db", f"sqlite:///{tmp_path}/other.db"
    between = told_between(market, rates)
    play(
        settings(**changes),
        PlaybackStore(market, WARM_UP, HOUR, ticks, between, funding=rates),
        one,
    )
    whole = settings(**changes)
    store = PlaybackBook({"BTC/USDT": market}, live_at(), ticks=ticks, funding={"BTC/USDT": rates})
    play_book(whole, store, other, [Sleeve("BTC/USDT", 1.0, whole)])
    tables = (PaperTrades, PaperFills, StopMoves, Ticks, StoredFunding)
    alone, sleeve = told(one, *tables), told(other, *tables)
    assert len(alone[0]) >= 10
    assert bool(alone[4]) == bool(rates)
    assert bool(alone[3]) == ("live" in changes)
    for expected, found in zip(alone, sleeve, strict=True):
        assert found == expected
    assert replayed(other).differences == []


def hurried(coming: Mapping[str, list[Row]]) -> Events:
    """The first market's ticks come before the other markets' candles of the time before."""
    early: list[Any] = []
    for entry in together(coming):
        if entry is None:
            yield None
            continue
        symbol, candle = entry
        if symbol == SYMBOLS[0]:
            yield from (each for each in early if each[1].time < candle.time)
            early = [(symbol, tick) for tick in ticks_of(candle[:6])]
        yield entry
        if symbol == SYMBOLS[0]:
            later = [row for row in coming[symbol] if row[0] > candle.time][:1]
            yield from ((symbol, tick) for row in later for tick in ticks_of(row)[:2])


@pytest.mark.parametrize("order", [together, hurried])
def test_a_book_by_ticks_is_replayed_without_a_difference(order: Any, url: str) -> None:
    store = PlaybackBook(short(), live_at(), order, ticks=some_ticks, funding=funding())
    play_book(book_settings(**BY_TICK, **SWAP, **PROTECTED), store, url)
    database = open_existing(url)
    ticks = [row for own in with_sleeves(database) for row in rows(database, Ticks, own.id)]
    database.close()
    assert len({row["number"] for row in ticks}) == len(ticks) >= 100
    assert len({row["session"] for row in ticks}) == 4
    compared = replayed(url)
    assert compared.trades >= 20
    assert compared.differences == []


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    url = f"sqlite:///{tmp_path_factory.mktemp('undisturbed')}/ledger.db"
    run_book_victim(url, short(), 0, coming=coming(), **BY_TICK, **SWAP, **PROTECTED)
    return whole_ledger(url)


def coming() -> dict[str, Any]:
    return {"ticks": ticks_of, "funding": funding()}


@pytest.mark.parametrize("kind", ["tick left", "funded"])
def test_a_kill_at_each_kind_of_tick_changes_nothing(kind: str, undisturbed: Any, url: str) -> None:
    told = {"coming": coming(), **BY_TICK, **SWAP, **PROTECTED}
    for count, moment in ((6, "before"), (1, "within"), (2, "after")):
        assert in_process(url, short(), 0, Fate(count, moment, kind), **told) == KILLED
    assert in_process(url, short(), 0, **told) == 0
    assert whole_ledger(url) == undisturbed
    assert replayed(url).differences == []


def test_kills_at_random_moments_by_ticks_change_nothing(undisturbed: Any, url: str) -> None:
    chance, told = random.Random(3), {"coming": coming(), **BY_TICK, **SWAP, **PROTECTED}
    for _ in range(3):
        assert in_process(url, short(), 0, Fate(chance.randrange(1, 90)), **told) == KILLED
    assert in_process(url, short(), 0, **told) == 0
    assert whole_ledger(url) == undisturbed


def test_a_market_that_comes_again_has_each_row_of_funding_once(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for are those after the last one that was told."""
    monkeypatch.setattr("stoptrail.live.book_markets.FIRST_PAUSE", 0.0)
    monkeypatch.setattr("stoptrail.live.book_markets.LONGEST_PAUSE", 0.0)
    rates, start = funding(), live_at()
    failing = {"ETH/USDT": (start + 100 * HOUR, start + 150 * HOUR)}
    store = PlaybackBook(short(), start, failing=failing, funding=rates)
    play_book(book_settings(**SWAP), store, url)
    database = open_existing(url)
    own = next(row.id for row in with_sleeves(database) if row.symbol == "ETH/USDT")
    booked = [row["time"] for row in rows(database, StoredFunding, own)]
    database.close()
    last = short()["ETH/USDT"][-1][0]
    told = [row.time for row in rates["ETH/USDT"] if row.time < failing["ETH/USDT"][0]]
    assert store.asked == [told[-1]]
    assert booked == [row.time for row in rates["ETH/USDT"] if start <= row.time <= last]
    assert replayed(url).differences == []
