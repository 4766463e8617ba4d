"""A book in the dashboard: a card for the whole, and a page for it and for each sleeve."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stoptrail.dashboard import detail
from stoptrail.dashboard.ledgers import Ledgers, Place
from stoptrail.live.ledger.records import rows
from stoptrail.live.ledger.tables import PaperTrades, StoredCandles
from tests.dashboard.served import Client, served
from tests.dashboard.test_browser import DRAWN, FITS, LIST, SIZES, TAB, TEXT, Running, open_page
from tests.live.book_market import PlaybackBook, book_settings, play_book, three_markets
from tests.live.small_market import WARM_UP, ticks_of
from tests.reports.html.browser import chromium, errors, found, wait_until

BOOK, SECOND, LAST = Place(0, 1), Place(0, 3), Place(0, 5)
"""The book, its second sleeve, and the last, which is on the market of the first."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ledger of a book whose markets end with open positions."""
    path = tmp_path_factory.mktemp("book") / "ledger.db"
    markets = three_markets(360)
    live = int(markets["BTC/USDT"][WARM_UP][0])
    store = PlaybackBook(markets, live, ticks=ticks_of)
    play_book(book_settings(live={"ratchet": "tick"}), store, f"sqlite:///{path}")
    return path


@pytest.fixture
def ledgers(file: Path) -> Ledgers:
    return Ledgers([f"sqlite:///{file}"])


def test_a_card_of_a_book_has_those_of_its_sleeves(ledgers: Ledgers) -> None:
    (card,) = ledgers.look()["sessions"]
    sleeves = card["sleeves"]
    assert [one["key"] for one in sleeves] == ["0/2", "0/3", "0/4", "0/5"]
    assert {one["book"] for one in sleeves} == {card["key"]} == {BOOK.key}
    assert card["quote"] == "USDT"
    assert card["realised"] == pytest.approx(sum(one["realised"] for one in sleeves))
    assert card["trades"] == sum(one["trades"] for one in sleeves) >= 10
    stops = [one["at_stop"] for one in sleeves if one["trade"]]
    assert card["at_stop"] == (pytest.approx(sum(stops)) if stops else None)
    assert all("atr" in one["reading"] for one in sleeves)


def test_a_page_of_a_sleeve_has_its_market_and_its_own_trades(ledgers: Ledgers) -> None:
    for place, market in ((SECOND, 3), (LAST, 2)):
        with ledgers.opened(place) as (database, row):
            shown, told = detail.candles(database, row), detail.story(database, row)
            kept = [entry["time"] for entry in rows(database, StoredCandles, market)]
            own = [entry["number"] for entry in rows(database, PaperTrades, row.id)]
        assert shown["candles"]["time"] == kept[-detail.CANDLES :]
        assert [trade["number"] for trade in shown["trades"]] == own
        assert sorted(trade["number"] for trade in told["trades"]) == own
        assert all(trade["stop"] for trade in shown["trades"])


def test_the_story_of_a_book_names_the_market_of_each(ledgers: Ledgers) -> None:
    with ledgers.opened(BOOK) as (database, row):
        told, curve = detail.story(database, row), detail.curve(database, row)
    both = {"BTC/USDT (session 2)", "BTC/USDT (session 5)"}  # two sleeves of one market
    assert {trade["market"] for trade in told["trades"]} == {"ETH/USDT", "SOL/USDT", *both}
    assert both <= {event["text"].partition(": ")[0] for event in told["events"]}
    entered = [trade["entry_time"] for trade in told["trades"]]
    assert entered == sorted(entered, reverse=True)
    assert any(event["text"].startswith("ETH/USDT: ") for event in told["events"])
    assert len(curve["time"]) > 50


@pytest.fixture(scope="module")
def place(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    found()
    copy = Path(shutil.copy(file, tmp_path_factory.mktemp("place") / "ledger.db"))
    with Running(copy).turning(), served(f"sqlite:///{copy}") as (client, _):
        yield client


@pytest.mark.parametrize("size", sorted(SIZES))
def test_a_book_leads_to_the_pages_of_its_sleeves(size: str, place: Client, tmp_path: Path) -> None:
    width, height, dark = SIZES[size]
    with chromium(tmp_path, width, height, dark=dark) as window:
        open_page(window, place)
        wait_until(window, f"{TEXT}.includes('sleeves')")
        assert window.execute_script(FITS)
        window.execute_script("document.querySelector('[data-session]').click()")
        links = "return document.querySelectorAll('.part-sleeves a').length"
        assert wait_until(window, links) == 4
        window.execute_script(TAB, "Decisions")
        wait_until(window, f"{LIST}.includes('SOL/USDT')")
        assert window.execute_script(FITS)
        window.execute_script("document.querySelectorAll('.part-sleeves a')[3].click()")
        assert wait_until(window, DRAWN) > 4
        for word in ("The book", "Position and risk", "ATR"):
            wait_until(window, f"{TEXT}.includes(arguments[0])", word)
        assert window.execute_script(FITS)
        assert errors(window) == []


def test_a_sleeve_obeys_its_own_page(file: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(file, tmp_path / "ledger.db"))
    with served(f"sqlite:///{copy}") as (client, _):
        token: Any = client.ask("/api/hello").value["order_token"]
        path = f"/api/session/{SECOND.key}/order/pause"
        answer = client.ask(path, "POST", {}, x_stoptrail_order=token)
        assert "no new entries" in answer.value["answer"]
        (card,) = client.ask("/api/sessions").value["sessions"]
    assert [one["paused"] for one in card["sleeves"]] == [False, True, False, False]
    assert not card["paused"]
