"""Funding from exchanges that answer each in their own way (C19)."""

from __future__ import annotations

import math
import random
from types import SimpleNamespace
from typing import Any

import ccxt
import pytest

from stoptrail.core.errors import ConfigError, ExchangeError
from stoptrail.exchange.funding import PAGES, funding_between, missing, row_of, rows_of
from stoptrail.rules.funding import FundingRow

HOUR = 3_600_000
START = 1_704_067_200_000
"""2024-01-01."""


def history(hours: int, step: int, start: int = START) -> list[int]:
    return [start + h * HOUR for h in range(0, hours, step)]


class StandIn:
    """An exchange with these times of funding; `answer` chooses what a request gets."""

    def __init__(self, name: str, times: list[int], answer: Any) -> None:
        self.id = name
        self.has = {"fetchFundingRateHistory": True}
        self._times = times
        self._answer = answer
        self.asked: list[dict[str, Any]] = []

    def fetch_funding_rate_history(
        self, symbol: str, since: int | None, limit: int | None, params: dict[str, Any]
    ) -> list[dict[str, Any]]:
        self.asked.append({"since": since, "limit": limit, **params})
        times = self._answer(self._times, since, limit, params)
        return [
            {"timestamp": t, "fundingRate": 0.0001, "symbol": symbol, "info": {}} for t in times
        ]


def first_in_window(times: list[int], since: int, limit: int, params: Any) -> list[int]:
    return [t for t in times if since <= t <= params["until"]][:limit]


def last_in_window(times: list[int], since: int, limit: int, params: Any) -> list[int]:
    """Bybit: of a window the newest ones."""
    return [t for t in times if since <= t <= params["until"]][-limit:]


def before_its_end(times: list[int], since: int, limit: int, params: Any) -> list[int]:
    """Apex (`endTimeExclusive`): a row at the end itself does not belong to the window."""
    return [t for t in times if since <= t < params["until"]][-limit:]


def before_its_second(times: list[int], since: int, limit: int, params: Any) -> list[int]:
    """The same where ccxt tells the end in seconds."""
    return before_its_end(times, since, limit, {"until": params["until"] // 1000 * 1000})


def newest_of_all(times: list[int], since: int, limit: int, params: Any) -> list[int]:
    """Toobit, hashkey: neither start nor end is sent; ccxt leaves what is after the start."""
    return [t for t in times[-limit:] if t >= since]


def first_from_start(times: list[int], since: int, limit: int, params: Any) -> list[int]:
    """Digifinex: the start is sent and no end."""
    return [t for t in times if t >= since][:limit]


def newest_for_the_old(times: list[int], since: int, limit: int, params: Any) -> list[int]:
    """Of a window that is too old the newest page, whatever its end."""
    old = params["until"] < times[len(times) // 4]
    return (newest_of_all if old else last_in_window)(times, since, limit, params)


def cut_at_its_end(times: list[int], since: int, limit: int, params: Any) -> list[int]:
    """Fewer than were asked for, of hourly rows."""
    return first_in_window(times, since, 40, params)


def cut_at_its_start(times: list[int], since: int, limit: int, params: Any) -> list[int]:
    return last_in_window(times, since, 40, params)


def whole_list(times: list[int], since: int | None, limit: int | None, params: Any) -> list[int]:
    """Krakenfutures: all of it each time, of which ccxt leaves what was asked for."""
    return [t for t in times if since is None or t >= since][:limit]


def newest_page(times: list[int], since: None, limit: int, params: Any) -> list[int]:
    """Bitget: pages from the newest on, whatever the start."""
    assert since is None
    last = len(times) - (params["pageNo"] - 1) * limit
    return times[max(0, last - limit) : max(0, last)]


def newest_page_of_mexc(times: list[int], since: None, limit: int, params: Any) -> list[int]:
    return newest_page(times, since, limit, {"pageNo": params["page_num"]})


def newest_before(times: list[int], since: None, limit: int, params: Any) -> list[int]:
    """OKX: the newest before a moment, whatever else is asked for."""
    assert since is None
    return [t for t in times if t < params["after"]][-limit:]


def three_months(times: list[int], since: None, limit: int, params: Any) -> list[int]:
    kept = [t for t in times if t >= times[-1] - 90 * 24 * HOUR]
    return newest_before(kept, since, limit, params)


@pytest.mark.parametrize(
    ("name", "step", "answer"),
    [
        ("binance", 8, first_in_window),
        ("bybit", 8, last_in_window),
        ("bitget", 8, newest_page),
        ("hyperliquid", 1, first_in_window),
        ("krakenfutures", 1, whole_list),
        ("okx", 8, newest_before),
        ("okx", 1, newest_before),
        ("anyother", 4, last_in_window),
        ("apex", 1, before_its_end),
        ("apex", 8, before_its_end),
        ("anyother", 1, before_its_second),
        ("digifinex", 1, first_from_start),
        ("digifinex", 8, first_from_start),
        ("anyother", 1, cut_at_its_end),
        ("anyother", 1, cut_at_its_start),
        ("hyperliquid", 1, cut_at_its_end),
        ("gate", 1, cut_at_its_start),
    ],
)
def test_every_row_of_the_span_comes_once_however_it_is_answered(
    name: str, step: int, answer: Any
) -> None:
    times = history(5000, step)
    exchange = StandIn(name, times, answer)
    start, end = times[10], times[-3]
    said: list[str] = []
    rows = funding_between(exchange, "BTC/USDT:USDT", start, end, said.append)
    assert [row.time for row in rows] == times[10:-2]
    assert said == []
    assert all((asked["limit"] or 0) <= PAGES.get(name, 100) for asked in exchange.asked)
    assert name != "krakenfutures" or len(exchange.asked) == 1


def test_an_interval_that_changed_loses_nothing() -> None:
    times = history(1600, 8) + history(800, 1, START + 1600 * HOUR)
    exchange = StandIn("bybit", times, last_in_window)
    rows = funding_between(exchange, "X/USDT:USDT", times[0], times[-1])
    assert [row.time for row in rows] == times


def changing(chance: random.Random) -> list[int]:
    """Intervals that change, rows up to 18 ms late, pauses of days, and an end long ago."""
    found, at = [], START + chance.randrange(50) * HOUR
    for _ in range(chance.randrange(3, 12)):
        step = chance.choice([8, 4, 2, 1])
        for _ in range(chance.randrange(1, 400)):
            at += step * HOUR
            found.append(at + chance.choice([0, 0, 1, 11, 18]))
        if chance.random() < 0.4:
            at += chance.randrange(1, 40) * 24 * HOUR
    return found


def test_the_newest_rows_are_not_asked_for_again_where_there_are_no_others() -> None:
    times = history(5000, 8)
    exchange = StandIn("anyother", times, newest_of_all)
    said: list[str] = []
    rows = funding_between(exchange, "BTC/USDT:USDT", times[10], times[-1], said.append)
    assert [row.time for row in rows] == times[-100:]
    assert len(exchange.asked) == 2
    assert len(said) == 1


def test_the_newest_rows_in_place_of_old_ones_hide_none_between() -> None:
    times = history(5000, 1)
    exchange, said = StandIn("anyother", times, newest_for_the_old), list[str]()
    rows = funding_between(exchange, "BTC/USDT:USDT", times[10], times[-1], said.append)
    assert len(rows) >= 3700
    assert said[0].startswith("anyother gave no funding of BTC/USDT:USDT from 2024-01-01T10:00:00Z")
    assert len(said) == 1


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("binance", first_in_window),
        ("bybit", last_in_window),
        ("bitget", newest_page),
        ("mexc", newest_page_of_mexc),
        ("krakenfutures", whole_list),
        ("okx", newest_before),
        ("deribit", first_in_window),
        ("anyother", last_in_window),
    ],
)
def test_whatever_a_history_is_like_all_of_a_span_comes_or_is_named(name: str, answer: Any) -> None:
    for seed in range(60):
        chance = random.Random(seed)
        times = changing(chance)
        exchange, said = StandIn(name, times, answer), list[str]()
        start = times[0] + chance.randrange(-3000, 2000) * HOUR
        end = start + chance.randrange(1, 6000) * HOUR
        rows = funding_between(exchange, "X/USDT:USDT", start, end, said.append)
        assert [row.time for row in rows] == [t for t in times if start <= t <= end], seed
        first = rows[0].time if rows else end
        if first - start > 8 * HOUR:
            assert len(said) >= 1


def test_windows_without_a_row_are_stepped_over() -> None:
    times = history(100, 8) + history(100, 8, START + 3000 * HOUR)
    exchange = StandIn("anyother", times, first_in_window)
    rows = funding_between(exchange, "X/USDT:USDT", times[0], times[-1])
    assert [row.time for row in rows] == times


def test_a_history_that_begins_late_is_said() -> None:
    times = history(24 * 400, 8)
    said: list[str] = []
    rows = funding_between(
        StandIn("okx", times, three_months), "X/USDT:USDT", times[0], times[-1], said.append
    )
    assert rows[0].time == times[-1] - 90 * 24 * HOUR
    assert len(said) == 1
    assert "okx gave no funding" in said[0]


@pytest.mark.parametrize("step", [1, 4, 8])
def test_two_holes_with_a_row_between_them_are_named(step: int) -> None:
    """Each is beside the other, and so hid it: the row was missed by nobody, for ever."""
    times = history(240, step)
    left = [time for k, time in enumerate(times) if k not in (10, 12)]
    expected = [(times[9], times[11]), (times[11], times[13])]
    assert missing(left, times[0], times[-1]) == expected


def test_a_first_row_that_does_not_come_is_named() -> None:
    times = history(240, 8)
    assert missing(times[1:], times[0], times[-1]) == [(times[0], times[1])]


def test_more_stretches_than_are_named_are_counted() -> None:
    times = history(240, 8)
    left = [time for k, time in enumerate(times) if k not in range(3, 26, 3)]
    said: list[str] = []
    exchange = StandIn("anyother", left, last_in_window)
    funding_between(exchange, "X/USDT:USDT", times[0], times[-1], said.append)
    assert len(said) == 6
    assert "in 3 stretches more" in said[-1]


def test_an_exchange_that_pays_more_often_for_a_while_leaves_nothing_out() -> None:
    times = history(240, 8) + history(48, 1, START + 240 * HOUR)
    times += history(48, 4, START + 288 * HOUR) + history(240, 8, START + 336 * HOUR)
    assert missing(times, times[0], times[-1]) == []


def test_rows_that_do_not_come_are_named_wherever_they_are() -> None:
    times = history(240, 8) + history(48, 1, START + 240 * HOUR)
    gone = {times[3], *times[20:24], times[40]}
    left = [time for time in times if time not in gone]
    end = times[-1] + 3 * HOUR
    expected = [
        (times[19], times[24]),
        (times[2], times[4]),
        (times[-1], end),
        (times[39], times[41]),
    ]
    assert missing(left, times[0], end) == expected
    assert missing(times, times[0], times[-1] + HOUR) == []
    said: list[str] = []
    exchange = StandIn("bybit", left, last_in_window)
    funding_between(exchange, "X/USDT:USDT", times[0], end, said.append)
    assert len(said) == 4


def test_an_exchange_without_a_history_is_told_with_what_to_do() -> None:
    none = SimpleNamespace(id="none", has={})
    with pytest.raises(ConfigError, match=r"data\.funding"):
        funding_between(none, "X/USDT:USDT", START, START)


def test_the_rate_is_a_fraction_of_the_row_whatever_the_exchange_calls_it() -> None:
    kraken = {"relativeFundingRate": 0.00001, "fundingRate": 0.6}
    late = {"timestamp": START, "fundingRate": 0.6, "info": kraken}
    assert row_of("krakenfutures", late)[:2] == (START, 0.00001)  # type: ignore[index]
    assert row_of("krakenfutures", late).hours == 1.0  # type: ignore[union-attr]
    early = {**late, "timestamp": 1_664_452_800_000 - 1}
    assert row_of("krakenfutures", early).hours == 4.0  # type: ignore[union-attr]
    hourly = {"interest_1h": 1e-6, "interest_8h": 8e-6}
    told = row_of("deribit", {"timestamp": START, "fundingRate": 8e-6, "info": hourly})
    assert told is not None
    assert (told.rate, told.hours) == (1e-6, 1.0)
    priced = {"timestamp": START, "fundingRate": 1e-4, "info": {"markPrice": "42000.5"}}
    assert row_of("binance", priced) == FundingRow(START, 1e-4, 42000.5, 0.0)


COINBASE = {
    "timestamp": START,
    "index_price": 64832.34,
    "interest_8h": 8e-5,
    "interest_1h": 1e-5,
    "prev_index_price": 64773.05,
}
"""A row of coinbaseinternational's public/get_funding_rate_history, as a comment of ccxt 4.5.90's
`fetch_funding_rate_history` shows it."""


@pytest.mark.parametrize("name", ["deribit", "coinbaseinternational"])
def test_an_hourly_row_with_the_rate_of_eight_hours_holds_that_of_its_hour(name: str) -> None:
    told = getattr(ccxt, name)().parse_funding_rate(COINBASE)
    assert told["fundingRate"] == 8e-5
    assert row_of(name, told) == FundingRow(START, 1e-5, math.nan, 1.0)


@pytest.mark.parametrize("rate", [None, "", "x", math.nan, math.inf])
def test_what_is_no_rate_is_left_out(rate: Any) -> None:
    assert row_of("okx", {"timestamp": START, "fundingRate": rate, "info": {}}) is None


def test_a_rate_that_was_looked_at_all_the_time_is_no_series_of_payments() -> None:
    """paradex computes it each second; ccxt gives what it saw as a history."""

    def seen(every: int, count: int = 100) -> list[dict[str, Any]]:
        times = range(START, START + count * every, every)
        return [{"timestamp": time, "fundingRate": 0.0001, "info": {}} for time in times]

    for every in (1000, 5000, 60_000, 300_000):
        with pytest.raises(ExchangeError, match=rf"a rate of funding every {every // 1000} s, whi"):
            rows_of("paradex", seen(every))
    again = [{**one, "timestamp": one["timestamp"] + 7} for one in seen(HOUR)]
    assert len(rows_of("dydx", seen(HOUR) + again)) == 200
    assert len(rows_of("dydx", seen(1000, 3))) == 3
