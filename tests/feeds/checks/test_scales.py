"""What volumes and prices count, by their size."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from stoptrail.feeds.checks.scales import counts_coins, off_tick, scales
from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.feeds.tables.columns import Columns, columns_of
from stoptrail.rules.candles import Candles, Floats
from tests.feeds.candle_files import QUARTER, START, rows_of, write_csv
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


def test_a_stretch_with_two_digits_fewer_is_said_and_a_tick_that_stays_is_not() -> None:
    """Whole dollars for a month, or an exchange of other steps: a thousandth of the price was asked
    for."""
    given = synthetic_candles(3, QUARTER, START, START + 2560 * QUARTER)
    ((kind, row, text),) = told(rounded(given, 1.0, slice(512, 1280)))
    assert (kind, row) == ("steps", 512)
    assert "about there 768 candles have prices in steps of 1, those before and" in text
    assert "of 0.01: rounded, or of another exchange" in text
    for rows in (slice(512, None), slice(0, 512), slice(512, 640)):
        assert told(rounded(given, 1.0, rows)) == []
    assert told(rounded(given, 0.1, slice(512, 1280))) == []


def test_an_exchange_s_own_ticks_are_not_worth_a_word() -> None:
    assert told(GIVEN) == []
    assert told(rounded(GIVEN, 0.1)) == []
    assert told(rounded(GIVEN, 1.0)) == []  # bitfinex quotes five digits
    still = np.full(700, 42_000.0)
    assert told(GIVEN._replace(open=still, high=still, low=still, close=still)) == []


def test_a_step_that_grew_as_the_price_fell_is_the_market_s_own() -> None:
    """Of a file that begins dearer; and exchanges refine a step by a tenth. 176 of 900 real files
    were told so."""
    factor = np.linspace(1.0, 0.02, 700)
    fallen = [np.round(column * factor / 10_000, 4) for column in GIVEN[1:5]]
    assert told(Candles(GIVEN.time, *fallen, GIVEN.volume, QUARTER), "DOGE/USDT") == []
    refined = rounded(rounded(GIVEN, 100.0, slice(0, 512)), 10.0, slice(512, 700))
    prices = [column / 1000 for column in refined[1:5]]
    assert told(Candles(GIVEN.time, *prices, GIVEN.volume, QUARTER), "DOGE/USDT") == []


def test_rounded_prices_that_end_at_finer_ones_are_said_too() -> None:
    ((kind, row, text),) = told(rounded(GIVEN, 100.0, slice(0, 512)))
    assert (kind, row, "about there prices come in steps of 100" in text) == ("steps", 0, True)


@pytest.mark.parametrize("change", [np.log, np.log10, np.log1p])
def test_logarithms_of_volumes_tell_no_lot(change: Callable[[Floats], Floats]) -> None:
    """No market's volumes are so close together."""
    given = synthetic_candles(2, QUARTER, GIVEN.time[0], GIVEN.time[0] + 700 * QUARTER)
    volume = np.maximum(given.volume, 0.1) * 20
    assert told(given._replace(volume=volume)) == []
    given = given._replace(volume=change(volume))
    assert not counts_coins(columns_of(given), QUARTER, "BTC/USDT")
    ((kind, _, text),) = told(given)
    assert (kind, "logarithms or ranks" in text) == ("volume", True)


@pytest.mark.parametrize(
    ("day", "price", "said"),
    [
        ("2022-01-01", 3700.0, True),  # ether under the symbol that is the default
        ("2022-01-01", 100.0, True),  # an index
        ("2015-01-14", 170.0, False),
        ("2018-12-15", 3200.0, False),
        ("2020-03-13", 3900.0, False),
        ("2022-11-21", 15500.0, False),
        ("2027-01-01", 3000.0, False),
        ("2020-01-01", 42000.0, True),  # of 2024, in days since 1904 that were read as since 1900
        ("2017-12-17", 19500.0, False),
        ("2013-11-30", 1150.0, False),
        ("2021-01-04", 33000.0, False),
    ],
)
def test_prices_that_bitcoin_had_not_in_those_days_are_said(
    day: str, price: float, said: bool
) -> None:
    begin = int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()) * 1000
    prices = [column / GIVEN.close[0] * price for column in GIVEN[1:5]]
    given = Candles(GIVEN.time - GIVEN.time[0] + begin, *prices, GIVEN.volume, QUARTER)
    assert any("where no BTC was in USDT then" in text for *_, text in told(given)) == said
    assert told(given, "ETH/USDT") == []


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


@pytest.mark.parametrize("tick", [1e-4, 1e-6, 1e-8, 1e-10])
def test_a_tick_that_is_a_hundredth_of_what_prices_move_by_is_said(tick: float) -> None:
    """ccxt 4.5.90 takes decimals for bullish's and indodax's, beside which they tell their own."""
    text = off_tick(columns_of(rounded(GIVEN, 0.01)), tick)
    assert "all of the latest prices are multiples of 0.01, " in text
    assert f"while the exchange tells a tick of {tick:.10g}: " in text
    assert text.endswith("set market.tick to 0.01 if that is it")


def test_a_market_of_few_prices_does_not_tell_its_tick() -> None:
    few = columns_of(rounded(GIVEN, 1.0, slice(None)))
    assert off_tick(few, 0.01).endswith("set market.tick to 1 if that is it")
    assert off_tick(Columns(*(column[:20] for column in few)), 0.01) == ""


@pytest.mark.parametrize("tick", [2.0, 0.1, 0.025])
def test_a_tick_that_prices_are_no_multiples_of_is_said(tick: float) -> None:
    text = off_tick(columns_of(rounded(GIVEN, 0.01)), tick)
    assert f"are no multiples of the tick that the exchange tells, {tick:g}" in text
    assert "set market.tick to another one" in text
