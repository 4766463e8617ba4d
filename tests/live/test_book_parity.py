"""A book on paper equals its backtest by published funding too, and by ticks by finer candles,
where sizes do not follow from an equity that lacks the newest row (C19, C22): over a restart and
where a market has stood still."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stoptrail.config.settings import Settings
from stoptrail.exchange.rows import Row
from stoptrail.live.book_recovery import Sleeve
from stoptrail.live.ledger.database import Ledger
from stoptrail.live.ledger.records import all_sessions
from stoptrail.live.market.events import Tick
from stoptrail.rules.candles import Candles
from stoptrail.rules.detail import Detail, piece_at
from stoptrail.rules.funding import FundingRow
from tests.live.book_market import (
    SYMBOLS,
    Events,
    PlaybackBook,
    book_settings,
    play_book,
    replayed,
    three_markets,
    together,
    told_and_tested,
)
from tests.live.playback import TicksOf, rows_of
from tests.live.small_market import HOUR, WARM_UP
from tests.live.test_tick_parity import PARTS, market

STOOD_STILL = slice(WARM_UP + 90, WARM_UP + 120)
"""Candles of the last market that there are not."""
Given = list[tuple[list[Any], list[Any]]]


class Killed(BaseException):
    """Stands for the end of a process."""


def swaps(ratchet: str) -> tuple[Settings, list[Sleeve]]:
    """A book of four sleeves on three swaps, of the same units in each trade; by ticks of longs
    alone, whose order of prices is known."""
    sized = {"sizing": "tests.sweep.own_code:hundredth", "risk_per_trade": 1.0}
    whole = book_settings(
        book={"max_open_risk": 100.0, "max_notional": 100.0},
        account={"cash": 1e6},
        live={"ratchet": ratchet},
        strategy={"sides": "long" if ratchet == "tick" else "both"},
        risk={**sized, "risk_includes_costs": False},
        market={"type": "swap"},
    )
    sleeves = []
    for number, symbol in enumerate((*SYMBOLS, SYMBOLS[0])):
        table = whole.model_dump(mode="json", exclude_unset=True)
        del table["book"]
        table["data"]["symbol"] = symbol
        if number % 2:
            table["exits"] = PARTS
        sleeves.append(Sleeve(symbol, 0.25, Settings.model_validate(table)))
    return whole, sleeves


def rates(markets: Mapping[str, list[Row]]) -> dict[str, list[FundingRow]]:
    """Rows of either sign at every hour, fourth hour and eighth, where nothing is traded too."""
    random, found = np.random.default_rng(2), {}
    for (symbol, rows), step in zip(markets.items(), (8, 4, 1), strict=True):
        first, last = rows[WARM_UP // 2][0] // (8 * HOUR) * 8 * HOUR, rows[-1][0]
        times = range(first, last + 1, step * HOUR)
        amounts = random.normal(0.0001, 0.001, len(times)).tolist()
        pairs = zip(times, amounts, strict=True)
        found[symbol] = [FundingRow(time, amount, math.nan, 0.0) for time, amount in pairs]
    return found


def played(
    url: str,
    ratchet: str,
    markets: Mapping[str, list[Row]],
    funding: Mapping[str, list[FundingRow]],
    ticks: TicksOf = lambda row: [],
) -> None:
    """The whole of the markets in two lives, of which the first ends within the trades."""
    whole, sleeves = swaps(ratchet)
    told: dict[str, Any] = {"ticks": ticks, "funding": funding}
    live = markets[SYMBOLS[0]][WARM_UP][0]
    with pytest.raises(Killed):
        play_book(whole, PlaybackBook(markets, live, killed_after(105), **told), url, sleeves)
    with Ledger(url) as ledger:
        live = all_sessions(ledger.database)[0].candle + HOUR
    play_book(whole, PlaybackBook(markets, live, **told), url, sleeves)


def killed_after(moments: int) -> Callable[[Mapping[str, list[Row]]], Events]:
    """The order of events, up to the end of the process after so many closes."""

    def order(coming: Mapping[str, list[Row]]) -> Events:
        passed = 0
        for event in together(coming):
            yield event
            passed += event is None
            if passed == moments:
                raise Killed

    return order


def are_the_same(found: Given, trades: int) -> None:
    """Up to the order in which amounts were added up."""
    assert sum(len(told) for told, _ in found) >= trades
    for told, tested in found:
        assert [row[:10] for row in told] == [row[:10] for row in tested]
        money = [[row[10:] for row in rows if row[7]] for rows in (told, tested)]
        np.testing.assert_allclose(*np.array(money), rtol=1e-9, atol=1e-9)


def test_a_book_equals_its_backtest_with_the_rows_that_were_published(tmp_path: Path) -> None:
    url, markets = f"sqlite:///{tmp_path}/ledger.db", three_markets(520)
    del markets[SYMBOLS[2]][STOOD_STILL]
    funding = rates(markets)
    played(url, "candle", markets, funding)
    are_the_same(told_and_tested(url, funding), 40)
    assert replayed(url).differences == []


def with_pieces(seed: int, *, stands_still: bool) -> tuple[Candles, Detail]:
    candles, detail = market(0, 700, seed)
    here = np.ones(len(candles.time), np.bool_)
    here[STOOD_STILL if stands_still else slice(0)] = False
    kept = Candles(*(column[here] for column in candles[:6]), HOUR)
    return kept, detail._replace(first=detail.first[here], last=detail.last[here])


def test_a_book_by_ticks_equals_its_backtest_by_finer_candles(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    built = {
        symbol: with_pieces(seed, stands_still=symbol == SYMBOLS[2])
        for symbol, seed in zip(SYMBOLS, (3, 8, 5), strict=True)
    }
    markets = {symbol: rows_of(candles) for symbol, (candles, _) in built.items()}
    whose = {row: symbol for symbol, rows in markets.items() for row in rows}

    def ticks(row: Row) -> Iterator[Tick]:
        candles, detail = built[whose[row]]
        at = int(np.searchsorted(candles.time, row[0]))
        for place in range(int(detail.first[at]), int(detail.last[at])):
            piece = piece_at(detail, place)
            for price in (piece.open, piece.low, piece.high, piece.close):
                yield Tick(int(piece.time), float(price), math.nan, math.nan)

    funding = rates(markets)
    played(url, "tick", markets, funding, lambda row: list(ticks(row)))
    details = {symbol: detail for symbol, (_, detail) in built.items()}
    are_the_same(told_and_tested(url, funding, details), 20)
    assert replayed(url).differences == []
