"""Fills at ticks beside the prices around them: `ledger check` and replay say which the market
cannot have given."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.check import problems
from stoptrail.live.ledger.database import open_existing
from stoptrail.live.ledger.tables import PaperOrders, StoredCandles, Ticks
from stoptrail.live.market.events import Tick
from stoptrail.live.watch.differences import Difference
from tests.live.books import books_of, with_replay
from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows, ticks_of

COUNT = 420
NO_QUOTE: Any = dict.fromkeys(("bid", "ask", "quote_age", "quote_rule"))
AWAY = 2000
"""Milliseconds after a candle's begin at which the one before it is none of the prices around."""
LIVE: Any = {"live": {"ratchet": "tick"}}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ledger.db"


def session(url: str, told: Callable[[Row], list[Tick]] = ticks_of) -> None:
    """A session by ticks, and its ledger."""
    play(settings(**LIVE), PlaybackStore(small_rows(COUNT), WARM_UP, HOUR, told), url)


def checked(url: str) -> list[str]:
    with closing(open_existing(url)) as database:
        return list(problems(database))


def replayed(url: str) -> tuple[int, list[Difference]]:
    compared = with_replay(url)
    return compared.ticks, compared.differences


def entry_tick(url: str) -> int:
    """Number of the tick that filled the first entry."""
    books = books_of(url)
    times = {tick["time"]: tick["number"] for tick in books["Ticks"]}
    return int(times[books["PaperTrades"][0]["entry_time"]])


def changed(url: str, number: int, **values: Any) -> None:
    with closing(open_existing(url)) as database:
        assert Ticks.update(**values).where(Ticks.number == number).execute(database) == 1


def test_each_tick_of_a_session_fits_the_prices_around_it(url: str) -> None:
    session(url)
    assert checked(url) == []
    ticks, differences = replayed(url)
    assert differences == []
    assert ticks == len(books_of(url)["Ticks"]) > 20


def with_quotes(off: float, width: float) -> Callable[[Row], list[Tick]]:
    """Ticks whose quotes lie above all that was traded in the candle, by a share `off`, but not
    far from their trades."""

    def told(row: Row) -> list[Tick]:
        bid = row[2] * (1.0 + off)
        quote = {"bid": bid, "ask": bid * (1.0 + width)}
        near = [tick for tick in ticks_of(row) if tick.price > bid * 0.992]
        return [tick._replace(time=tick.time + AWAY, **quote) for tick in near]

    return told


@pytest.mark.parametrize("width", [0.0001, 0.01])
def test_a_fill_24_bp_better_than_the_market_ever_was_is_found(url: str, width: float) -> None:
    """Whatever the spread of its quote; the session itself took the quote for one that counts."""
    session(url, with_quotes(0.0024, width))
    shorts = [trade for trade in books_of(url)["PaperTrades"] if trade["side"] < 0]
    highs = {row[0]: row[2] for row in small_rows(COUNT)}
    assert shorts
    assert all(t["entry"] > highs[t["entry_time"] // HOUR * HOUR] * 1.002 for t in shorts)
    ticks, differences = replayed(url)
    assert {(one.table, one.column) for one in differences} == {("Ticks", "price")}
    said = checked(url)
    assert len(said) == len(differences) == ticks
    assert all("0.1% within the prices around it" in text for text in said)


def test_a_quote_that_lies_within_a_thousandth_of_the_prices_is_sound(url: str) -> None:
    session(url, with_quotes(0.0009, 0.0001))
    assert checked(url) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"quote_age": None},
        {"quote_age": 1001.0},
        {"quote_age": -1001.0},
        {"quote_rule": None},
        {"quote_rule": "arrival", "quote_age": -1.0},
        {"quote_rule": "guess"},
        {"bid": None, "ask": None},
        {"bid": 30_000.0, "ask": 29_999.0},
    ],
    ids=str,
)
def test_a_quote_of_another_time_or_without_age_or_rule_is_found(
    wrong: dict[str, Any], url: str
) -> None:
    session(url)
    number = entry_tick(url)
    changed(url, number, **wrong)
    assert any(text.startswith(f"session 1: tick {number} at ") for text in checked(url))
    found = [one for one in replayed(url)[1] if one.table == "Ticks"]
    assert found[0].key.startswith(f"tick {number} at ")


def test_by_arrival_the_trade_itself_has_to_lie_within_the_quote(url: str) -> None:
    """The candle's other prices do not help."""
    session(url)
    books = books_of(url)
    lows = {row[0]: row[3] for row in small_rows(COUNT)}
    tick = next(t for t in books["Ticks"] if lows[t["time"] // HOUR * HOUR] < t["price"] * 0.998)
    low = lows[tick["time"] // HOUR * HOUR]
    quote = {"bid": low, "ask": low + 0.5}
    changed(url, tick["number"], **quote)
    assert not any(text.startswith("session 1: tick") for text in checked(url))
    changed(url, tick["number"], quote_rule="arrival")
    assert any(text.startswith("session 1: tick") for text in checked(url))


def test_a_trade_without_a_quote_lies_among_the_prices_too(url: str) -> None:
    session(url)
    number = entry_tick(url)
    changed(url, number, price=20_000.0, **NO_QUOTE)
    assert any(f"tick {number}" in text and "price 20000.0" in text for text in checked(url))


def test_an_entry_that_filled_at_another_price_than_its_ticks_is_found(url: str) -> None:
    session(url)
    signal = books_of(url)["PaperTrades"][0]["signal"]
    with closing(open_existing(url)) as database:
        filled = PaperOrders.kind == "entry", PaperOrders.signal == signal
        change = PaperOrders.update(fill=PaperOrders.fill * 0.9976).where(*filled)
        assert change.execute(database) == 1
    (said,) = checked(url)
    assert said.startswith("session 1: the entry of the signal at ")
    assert "by its tick" in said


def test_a_candle_that_has_not_closed_says_nothing_yet(url: str) -> None:
    """A session that runs has filled within it."""
    session(url)
    last = books_of(url)["Ticks"][-1]
    changed(url, last["number"], price=20_000.0, **NO_QUOTE)
    assert any("price 20000.0" in text for text in checked(url))
    with closing(open_existing(url)) as database:
        later = StoredCandles.time > last["time"] - HOUR
        assert StoredCandles.delete().where(later).execute(database) > 0
    assert not any("price" in text for text in checked(url))
