"""Where candles come from, with the real ccxt client against the exchange simulator."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stoptrail.config.market import Filters
from stoptrail.core.errors import ConfigError, DataError, ExchangeError
from stoptrail.exchange.markets import MarketFacts
from stoptrail.feeds import source as module
from stoptrail.feeds.downloads.cache import cache_path, read_cache, write_cache, write_facts
from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.feeds.market import MarketData
from stoptrail.feeds.source import Wanted, load_market
from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.rules.candles import Candles
from stoptrail.rules.market import FINEST_LOT_DIGITS
from tests.exchange.simulator import Simulator
from tests.exchange.trouble import region_refusal
from tests.feeds.candle_files import QUARTER, START, candles, same, write_csv, write_parquet
from tests.feeds.candle_files import rows_of as cells_of

DAY = 86_400_000
RECORDED = candles(30 * 96 + 50, missing=(1000, 1001))
NOW = int(RECORDED.time[-1]) + 60_000
"""A minute into the last candle."""
TWO_WEEKS = Wanted(start=START + 10 * DAY, end=START + 24 * DAY)


@pytest.fixture(autouse=True)
def short_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WARMUP_DAYS", 5)
    monkeypatch.setattr("stoptrail.exchange.client.time.sleep", lambda _: None)


@pytest.fixture
def exchange() -> Iterator[Simulator]:
    with Simulator(RECORDED, start=len(RECORDED.time) - 1) as simulator:
        simulator.set_clock_offset(60_000)
        yield simulator


def nowhere() -> dict[str, Any]:
    """ccxt options that point to a port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/api/v3"
    return {"urls": {"api": {"public": address, "private": address}}}


def load(wanted: Wanted) -> tuple[MarketData, list[str]]:
    told: list[str] = []
    return load_market(wanted, on_notice=told.append, clock=lambda: NOW / 1000), told


def part(first: int, last: int) -> Candles:
    """Recorded candles of [first, last) days."""
    inside = (RECORDED.time >= START + first * DAY) & (RECORDED.time < START + last * DAY)
    return Candles(*(column[inside] for column in RECORDED[:6]), QUARTER)  # type: ignore[call-arg, arg-type]


def test_a_file_is_cut_to_its_span_with_the_warm_up_before(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", part(0, 30))
    market, told = load(replace(TWO_WEEKS, symbol="LTC/USDT", source="file", path=path))
    assert same(market.candles, part(0, 24))
    assert market.candles.time[market.start] == TWO_WEEKS.start
    assert (market.source, market.synthetic, told) == ("file: x.parquet", False, [])


def test_auto_takes_the_file_where_one_is_named(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "x.csv", cells_of(RECORDED))
    market, _ = load(replace(TWO_WEEKS, path=path, ccxt_options=nowhere()))
    assert market.origin == "file"


def test_a_file_source_without_a_file_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"data\.path is empty"):
        load(Wanted(source="file"))


def test_a_file_that_covers_the_span_in_part_is_used_and_said(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", part(0, 30))
    wanted = Wanted("LTC/USDT", source="file", path=path, start=START - DAY, end=START + 90 * DAY)
    market, told = load(wanted)
    assert market.start == 0
    assert [line.split(" at ")[0] for line in told] == ["the data begins", "the data ends"]


def test_a_file_outside_the_span_is_refused_by_name(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", part(0, 30))
    with pytest.raises(DataError, match=r"holds no candle: .*x\.parquet has 2021-06-22"):
        load(Wanted(source="file", path=path, start=START + 90 * DAY))


def test_auto_downloads_the_span_and_its_warm_up(exchange: Simulator, tmp_path: Path) -> None:
    wanted = replace(TWO_WEEKS, cache=tmp_path, ccxt_options=exchange.ccxt_options())
    market, _ = load(wanted)
    assert same(market.candles, part(5, 24))
    assert (market.source, market.start, market.synthetic) == ("exchange: binance", 5 * 96, False)
    assert market.missing == 2


def test_a_covered_span_needs_no_exchange(exchange: Simulator, tmp_path: Path) -> None:
    wanted = replace(TWO_WEEKS, cache=tmp_path, ccxt_options=exchange.ccxt_options())
    first, _ = load(wanted)
    again, told = load(replace(wanted, ccxt_options=nowhere(), source="exchange"))
    assert again.sha256 == first.sha256
    assert told == []


def test_more_in_the_cache_does_not_change_a_span(exchange: Simulator, tmp_path: Path) -> None:
    wanted = replace(TWO_WEEKS, cache=tmp_path, ccxt_options=exchange.ccxt_options())
    first, _ = load(wanted)
    load(replace(wanted, start=START, end=START + 29 * DAY))
    assert load(wanted)[0].sha256 == first.sha256


def test_an_open_span_ends_at_the_last_midnight(exchange: Simulator, tmp_path: Path) -> None:
    wanted = Wanted(start=START + 10 * DAY, cache=tmp_path, ccxt_options=exchange.ccxt_options())
    market, _ = load(wanted)
    assert market.end_time == START + 30 * DAY


def test_a_span_to_come_ends_at_the_last_closed_candle(exchange: Simulator, tmp_path: Path) -> None:
    wanted = Wanted(
        start=START + 10 * DAY,
        end=START + 400 * DAY,
        cache=tmp_path,
        ccxt_options=exchange.ccxt_options(),
    )
    market, told = load(wanted)
    assert market.end_time == RECORDED.time[-1]
    assert any(line.startswith("the data ends at") for line in told)


def test_auto_without_a_network_is_synthetic_and_says_so(tmp_path: Path) -> None:
    market, told = load(replace(TWO_WEEKS, cache=tmp_path, ccxt_options=nowhere()))
    assert market.synthetic
    assert market.source == "synthetic: seed 1"
    assert (market.start_time, market.end_time) == (TWO_WEEKS.start, TWO_WEEKS.end)
    assert len(told) == 1
    assert "binance cannot be reached" in told[0]
    assert "SYNTHETIC market" in told[0]
    assert not list(tmp_path.iterdir())


def test_auto_where_the_region_is_refused_is_synthetic_and_names_others(
    exchange: Simulator, tmp_path: Path
) -> None:
    exchange.trouble(region_refusal())
    options = exchange.ccxt_options()
    market, told = load(replace(TWO_WEEKS, cache=tmp_path, ccxt_options=options))
    assert market.synthetic
    assert "try another exchange, such as kraken" in told[0]


def test_exchange_without_a_network_fails(tmp_path: Path) -> None:
    wanted = replace(TWO_WEEKS, source="exchange", cache=tmp_path, ccxt_options=nowhere())
    with pytest.raises(ExchangeError, match="binance cannot be reached"):
        load(wanted)


@pytest.mark.parametrize(
    ("symbol", "kind", "said"),
    [
        ("BTC/USDT:USDT", "spot", r'market.type = "spot", but BTC/USDT:USDT is a swap market'),
        ("BTC/USDT:USDT", "margin", r'market.type = "margin", but'),
        ("BTC/USD:BTC", "auto", r"an inverse contract, whose profit is in BTC.*BTC/USDT:USDT"),
        ("ETH/USD:ETH-261225", "swap", r"an inverse contract"),
    ],
)
@pytest.mark.parametrize("source", ["file", "synthetic"])
def test_a_name_that_contradicts_is_refused_whatever_the_candles_are_of(
    tmp_path: Path, symbol: str, kind: str, said: str, source: str
) -> None:
    path = write_csv(tmp_path / "x.csv", cells_of(RECORDED))
    wanted = replace(TWO_WEEKS, path=path, symbol=symbol, market_type=kind)
    with pytest.raises(ConfigError, match=said):
        load(replace(wanted, source=source))  # type: ignore[arg-type]


def test_a_type_that_contradicts_the_known_market_of_a_file_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "x.csv", cells_of(RECORDED))
    wanted = replace(TWO_WEEKS, source="file", path=path, cache=tmp_path, market_type="swap")
    load(wanted)  # of a market of which nothing is known the user's word holds
    facts = MarketFacts(Filters(0.01, 0.001, None, None), "spot", 1.0, "base")
    write_facts(tmp_path, "binance", "BTC/USDT", facts)
    with pytest.raises(ConfigError, match=r"BTC/USDT is a spot market.*such as BTC/USDT:USDT"):
        load(wanted)


def test_a_type_that_contradicts_the_cached_market_is_refused(
    exchange: Simulator, tmp_path: Path
) -> None:
    wanted = replace(TWO_WEEKS, ccxt_options=exchange.ccxt_options(), cache=tmp_path)
    load(wanted)
    said = r'market.type = "swap", but BTC/USDT is a spot market: set market.type to "spot"'
    with pytest.raises(ConfigError, match=said):
        load(replace(wanted, market_type="swap", ccxt_options=nowhere()))


def test_volumes_that_may_count_contracts_are_said_and_tell_no_lot(
    exchange: Simulator, tmp_path: Path
) -> None:
    wanted = replace(TWO_WEEKS, ccxt_options=exchange.ccxt_options(), cache=tmp_path)
    market, _ = load(wanted)
    assert market.unit == "base"
    facts = MarketFacts(Filters(None, None, None, None), "spot", 0.001, "unknown")
    write_facts(tmp_path, "binance", "BTC/USDT", facts)
    market, told = load(wanted)
    assert (market.unit, market.volume_digits) == ("unknown", FINEST_LOT_DIGITS)
    assert any("contracts of 0.001 is not known" in line for line in told)
    write_facts(tmp_path, "binance", "BTC/USDT", facts._replace(type="swap", contract_size=None))
    market, told = load(replace(wanted, market_type="auto"))
    assert market.unit == "unknown"
    assert any("tells no contract size of BTC/USDT" in line for line in market.notes)


def test_a_tick_and_volumes_that_candles_contradict_are_said(
    exchange: Simulator, tmp_path: Path
) -> None:
    wanted = replace(TWO_WEEKS, ccxt_options=exchange.ccxt_options(), cache=tmp_path)
    _, told = load(wanted)
    assert not any("multiples of the tick" in line or "volume times" in line for line in told)
    facts = MarketFacts(Filters(2.0, None, None, None), "spot", 1.0, "base")
    write_facts(tmp_path, "binance", "BTC/USDT", facts)
    cached = read_cache(cache_path(tmp_path, "binance", "BTC/USDT", "15m"), QUARTER)
    worth = cached.columns.volume * cached.columns.close * 1e6
    write_cache(cached._replace(columns=cached.columns._replace(volume=worth)))
    market, told = load(wanted)
    assert market.unit == "unknown"
    assert any("no multiples of the tick that the exchange tells, 2:" in line for line in told)
    assert any("more than any market trades" in line for line in told)


def test_auto_does_not_hide_a_wrong_symbol(exchange: Simulator, tmp_path: Path) -> None:
    options = exchange.ccxt_options()
    with pytest.raises(ConfigError, match="not traded on binance"):
        load(replace(TWO_WEEKS, symbol="BTC/USD", cache=tmp_path, ccxt_options=options))


def test_an_open_span_without_a_network_takes_what_the_cache_has(
    exchange: Simulator, tmp_path: Path
) -> None:
    load(replace(TWO_WEEKS, cache=tmp_path, ccxt_options=exchange.ccxt_options()))
    market, told = load(Wanted(cache=tmp_path, ccxt_options=nowhere()))
    assert same(market.candles, part(5, 24))
    assert (market.origin, market.start) == ("exchange", 0)
    assert "going on with the cached candles up to 2021-07-16T00:00:00Z" in told[0]


def test_the_exchange_has_nothing_in_the_span(exchange: Simulator, tmp_path: Path) -> None:
    wanted = Wanted(
        start=START - 40 * DAY,
        end=START - 30 * DAY,
        cache=tmp_path,
        ccxt_options=exchange.ccxt_options(),
    )
    with pytest.raises(DataError, match="binance has no BTC/USDT candles from"):
        load(wanted)


@pytest.mark.parametrize(("start", "end"), [(20, 20), (20, 10), (400, None)])
def test_an_empty_span_is_refused_before_anything_is_asked(
    tmp_path: Path, start: int, end: int | None
) -> None:
    last = None if end is None else START + end * DAY
    wanted = Wanted(start=START + start * DAY, end=last, cache=tmp_path, ccxt_options=nowhere())
    with pytest.raises(DataError, match="holds no closed candle"):
        load(wanted)


def test_the_synthetic_market_by_default_has_five_years_and_a_warm_up() -> None:
    market, _ = load(Wanted(source="synthetic"))
    start, end = (
        datetime.fromtimestamp(t / 1000, UTC) for t in (market.start_time, market.end_time)
    )
    assert (start.year + 5, start.month, start.day) == (end.year, end.month, end.day)
    assert market.start > 0
    assert market.candles.time[market.start - 1] < market.start_time


def test_the_synthetic_market_has_the_span_seed_and_timeframe_asked_for() -> None:
    wanted = replace(TWO_WEEKS, source="synthetic", seed=9, interval=4 * QUARTER)
    market, _ = load(wanted)
    expected = synthetic_candles(9, 4 * QUARTER, START + 5 * DAY, START + 24 * DAY)
    assert same(market.candles, expected)
    assert (market.timeframe, market.source) == ("1h", "synthetic: seed 9")


def test_options_with_secrets_are_not_shown() -> None:
    assert "hush" not in repr(Wanted(ccxt_options={"apiKey": "hush"}))


def test_importing_the_sources_loads_no_heavy_library() -> None:
    heavy = ("pandas", "pyarrow", "ccxt", "backtrader", "numba", "requests")
    program = f"import sys, stoptrail.feeds.source; print([m for m in {heavy} if m in sys.modules])"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


_THREADS = Path("/proc/self/task")


@pytest.mark.skipif(not _THREADS.is_dir(), reason="only Linux lists the threads of a process")
def test_a_text_that_was_read_leaves_no_pool_of_threads(tmp_path: Path) -> None:
    """What still runs when the program ends lets it abort now and then."""
    path = write_csv(tmp_path / "x.csv", cells_of(part(0, 30)))
    program = (
        "import os, sys, pyarrow.csv; from stoptrail.feeds.files import load_candles; "
        f"count = lambda: len(os.listdir({str(_THREADS)!r})); before = count(); "
        "load_candles(sys.argv[1]); print(count() - before)"
    )
    root, command = Path(__file__).parents[2], [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert int(done.stdout) <= 1, done.stderr


def test_whatever_is_said_of_the_candles_is_in_the_summary_too(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", part(0, 30))
    market, told = load(Wanted("LTC/USDT", start=START - DAY, source="file", path=path))
    assert len(told) == 1
    assert market.summary()["notes"] == told


def test_unknown_volume_is_filled_in_at_one_place_and_tells_no_lot(tmp_path: Path) -> None:
    data = part(0, 30)
    data.volume[::2] = 0.0
    wanted = replace(TWO_WEEKS, source="file", path=write_parquet(tmp_path / "x.parquet", data))
    market, _ = load(replace(wanted, reading=Reading(volume="unknown")))
    assert np.all(market.candles.volume > 0)
    assert (market.unit, market.volume_digits) == ("unknown", 8)
    known, told = load(wanted)
    assert (known.unit, known.volume_digits) == ("base", 0)
    assert any("have no volume" in line for line in told)


def test_a_span_that_would_fill_the_memory_is_refused() -> None:
    ages = Wanted(source="synthetic", interval=60_000, start=START - 10**13, end=START)
    with pytest.raises(DataError, match="the synthetic market makes at most 20,000,000"):
        load_market(ages)
