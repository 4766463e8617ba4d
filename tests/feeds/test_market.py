from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.feeds.market import MarketData, at_midnight, candles_digest, same_candles
from stoptrail.rules.candles import Candles
from stoptrail.rules.market import decimals
from tests.feeds.candle_files import QUARTER, START, candles


def market(missing: tuple[int, ...] = (), start: int = 10) -> MarketData:
    data = candles(100, missing=missing)
    begin, end = START + start * QUARTER, START + 100 * QUARTER
    index = int(np.searchsorted(data.time, begin))
    return MarketData(data, "BTC/USDT", "file", "x.csv", index, begin, end)


def test_missing_candles_of_the_span_are_counted_and_those_of_the_warm_up_are_not() -> None:
    given_market = market(missing=(3, 50, 51))
    assert (given_market.count, given_market.missing) == (88, 2)


def test_the_summary_is_what_the_run_file_holds() -> None:
    assert market(missing=(50,)).summary() == {
        "source": "file: x.csv",
        "symbol": "BTC/USDT",
        "timeframe": "15m",
        "start": "2021-06-22T02:30:00Z",
        "end": "2021-06-23T01:00:00Z",
        "candles": 89,
        "missing": 1,
        "synthetic": False,
        "volume": "base",
        "notes": [],
    }


def test_the_digest_covers_every_column_as_little_endian_bytes() -> None:
    data = candles(5)
    expected = hashlib.sha256(struct.pack("<5q", *data.time.tolist()))
    for column in data[1:6]:
        expected.update(struct.pack("<5d", *column.tolist()))
    assert candles_digest(data) == expected.hexdigest() == market_digest(data)


def market_digest(data: object) -> str:
    return MarketData(data, "X", "file", "", 0, START, START).sha256  # type: ignore[arg-type]


def test_the_digest_changes_with_the_last_bit_of_any_value() -> None:
    data = candles(5)
    for name in ("open", "high", "low", "close", "volume"):
        column = getattr(data, name).copy()
        column[3] = np.nextafter(column[3], np.inf)
        assert candles_digest(data._replace(**{name: column})) != candles_digest(data)


@given(st.integers(0, 8), st.lists(st.integers(1, 10**6), min_size=1))
def test_decimals_are_those_that_the_values_are_written_with(digits: int, whole: list[int]) -> None:
    units = [10 * n + 1 for n in whole]  # the last decimal is never zero
    values = np.array([float(f"{n}e-{digits}") for n in units])
    assert decimals(values) == digits


def test_a_few_sums_with_noise_do_not_add_decimals() -> None:
    values = np.round(np.linspace(1, 2, 2000), 3)
    values[::50] += 1.1e-9 * np.pi
    assert decimals(values) == 3


@pytest.mark.parametrize(("origin", "synthetic"), [("file", False), ("synthetic", True)])
def test_only_the_synthetic_market_is_synthetic(origin: str, synthetic: bool) -> None:
    given_market = MarketData(candles(2), "X", origin, "", 0, START, START)  # type: ignore[arg-type]
    assert given_market.synthetic is synthetic
    assert given_market.summary()["synthetic"] is synthetic


def test_decimals_are_those_of_the_last_90_days() -> None:
    """Years ago the exchange had a finer tick."""
    count = 200 * 24
    time = START + 3_600_000 * np.arange(count, dtype=np.int64)
    price = np.where(np.arange(count) < 100 * 24, 100.1234, 100.5)
    volume = np.where(np.arange(count) < 100 * 24, 1.00005, 1.25)
    data = Candles(time, price, price, price, price, volume, 3_600_000)
    market = MarketData(data, "SOL/USDT", "file", "x.csv", 0, int(time[0]), int(time[-1]))
    assert (market.price_digits, market.volume_digits) == (1, 2)


def test_two_names_of_one_market_are_told_though_one_has_fewer_candles() -> None:
    whole, part = candles(400), candles(400, missing=(3, 50))
    part = part._replace(volume=part.volume * 2.0)
    other = part._replace(close=np.append(part.close[:-1], part.close[-1] * 1.01))
    (line,) = same_candles({"A/B": whole, "C/D": other, "E/F": part})
    assert line.startswith("A/B and E/F have the same candles")
    days = {name: at_midnight(each) for name, each in (("A/B", whole), ("E/F", part))}
    assert len(days["A/B"].time) == 5
    assert same_candles(days) == [line]
