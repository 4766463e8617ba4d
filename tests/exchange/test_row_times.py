"""Rows that begin with when their candle ends are told by what else they hold."""

from __future__ import annotations

from typing import Any

import ccxt.pro
import pytest

from stoptrail.exchange.client import construct, open_exchange

HOUR = 3_600_000
START = 1_710_327_600_000


def ndax(time: int) -> list[Any]:
    """As ccxt's recorded answer has it: the end first, the beginning last."""
    return [time + HOUR, 29_880.0, 29_860.0, 29_870.0, 29_875.0, 1.5, 0, 0, 82, time]


def test_a_row_that_also_tells_its_beginning_has_its_end_for_a_time() -> None:
    rows = [ndax(START), ndax(START + HOUR)]
    found = open_exchange("ndax").parse_ohlcvs(rows, None, "1h")
    assert found == [
        [START, 29_870.0, 29_880.0, 29_860.0, 29_875.0, 1.5],
        [START + HOUR, 29_870.0, 29_880.0, 29_860.0, 29_875.0, 1.5],
    ]


@pytest.mark.parametrize("unit", [1e-3, 1, 1e3, 1e6])
@pytest.mark.parametrize("form", [int, str])
def test_the_beginning_may_be_told_in_any_unit(unit: float, form: type) -> None:
    exchange = open_exchange("toobit")
    row = {"t": START + HOUR, "o": 1.0, "h": 2.0, "l": 1.0, "c": 1.5, "v": 9.0}
    row["begun"] = form(int(START * unit))
    assert exchange.parse_ohlcvs([row], None, "1h")[0][0] == START


def test_rows_that_tell_no_other_time_or_the_end_beside_the_beginning_are_as_they_were() -> None:
    for row in (
        [START, "2", "3", "1", "2", "9", START + HOUR - 1, "18", 3],
        [START, "2", "3", "1", "2", "9", START + HOUR, "18", 3],
        [START, "2", "3", "1", "2", "9"],
    ):
        exchange = open_exchange("toobit")
        assert exchange.parse_ohlcvs([row], None, "1h") == [[START, 2.0, 3.0, 1.0, 2.0, 9.0]]
    assert open_exchange("toobit").parse_ohlcvs([], None, "1h") == []


def test_sockets_that_tell_ends_are_not_listened_to() -> None:
    assert ccxt.pro.ndax().has["watchOHLCV"] is True
    assert construct(ccxt.pro, "ndax", {}).has["watchOHLCV"] is False
    assert construct(ccxt.pro, "kraken", {}).has["watchOHLCV"] is True
