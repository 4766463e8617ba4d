from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console

import runner
from stoptrail.cli.data import check, convert, download
from stoptrail.core.errors import ConfigError, ExchangeError
from stoptrail.feeds.downloads.cache import cache_path
from stoptrail.feeds.files import load_candles
from tests.exchange.simulator import Simulator
from tests.exchange.trouble import region_refusal
from tests.feeds import written
from tests.feeds.candle_files import (
    QUARTER,
    START,
    candles,
    rows_of,
    same,
    write_csv,
    write_parquet,
)

DAY = 86_400_000
RECORDED = candles(20 * 96)


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=60)


@pytest.fixture
def exchange() -> Iterator[Simulator]:
    with Simulator(RECORDED, start=len(RECORDED.time) - 1) as simulator:
        yield simulator


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def fetch(exchange: Simulator, console: Console, cache: Path, symbol: str = "BTC/USDT") -> int:
    start, end = START + 5 * DAY, START + 15 * DAY
    options = exchange.ccxt_options()
    return download("binance", options, symbol, "15m", start, end, cache, console)


def test_download_fills_the_cache_and_says_what_is_there(
    exchange: Simulator, console: Console, tmp_path: Path
) -> None:
    assert fetch(exchange, console, tmp_path) == 0
    path = cache_path(tmp_path, "binance", "BTC/USDT", "15m")
    loaded = load_candles(path)
    assert loaded.time[0] == START
    assert loaded.time[-1] == START + 15 * DAY - QUARTER
    said = f"{15 * 96:,} candles, 2021-06-22T00:00:00Z to 2021-07-07T00:00:00Z: {path}"
    assert said in text(console)


def test_without_a_terminal_progress_is_plain_lines(
    exchange: Simulator, console: Console, tmp_path: Path
) -> None:
    fetch(exchange, console, tmp_path)
    lines = [line for line in text(console).splitlines() if line.startswith("binance BTC/USDT 15m")]
    assert 1 <= len(lines) <= 11
    assert "\x1b" not in text(console)


def test_on_a_terminal_progress_is_a_bar(exchange: Simulator, tmp_path: Path) -> None:
    terminal = Console(file=io.StringIO(), width=100, force_terminal=True)
    assert fetch(exchange, terminal, tmp_path) == 0
    assert "binance BTC/USDT 15m" in text(terminal)
    assert "━" in text(terminal)


def test_a_refused_region_is_an_error_of_the_exchange(
    exchange: Simulator, console: Console, tmp_path: Path
) -> None:
    exchange.trouble(region_refusal())
    with pytest.raises(ExchangeError, match="kraken"):
        fetch(exchange, console, tmp_path)


@pytest.mark.parametrize(("funding", "mark"), [(True, False), (False, True), (True, True)])
def test_what_only_a_swap_has_is_refused_of_spot_before_anything_is_asked(
    funding: bool, mark: bool, tmp_path: Path
) -> None:
    """No exchange of that name is there to be asked."""
    with pytest.raises(ConfigError, match=r"BTC/USDT is no swap.*such as BTC/USDT:USDT, or leave"):
        download("nobody", {}, "BTC/USDT", "15m", None, None, tmp_path, funding=funding, mark=mark)


def test_an_unknown_timeframe_is_a_usage_error(console: Console, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="timeframe = '15x'"):
        download("binance", {}, "BTC/USDT", "15x", None, None, tmp_path, console)


def test_check_of_a_usable_file_lists_gaps_and_succeeds(console: Console, tmp_path: Path) -> None:
    data = candles(100, missing=(10, 11))
    assert check(write_parquet(tmp_path / "a.parquet", data), None, console) == 0
    said = text(console)
    assert "98 rows of 15m, 2021-06-22T00:00:00Z to 2021-06-23T01:00:00Z" in said
    assert "gap: 2 candles\n" in said
    assert "The file can be used." in said


def test_check_of_a_broken_file_lists_its_faults_and_fails(
    console: Console, tmp_path: Path
) -> None:
    rows = rows_of(candles(100))
    for row in range(40, 80, 2):
        rows[row][2] = "[bold]"
    rows[90][3] = "-4"
    assert check(write_csv(tmp_path / "a.csv", rows), "15m", console) == 1
    said = text(console)
    assert "unreadable: 20 rows\n" in said
    assert "high = '[bold]' is not a number; mend or remove the row (and 19 more)" in said
    assert "row 91" in said
    assert "cannot be used as it is" in said


def test_long_lists_are_cut_and_counted(console: Console, tmp_path: Path) -> None:
    data = candles(200, missing=range(1, 199, 4))
    assert check(write_parquet(tmp_path / "a.parquet", data), None, console) == 0
    assert "... and 30 more" in text(console)


def test_check_says_what_the_file_is_and_what_it_would_load_as(
    console: Console, tmp_path: Path
) -> None:
    path = written.bitmex(tmp_path / "a.csv", candles(50))
    assert check(path, None, console) == 0
    said = text(console)
    assert "BitMEX trade buckets (CSV): time from timestamp (close)" in said
    assert "volume from homeNotional (base)" in said
    assert "first: 2021-06-22T00:00:00Z" in said
    assert "note: timestamp is the close of a candle: each opens 15m earlier" in said


def test_check_shows_the_line_with_which_a_run_would_refuse(
    console: Console, tmp_path: Path
) -> None:
    rows = rows_of(candles(50))
    rows.insert(10, [*rows[9][:5], "0.5"])
    assert check(write_csv(tmp_path / "a.csv", rows), None, console) == 1
    assert "A run says: " in text(console)
    assert "comes twice" in text(console)


def test_convert_writes_what_a_run_would_load(console: Console, tmp_path: Path) -> None:
    given = candles(50, missing=(7,))
    path = written.jesse(tmp_path / "a.csv", given)
    out = tmp_path / "deep" / "out.parquet"
    assert convert(path, out, "15m", console) == 0
    assert pq.read_schema(out).names == ["timestamp", "open", "high", "low", "close", "volume"]
    assert str(pq.read_schema(out).field("timestamp").type) == "timestamp[ms, tz=UTC]"
    assert same(load_candles(out), given)
    assert f"49 candles of 15m, 2021-06-22T00:00:00Z to 2021-06-22T12:30:00Z: {out}" in text(
        console
    )


def test_convert_does_not_write_over_what_it_reads(console: Console, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", rows_of(candles(50)))
    with pytest.raises(ConfigError, match="is the file that is read"):
        convert(path, path, None, console)
    assert path.read_text().startswith("timestamp,")


def test_check_and_convert_read_a_file_as_the_settings_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written.gate(tmp_path / "a.csv", candles(50))
    out = tmp_path / "out.parquet"
    order = "data.columns=time,volume,close,high,low,open"
    assert runner.main(["data", "check", str(path)]) == 2
    assert runner.main(["data", "check", str(path), "--set", order]) == 0
    assert runner.main(["data", "convert", str(path), str(out), "--set", order]) == 0
    assert same(load_candles(out), candles(50))
    assert "columns as data.columns names them" in capsys.readouterr().out


def test_of_several_symbols_check_and_convert_take_that_of_the_settings_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written.two_symbols(tmp_path / "a.csv", candles(50))
    Path("strategy.toml").write_text('[data]\nsymbol = "ETH/USDT"\n')
    for command in (["check", "a.csv"], ["convert", "a.csv", "out.parquet"]):
        assert runner.main(["data", *command]) == 0
        assert "of 2 symbols (BTCUSDT, ETHUSDT) ETHUSDT" in capsys.readouterr().out


def test_of_several_timeframes_check_takes_that_of_the_settings_as_a_run_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, length in (("15m", QUARTER), ("1h", 4 * QUARTER)):
        write_parquet(tmp_path / f"BTC_USDT-{name}.parquet", candles(40, interval=length))
    assert runner.main(["data", "check", str(tmp_path)]) == 0
    assert "40 rows of 15m" in (told := capsys.readouterr().out)
    assert "1 file of another timeframe than 15m passed over" in told
    for more in (["--set", "data.timeframe=1h"], ["--timeframe", "1h"]):
        assert runner.main(["data", "check", str(tmp_path), *more]) == 0
        assert "40 rows of 1h" in capsys.readouterr().out


def test_of_several_exchanges_the_check_takes_that_of_the_settings_as_a_run_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = "exchange,timestamp,open,high,low,close,volume"
    rows = [
        [name, *row[:1], *(value * factor for value in row[1:5]), row[5]]
        for row in written.rows_of(candles(50))
        for name, factor in (("binance", 1.0), ("kraken", 1.001))
    ]
    path = written.table(tmp_path / "a.csv", header, rows)
    for name in ("binance", "kraken"):
        assert runner.main(["data", "check", str(path), "--set", f"data.exchange={name}"]) == 0
        assert f"of 2 exchanges (binance, kraken) {name}; 50 rows left out" in (
            capsys.readouterr().out
        )
    assert runner.main(["data", "check", str(path), "--set", "data.exchange=okx"]) == 2
    assert "set data.exchange to one of them" in capsys.readouterr().err


def test_a_file_with_a_header_alone_has_no_dates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_csv(tmp_path / "a.csv", [])
    assert runner.main(["data", "check", str(path)]) == 1
    said = capsys.readouterr().out
    assert "0 rows, no candle" in said
    assert "1970" not in said


def test_a_pipe_is_not_replaced_by_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, pipe = tmp_path / "candles.csv", tmp_path / "pipe"
    write_csv(source, rows_of(candles(20)))
    os.mkfifo(pipe)
    assert runner.main(["data", "convert", str(source), str(pipe)]) == 2
    assert capsys.readouterr().err == f"error: {pipe} is a pipe or a device; name a file to write\n"
    assert pipe.is_fifo()


@pytest.mark.parametrize("separator", ",;\t|")
def test_a_table_without_all_prices_is_told_by_its_columns(
    tmp_path: Path, separator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "candles.csv"
    rows = [("timestamp", "open", "high", "low"), ("2024-01-01", "2", "3", "1")]
    source.write_text("".join(separator.join(row) + "\n" for row in rows))
    assert runner.main(["data", "check", str(source)]) == 2
    said = capsys.readouterr().err
    assert "its rows have 4 columns, and open time, open, high, low, close are needed" in said


def test_a_single_missing_candle_is_not_in_the_plural(tmp_path: Path, console: Console) -> None:
    source = tmp_path / "candles.csv"
    write_csv(source, [row for at, row in enumerate(rows_of(candles(20))) if at != 7])
    check(source, console=console)
    assert "1 candle missing\n" in text(console)
