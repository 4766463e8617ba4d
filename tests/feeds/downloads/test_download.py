"""Downloads through the real ccxt client from the exchange simulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from stoptrail.config.market import Filters
from stoptrail.core.errors import ConfigError, DataError, ExchangeError
from stoptrail.core.time import iso
from stoptrail.exchange.errors import UnreachableError
from stoptrail.exchange.markets import MarketFacts
from stoptrail.exchange.rows import rows_from
from stoptrail.feeds.downloads import download as module
from stoptrail.feeds.downloads import newest
from stoptrail.feeds.downloads.cache import (
    Cached,
    cache_path,
    candles_of,
    filters_path,
    read_cache,
    read_facts,
    write_cache,
    write_facts,
)
from stoptrail.feeds.downloads.download import download_candles
from stoptrail.feeds.tables.columns import columns_of, rows_of
from stoptrail.rules.candles import Candles
from stoptrail.rules.costs import DAY
from tests.exchange.simulator import Simulator
from tests.exchange.trouble import malformed_answer, rate_limit, region_refusal, server_error
from tests.feeds.candle_files import QUARTER, START, candles, same

RECORDED = candles(2600, missing=range(1200, 1210))
CLOSED = len(RECORDED.time) - 1
"""The last candle of the recording is under way and must not be taken."""
END = START + 3000 * QUARTER


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    monkeypatch.setattr("stoptrail.exchange.client.time.sleep", lambda _: None)
    with Simulator(RECORDED, start=CLOSED) as simulator:
        simulator.set_clock_offset(60_000)
        yield simulator


def fetch(
    exchange: Simulator, folder: Path, start: int = START, end: int = END, **more: Any
) -> Cached:
    options = exchange.ccxt_options()
    return download_candles("binance", options, "BTC/USDT", QUARTER, start, end, folder, **more)


def recorded(first: int = 0, last: int = CLOSED) -> Candles:
    return Candles(*rows_of(columns_of(RECORDED), slice(first, last)), QUARTER)


def stored(folder: Path) -> Candles:
    path = cache_path(folder, "binance", "BTC/USDT", "15m")
    return candles_of(read_cache(path, QUARTER), QUARTER)


def test_every_closed_candle_arrives_and_the_unfinished_one_does_not(
    exchange: Simulator, tmp_path: Path
) -> None:
    cached = fetch(exchange, tmp_path)
    assert same(candles_of(cached, QUARTER), recorded())
    assert same(stored(tmp_path), recorded())


def test_trouble_on_the_way_ends_with_the_same_candles(exchange: Simulator, tmp_path: Path) -> None:
    klines = "/api/v3/klines"
    exchange.trouble(rate_limit(0, path=klines), server_error(2, path=klines), malformed_answer(1))
    told: list[str] = []
    fetch(exchange, tmp_path, on_notice=told.append)
    assert same(stored(tmp_path), recorded())
    assert len([line for line in told if line.startswith("waiting")]) == 4


def klines(exchange: Simulator) -> int:
    """How often candles were asked for."""
    return len([path for path in exchange.warning_log.requests if path.endswith("klines")])


def test_a_second_download_asks_for_nothing_that_is_there(
    exchange: Simulator, tmp_path: Path
) -> None:
    end = START + 2000 * QUARTER
    fetch(exchange, tmp_path, end=end)
    before = klines(exchange)
    fetch(exchange, tmp_path, end=end)
    assert klines(exchange) == before


def test_a_download_that_broke_off_goes_on_where_it_stopped(
    exchange: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def breaking(entries: Any, since: int, *rest: Any) -> Any:
        asked.append(since)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return rows_from(entries, since, *rest)

    monkeypatch.setattr(module, "rows_from", breaking)
    with pytest.raises(KeyboardInterrupt):
        fetch(exchange, tmp_path)
    kept = stored(tmp_path)
    assert same(kept, recorded(0, len(kept.time)))
    assert 900 < len(kept.time) <= 1000
    fetch(exchange, tmp_path)
    assert asked[2] == kept.time[-1] - 98 * QUARTER  # whether any was corrected
    assert asked[3] == asked[1] == kept.time[-1]
    assert same(stored(tmp_path), recorded())


def test_earlier_and_later_candles_are_added_around_what_is_there(
    exchange: Simulator, tmp_path: Path
) -> None:
    fetch(exchange, tmp_path, START + 500 * QUARTER, START + 600 * QUARTER)
    fetch(exchange, tmp_path, START + 900 * QUARTER, START + 950 * QUARTER)
    assert len(stored(tmp_path).time) == 150
    fetch(exchange, tmp_path)
    assert same(stored(tmp_path), recorded())


def test_progress_ends_at_the_whole(exchange: Simulator, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    fetch(exchange, tmp_path, on_progress=lambda done, total: seen.append((done, total)))
    expected = (int(RECORDED.time[-1]) - START) // QUARTER
    assert seen[-1] == (expected, expected)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_progress_is_told_where_nothing_is_left_to_ask_for(
    exchange: Simulator, tmp_path: Path
) -> None:
    fetch(exchange, tmp_path, START, START + 50 * QUARTER)
    seen: list[tuple[int, int]] = []
    again = START, START + 50 * QUARTER
    fetch(exchange, tmp_path, *again, on_progress=lambda *told: seen.append(told))
    assert seen == [(50, 50)]


@pytest.mark.parametrize("ahead", [0, 2, 4])
def test_without_a_clock_of_the_exchanges_the_newest_candle_may_be_unfinished(
    ahead: int, exchange: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by a clock of this machine that is some candles ahead, less than an hour."""
    now = int(RECORDED.time[CLOSED]) + ahead * QUARTER + 60_000
    for place in (module, newest):
        monkeypatch.setattr(place, "has_clock", lambda _: False)
    monkeypatch.setattr(module, "server_time", lambda _: now)
    fetch(exchange, tmp_path)
    assert same(stored(tmp_path), recorded())


def test_stretches_beyond_the_longest_are_told_together() -> None:
    spans = tuple((k * DAY, k * DAY + k * QUARTER) for k in range(1, module._SHOWN + 3))
    told: list[str] = []
    module.say_unserved("binance", spans, QUARTER, told.append)
    assert len(told) == module._SHOWN + 1
    assert f"from {iso(spans[-1][0])} to {iso(spans[-1][1])}" in told[0]
    between = f"between {iso(spans[0][0])} and {iso(spans[1][1])}"
    assert told[-1].startswith("binance gave nothing in 2 more ")
    assert told[-1].endswith(f", 3 candles, {between}")


def test_what_lies_before_the_first_candle_is_named_not_kept_and_asked_for_again(
    exchange: Simulator, tmp_path: Path
) -> None:
    told: list[str] = []
    early = START - 2000 * QUARTER
    cached = fetch(exchange, tmp_path, early, on_notice=told.append)
    assert same(stored(tmp_path), recorded())
    assert cached.covered[0][0] == START
    assert [span[:2] for span in cached.unserved] == [(early, START)]
    said = f"binance gave nothing from {iso(early)} to {iso(START)}"
    assert next(line for line in told if "data.start" in line).startswith(said)
    before = klines(exchange)
    fetch(exchange, tmp_path, early, on_notice=told.append)
    assert klines(exchange) > before


def test_a_hole_is_asked_for_twice_then_kept_and_named(exchange: Simulator, tmp_path: Path) -> None:
    told: list[str] = []
    cached = fetch(exchange, tmp_path, on_notice=told.append)
    assert cached.covered == ((START, int(RECORDED.time[-1])),)
    hole = iso(START + 1200 * QUARTER)
    assert any(
        f"1 gap, 10 candles in all, asked for twice; the longest from {hole}" in line
        for line in told
    )


def test_an_impossible_candle_is_left_out_and_said(
    exchange: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = int(RECORDED.time[50])

    def spoilt(entries: Any, *rest: Any) -> Any:
        return rows_from([[*e[:2], -1.0, *e[3:]] if e[0] == at else e for e in entries], *rest)

    monkeypatch.setattr(module, "rows_from", spoilt)
    told: list[str] = []
    fetch(exchange, tmp_path, on_notice=told.append)
    assert at not in stored(tmp_path).time
    assert [line for line in told if line.startswith(f"left out an impossible candle: [{at}")]


def test_a_cache_of_an_older_version_is_checked_again(exchange: Simulator, tmp_path: Path) -> None:
    """It took silence for a time without trades, and may hold the unfinished candle."""
    path = cache_path(tmp_path, "binance", "BTC/USDT", "15m")
    whole = columns_of(recorded())
    kept = np.setdiff1d(np.arange(CLOSED), np.arange(400, 700))
    old = rows_of(whole, kept)
    old.close[-1] += 0.5 * (old.high[-1] - old.close[-1])
    write_cache(Cached(path, old, ((START, int(RECORDED.time[-1])),)))
    table = pq.read_table(path)
    covered = {b"stoptrail.covered": table.schema.metadata[b"stoptrail.covered"]}
    pq.write_table(table.replace_schema_metadata(covered), path)
    assert same(fetched(exchange, tmp_path), recorded())


def fetched(exchange: Simulator, folder: Path) -> Candles:
    return candles_of(fetch(exchange, folder), QUARTER)


def test_the_exchange_s_filters_are_kept_beside_the_candles(
    exchange: Simulator, tmp_path: Path
) -> None:
    assert read_facts(tmp_path, "binance", "BTC/USDT") is None
    fetch(exchange, tmp_path)
    filters = Filters(0.01, 1e-5, 1e-5, 5.0)
    assert read_facts(tmp_path, "binance", "BTC/USDT") == (filters, "spot", 1.0, "base", None)


def test_a_contract_size_that_is_not_told_stays_untold(tmp_path: Path) -> None:
    place = (tmp_path, "gate", "BTC/USDT:USDT")
    facts = MarketFacts(Filters(0.1, 1.0, 1.0, None), "swap", None, "unknown")
    write_facts(*place, facts)
    assert read_facts(*place) == facts


def test_filters_of_an_older_version_are_read_and_damaged_ones_are_named(tmp_path: Path) -> None:
    path = filters_path(tmp_path, "gate", "BTC/USDT:USDT")
    path.parent.mkdir()
    old = {"tick": 0.1, "lot": 0.0001, "min_quantity": 0.0001, "min_notional": None}
    path.write_text(json.dumps(old))
    facts = read_facts(tmp_path, "gate", "BTC/USDT:USDT")
    assert facts == (Filters(0.1, 0.0001, 0.0001, None), "swap", 1.0, "base", None)
    for spoilt in (
        {**old, "type": 3},
        {**old, "volume": "lots"},
        {**old, "contract_size": "big"},
        7,
    ):
        path.write_text(json.dumps(spoilt))
        with pytest.raises(DataError, match="the filters are damaged; delete the file"):
            read_facts(tmp_path, "gate", "BTC/USDT:USDT")


def test_a_type_that_contradicts_the_market_is_refused_before_candles_are_asked_for(
    exchange: Simulator, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r'market.type = "swap", but BTC/USDT is a spot market'):
        fetch(exchange, tmp_path, market_type="swap")
    assert not list(tmp_path.rglob("*.parquet"))


def test_an_exchange_that_was_reached_is_not_called_out_of_reach(
    exchange: Simulator, tmp_path: Path
) -> None:
    exchange.trouble(server_error(100, path="/api/v3/klines"))
    with pytest.raises(ExchangeError, match=r"HTTP 5.*start again") as raised:
        fetch(exchange, tmp_path)
    assert not isinstance(raised.value, UnreachableError)


def test_a_refused_region_names_other_exchanges(exchange: Simulator, tmp_path: Path) -> None:
    exchange.trouble(region_refusal())
    with pytest.raises(ExchangeError, match=r"HTTP 451.*try another exchange, such as kraken"):
        fetch(exchange, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_unknown_symbol_names_the_closest(exchange: Simulator, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean BTC/USDT"):
        download_candles(
            "binance", exchange.ccxt_options(), "BTC/USD", QUARTER, START, END, tmp_path
        )
