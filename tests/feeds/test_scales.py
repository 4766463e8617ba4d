"""What volumes and prices count, by their size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stoptrail.feeds.columns import columns_of
from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts import Reading
from stoptrail.feeds.scales import off_tick, scales
from stoptrail.rules.candles import Candles
from tests.feeds.tables import QUARTER, rows_of, write_csv
from tests.feeds.test_refusals import walk

GIVEN = walk(700)
BITCOIN = Reading(symbol="BTC/USDT")


def rounded(given: Candles, unit: float, rows: slice = slice(None)) -> Candles:
    """Prices to the nearest `unit` in those rows."""
    prices = [column.copy() for column in given[1:5]]
    for column in prices:
        column[rows] = np.round(column[rows] / unit) * unit
    return given._replace(open=prices[0], high=prices[1], low=prices[2], close=prices[3])


def told(given: Candles, symbol: str = "BTC/USDT") -> list[tuple[str, int, str]]:
    return [(one.kind, one.row, one.text) for one in scales(columns_of(given), QUARTER, symbol)]


@pytest.mark.parametrize(("unit", "share"), [(1000.0, "2."), (100.0, "0.2"), (10.0, "0.02")])
def test_prices_of_few_digits_are_said_with_their_step(unit: float, share: str) -> None:
    ((kind, row, text),) = told(rounded(GIVEN, unit))
    assert (kind, row) == ("steps", 0)
    assert f"prices come in steps of {unit:g}, {share}" in text


def test_rounded_prices_from_some_candle_on_are_said_with_the_first(tmp_path: Path) -> None:
    given = rounded(GIVEN, 100.0, slice(256, 512))
    ((kind, row, text),) = told(given)
    assert (kind, row) == ("steps", 256)
    assert "about there prices come in steps of 100" in text
    notes = load_file(write_csv(tmp_path / "a.csv", rows_of(given)), QUARTER, BITCOIN).notes
    assert [note for note in notes if note.startswith("row 257 (line 258)") and text in note]


def test_an_exchange_s_own_ticks_are_not_worth_a_word() -> None:
    assert told(GIVEN) == []
    assert told(rounded(GIVEN, 0.1)) == []
    assert told(rounded(GIVEN, 1.0)) == []  # bitfinex quotes five digits
    still = np.full(700, 42_000.0)
    assert told(GIVEN._replace(open=still, high=still, low=still, close=still)) == []


@pytest.mark.parametrize("size", [1.0, 0.1, 0.01])
def test_whole_volumes_of_a_dear_coin_tell_no_lot(tmp_path: Path, size: float) -> None:
    given = GIVEN._replace(volume=np.round(GIVEN.volume / size) + 1)
    loaded = load_file(write_csv(tmp_path / "a.csv", rows_of(given)), QUARTER, BITCOIN)
    assert loaded.unit == "unknown"
    (said,) = loaded.notes
    assert "volumes are whole numbers, and one would be worth" in said


def test_whole_volumes_of_a_cheap_coin_are_coins() -> None:
    prices = [column / 42_000 for column in GIVEN[1:5]]
    cheap = Candles(GIVEN.time, *prices, np.round(GIVEN.volume * 50), QUARTER)
    assert told(cheap, "ADA/USDT") == []


def test_whole_prices_of_bitcoin_in_cents_are_said() -> None:
    ((kind, _, text),) = told(rounded(GIVEN._replace(**{
        name: getattr(GIVEN, name) * 100 for name in ("open", "high", "low", "close")
    }), 1.0))  # fmt: skip
    assert kind == "whole prices"
    assert "fractions of the quote currency" in text


def test_a_volume_that_is_the_same_everywhere_tells_no_lot(tmp_path: Path) -> None:
    given = GIVEN._replace(volume=np.full(700, 1.5))
    loaded = load_file(write_csv(tmp_path / "a.csv", rows_of(given)), QUARTER, BITCOIN)
    assert loaded.unit == "unknown"
    assert [note for note in loaded.notes if "the volume is 1.5 in every candle" in note]


@pytest.mark.parametrize("tick", [0.01, 0.001, None, 0.0])
def test_a_tick_that_prices_are_multiples_of_is_not_said(tick: float | None) -> None:
    assert off_tick(columns_of(rounded(GIVEN, 0.01)), tick) == ""
    assert (
        off_tick(columns_of(GIVEN._replace(**dict.fromkeys(GIVEN._fields[:6], GIVEN[0][:0]))), 1)
        == ""
    )


@pytest.mark.parametrize("tick", [2.0, 0.1, 0.025])
def test_a_tick_that_prices_are_no_multiples_of_is_said(tick: float) -> None:
    text = off_tick(columns_of(rounded(GIVEN, 0.01)), tick)
    assert f"are no multiples of the tick that the exchange tells, {tick:g}" in text
    assert "set market.tick to another one" in text
