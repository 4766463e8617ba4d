"""What a file does not say is asked for: one line with the row, the value and the setting."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stoptrail.core.errors import DataError
from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.rules.candles import Candles
from tests.feeds import written
from tests.feeds.candle_files import QUARTER, same
from tests.feeds.written import PLAIN, moment, rows_of, table, typical

HOUR = 4 * QUARTER
OCTOBER = 1_729_814_400_000
"""2024-10-25 00:00 UTC; summer time ends in Berlin on the 27th at 01:00 UTC."""
MARCH = 1_711_756_800_000
"""2024-03-30 00:00 UTC; summer time begins in Berlin on the 31st at 01:00 UTC."""
BERLIN = Reading(zone="Europe/Berlin")


def walk(n: int = 300, start: int = OCTOBER) -> Candles:
    """A market whose candles open where the one before closed."""
    random = np.random.default_rng(5)
    ends = np.round(42_000 * np.exp(np.cumsum(random.normal(0, 0.002, n + 1))), 2)
    opened, closed = ends[:-1], ends[1:]
    high = np.round(np.maximum(opened, closed) + 40 * random.random(n) + 0.01, 2)
    low = np.round(np.minimum(opened, closed) - 40 * random.random(n) - 0.01, 2)
    volume = np.round(random.random(n) * 90 + 0.1, 5)
    return Candles(start + np.arange(n) * QUARTER, opened, high, low, closed, volume, QUARTER)


def refusal(path: Path, reading: Reading | None = None) -> str:
    with pytest.raises(DataError) as caught:
        load_file(path, QUARTER, reading or Reading())
    assert "\n" not in str(caught.value)
    return str(caught.value)


ORDERS = {
    "coinbase": (written.coinbase, "time,low,high,open,close,volume"),
    "gate": (written.gate, "time,volume,close,high,low,open"),
}


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("newest_first", [False, True])
def test_columns_in_another_order_are_asked_for_and_the_fitting_order_is_shown(
    tmp_path: Path, name: str, newest_first: bool
) -> None:
    write, order = ORDERS[name]
    path, given = write(tmp_path / "a.csv", walk()), walk()
    if newest_first:
        path.write_text("\n".join(reversed(path.read_text().split())) + "\n")
    said = refusal(path)
    assert "the columns are in another order" in said
    assert f"--set data.columns={order}," in said
    assert same(load_file(path, QUARTER, Reading(columns=tuple(order.split(",")))).candles, given)


def test_the_close_before_and_an_average_are_neither_volume_nor_price(tmp_path: Path) -> None:
    """Phemex's ten cells, of a market that trades a tenth of its price; Kraken's answer."""
    given = walk()._replace(volume=np.round(walk().volume * 90, 5))
    before = [given.open[0], *given.close[:-1].tolist()]
    phemex = [[r[0] // 1000, 900, last, *r[1:], r[5] * typical(r), "BTCUSDT"]
              for last, r in zip(before, rows_of(given), strict=True)]  # fmt: skip
    kraken = [[r[0] // 1000, *r[1:5], typical(r), r[5], 300] for r in rows_of(given)]
    for rows, order in (
        (phemex, "time,-,-,open,high,low,close,volume,-,-"),
        (kraken, "time,open,high,low,close,-,volume,-"),
    ):
        path = tmp_path / "a.json"
        path.write_text(json.dumps({"result": rows}))
        assert f"--set data.columns={order}," in refusal(path)
        reading = Reading(columns=tuple(order.split(",")))
        assert same(load_file(path, QUARTER, reading).candles, given)


def test_the_volume_of_a_wide_table_is_found_behind_its_parts(tmp_path: Path) -> None:
    """BitMEX' amounts stand behind eight columns; buyers and sellers make up all that is traded."""
    given = walk()
    bought = [round(row[5] * (0.2 + k * k % 7 / 10), 5) for k, row in enumerate(rows_of(given))]
    bitmex = [[*row[:5], 5, round(row[5] * typical(row)), typical(row), 1, 10**8, row[5],
               row[5] * typical(row)] for row in rows_of(given)]  # fmt: skip
    sides = [[*row[:5], part, row[5], row[5] - part]
             for part, row in zip(bought, rows_of(given), strict=True)]  # fmt: skip
    for rows, order in (
        (bitmex, "time,open,high,low,close,-,-,-,-,-,volume,-"),
        (sides, "time,open,high,low,close,-,volume,-"),
    ):
        last = [[*row[1:], row[0]] for row in rows]  # the time comes last
        names = f"{order.removeprefix('time,')},time"
        path = table(tmp_path / "a.csv", None, last)
        assert f"--set data.columns={names}," in refusal(path)
        reading = Reading(columns=tuple(names.split(",")))
        assert same(load_file(path, QUARTER, reading).candles, given)


def test_two_markets_side_by_side_without_names_are_not_chosen_between(tmp_path: Path) -> None:
    rows = [[*row, *(value * 0.05 for value in row[1:5]), 7.5] for row in rows_of(walk())]
    assert "holds the prices of two markets" in refusal(table(tmp_path / "a.csv", None, rows))


def test_constants_that_fill_columns_are_no_other_market(tmp_path: Path) -> None:
    given = walk()
    for fill in (0, 1, 1.5):
        rows = [[*row, *[fill] * 5] for row in rows_of(given)]
        assert same(load_file(table(tmp_path / "a.csv", None, rows), QUARTER).candles, given)


def test_a_column_of_zones_is_heard_whatever_it_is_called(tmp_path: Path) -> None:
    given = walk()
    for zone, ahead in (("+05:45", 20_700_000), ("Asia/Tokyo", 32_400_000)):
        rows = [[moment(row[0] + ahead), zone, *row[1:]] for row in rows_of(given)]
        path = table(tmp_path / "a.csv", None, rows)
        order = ("time", "-", *PLAIN.split(",")[1:])
        loaded = load_file(path, QUARTER, Reading(columns=order))
        assert same(loaded.candles, given)
        assert [note for note in loaded.notes if "as the file says" in note]


CLOCKED = {
    "an average before the close": (lambda r: [*r[1:4], typical(r), r[4], r[5]],
                                    "open,high,low,-,close,volume"),
    "open and close exchanged": (lambda r: [r[4], r[2], r[3], r[1], r[5]],
                                 "close,high,low,open,volume"),
}  # fmt: skip


@pytest.mark.parametrize("name", CLOCKED)
@pytest.mark.parametrize("day_first", [True, False])
def test_rows_of_a_day_and_a_clock_are_asked_for_their_order(
    tmp_path: Path, name: str, day_first: bool
) -> None:
    values, order = CLOCKED[name]
    given = walk()
    rows = [[moment(r[0], "%Y.%m.%d"), moment(r[0], "%H:%M"), *values(r)] for r in rows_of(given)]
    if not day_first:
        rows = [["BTCUSDT", f"{day} {clock}", *rest] for day, clock, *rest in rows]
        order = f"-,time,{order}"
    else:
        order = f"date,time,{order}"
    path = table(tmp_path / "a.csv", None, rows)
    assert f"--set data.columns={order}, which the numbers fit" in refusal(path)
    assert same(load_file(path, QUARTER, Reading(columns=tuple(order.split(",")))).candles, given)


def test_a_count_of_trades_in_the_place_of_the_volume_is_asked_about(tmp_path: Path) -> None:
    given = walk()
    rows = [[*row[:5], 3 + k * k % 91, row[5]] for k, row in enumerate(rows_of(given))]
    path = table(tmp_path / "a.csv", None, rows)
    order = "time,open,high,low,close,-,volume"
    assert f"may be the volume; name it, --set data.columns={order} or" in refusal(path)
    assert same(load_file(path, QUARTER, Reading(columns=tuple(order.split(",")))).candles, given)


def test_days_of_a_spreadsheet_that_were_rounded_are_refused(tmp_path: Path) -> None:
    rows = [[f"{row[0] / 86_400_000 + 25_569:.2f}", *row[1:]] for row in rows_of(walk())]
    assert "the days have lost decimals" in refusal(table(tmp_path / "a.csv", PLAIN, rows))


def test_open_and_close_that_are_exchanged_are_found_by_the_neighbours(tmp_path: Path) -> None:
    rows = [[t, c, h, low, o, v] for t, o, h, low, c, v in rows_of(walk())]
    said = refusal(table(tmp_path / "a.csv", None, rows))
    assert "data.columns=time,close,high,low,open,volume," in said


def test_an_average_price_is_not_taken_for_a_volume(tmp_path: Path) -> None:
    rows = [[t, o, h, low, c, (h + low) / 2, v, 9] for t, o, h, low, c, v in rows_of(walk())]
    said = refusal(table(tmp_path / "a.csv", None, rows))
    assert "data.columns=time,open,high,low,close,-,volume,-," in said


def test_names_that_most_rows_contradict_are_doubted_and_no_row_is_blamed(tmp_path: Path) -> None:
    rows = [[t, low, o, h, c, v] for t, o, h, low, c, v in rows_of(walk())]
    said = refusal(table(tmp_path / "a.csv", PLAIN, rows))
    assert "the columns are in another order" in said
    assert "mend" not in said


def test_the_row_of_one_bad_cell_among_epochs_is_named(tmp_path: Path) -> None:
    rows: list[list[object]] = [list(row) for row in rows_of(walk())]
    rows[199][0] = "n/a"
    said = refusal(table(tmp_path / "a.csv", PLAIN, rows))
    assert "row 200 (line 201): timestamp = 'n/a' is not a time" in said


def test_lines_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", PLAIN, rows_of(walk()))
    lines = path.read_text().split("\n")
    lines[150] = lines[150].replace(lines[150].split(",")[2], "many")
    path.write_text(
        "# made somewhere\n\n" + "\n".join(lines[:100]) + "\n\n" + "\n".join(lines[100:])
    )
    assert "row 150 (line 154): high = 'many'" in refusal(path)


def local(given: Candles, hours: Callable[[int], int]) -> list[list[object]]:
    """Rows whose times are those of a clock on the wall."""
    return [[moment(t + hours(t) * HOUR), *rest] for t, *rest in rows_of(given)]


def in_autumn(time: int) -> int:
    return 2 if time < OCTOBER + 49 * HOUR else 1


def in_spring(time: int) -> int:
    return 1 if time < MARCH + 25 * HOUR else 2


def test_an_hour_that_comes_twice_is_local_time_whose_zone_is_asked_for(tmp_path: Path) -> None:
    given = walk()
    path = table(tmp_path / "a.csv", PLAIN, local(given, in_autumn))
    said = refusal(path)
    assert "comes twice" in said
    assert "data.zone" in said
    assert "duplicate" not in said
    assert same(load_file(path, QUARTER, BERLIN).candles, given)


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_zone_brings_local_times_to_utc_over_both_changes(
    tmp_path: Path, newest_first: bool
) -> None:
    for start, hours in ((OCTOBER, in_autumn), (MARCH, in_spring)):
        given = walk(start=start)
        rows = local(given, hours)
        path = table(tmp_path / "a.csv", PLAIN, rows[::-1] if newest_first else rows)
        assert same(load_file(path, QUARTER, BERLIN).candles, given)


def test_an_hour_missing_where_summer_time_begins_is_said(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", PLAIN, local(walk(start=MARCH), in_spring))
    notes = load_file(path, QUARTER).notes
    assert any("Europe/Berlin" in note and "data.zone" in note for note in notes)


def test_a_time_that_the_zone_does_not_have_is_refused(tmp_path: Path) -> None:
    rows = [[moment(t), *rest] for t, *rest in rows_of(walk(start=MARCH))]
    said = refusal(table(tmp_path / "a.csv", PLAIN, rows), BERLIN)
    assert "row 105 (line 106): 2024-03-31T02:00:00 does not exist in Europe/Berlin" in said


def test_times_without_a_zone_are_said_to_be_taken_as_utc(tmp_path: Path) -> None:
    rows = [[moment(t), *rest] for t, *rest in rows_of(walk())]
    loaded = load_file(table(tmp_path / "a.csv", PLAIN, rows), QUARTER)
    assert any("taken as UTC" in note and "data.zone" in note for note in loaded.notes)


def test_times_that_are_called_local_need_a_zone(tmp_path: Path) -> None:
    rows = [[moment(t + HOUR, "%d.%m.%Y %H:%M:%S"), *rest] for t, *rest in rows_of(walk())]
    path = table(tmp_path / "a.csv", "Local time,Open,High,Low,Close,Volume", rows)
    assert "data.zone" in refusal(path)
    assert same(load_file(path, QUARTER, Reading(zone="+01:00")).candles, walk())


def test_a_file_without_volume_names_the_setting_and_loads_with_it(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", "time,open,high,low,close", [r[:5] for r in rows_of(walk())])
    assert 'data.volume = "unknown"' in refusal(path)
    loaded = load_file(path, QUARTER, Reading(volume="unknown"))
    assert loaded.unit == "unknown"
    assert np.array_equal(loaded.candles.close, walk().close)


@pytest.mark.parametrize("every", [1, 2])
def test_moving_prices_without_volume_are_said_with_their_count(tmp_path: Path, every: int) -> None:
    given = walk()
    given.volume[::every] = 0
    loaded = load_file(table(tmp_path / "a.csv", PLAIN, rows_of(given)), QUARTER)
    [note] = loaded.notes
    assert f"{300 // every} of 300 candles have no volume" in note
    assert 'data.volume = "unknown"' in note


def test_a_few_silent_candles_are_not_worth_a_word(tmp_path: Path) -> None:
    given = walk()
    given.volume[[5, 6, 90]] = 0
    assert not load_file(table(tmp_path / "a.csv", PLAIN, rows_of(given)), QUARTER).notes


def test_a_candle_that_comes_twice_is_shown_twice_with_what_differs(tmp_path: Path) -> None:
    rows: list[list[object]] = [list(row) for row in rows_of(walk())]
    time, open_, *_ = rows[120]
    rows.insert(120, [time, open_, open_, open_, open_, 0.05])
    said = refusal(table(tmp_path / "a.csv", PLAIN, rows))
    assert "row 121 (line 122)" in said
    assert "row 122 (line 123)" in said
    assert "differ in high, low, close, volume" in said
    assert "row 121 (line 122) looks unfinished" in said


def test_symbols_of_one_file_are_named_and_chosen_by_data_symbol(tmp_path: Path) -> None:
    path = written.two_symbols(tmp_path / "a.csv", walk())
    assert "BTCUSDT, ETHUSDT" in refusal(path)
    assert "data.symbol" in refusal(path)
    eth = load_file(path, QUARTER, Reading(symbol="ETH/USDT"))
    assert np.array_equal(eth.candles.close, walk().close / 2)
    assert any("300 rows left out" in note for note in eth.notes)


def test_spot_and_swap_of_one_pair_are_told_apart_by_their_whole_names(tmp_path: Path) -> None:
    rows = [
        [name, row[0], *(value * factor for value in row[1:5]), row[5]]
        for row in rows_of(walk())
        for name, factor in (("BTC/USDT", 1.0), ("BTC/USDT:USDT", 1.001))
    ]
    path = table(tmp_path / "a.csv", f"symbol,{PLAIN}", rows)
    assert "data.symbol" in refusal(path)
    for symbol, factor in (("BTC/USDT", 1.0), ("BTC/USDT:USDT", 1.001)):
        found = load_file(path, QUARTER, Reading(symbol=symbol)).candles
        assert np.array_equal(found.close, walk().close * factor)


def test_candles_of_another_market_than_asked_for_are_refused(tmp_path: Path) -> None:
    path = written.crypto_data_download(tmp_path / "a.csv", walk())
    said = refusal(path, Reading(symbol="ETH/USDT"))
    assert "BTCUSDT" in said
    assert "data.symbol is ETH/USDT" in said


def test_every_candle_marked_unfinished_is_refused(tmp_path: Path) -> None:
    rows = [[*row, 0] for row in rows_of(walk())]
    assert "confirm marks every candle" in refusal(
        table(tmp_path / "a.csv", f"{PLAIN},confirm", rows)
    )


def test_a_flagged_candle_is_left_out_and_said(tmp_path: Path) -> None:
    loaded = load_file(written.okx(tmp_path / "a.csv", walk()), QUARTER)
    assert (
        "1 unfinished candle (confirm = 0) left out, the first at row 301 (line 302)"
        in loaded.notes
    )


def test_a_candle_under_way_by_the_clock_is_left_out_and_said(tmp_path: Path) -> None:
    given = walk()
    path = table(tmp_path / "a.csv", PLAIN, rows_of(given))
    loaded = load_file(path, QUARTER, now=int(given.time[-1]) + 60_000)
    assert loaded.candles.time[-1] == given.time[-2]
    assert any("not over yet" in note for note in loaded.notes)
    assert not load_file(path, QUARTER, now=int(given.time[-1]) + QUARTER).notes


def test_candles_in_the_future_are_said(tmp_path: Path) -> None:
    given = walk()
    path = table(tmp_path / "a.csv", PLAIN, rows_of(given))
    notes = load_file(path, QUARTER, now=int(given.time[-5]) - QUARTER).notes
    assert any("5 candles in the future" in note for note in notes)


def test_a_price_ten_times_its_neighbours_is_said(tmp_path: Path) -> None:
    given = walk()
    given.high[77] *= 10.5
    notes = load_file(table(tmp_path / "a.csv", PLAIN, rows_of(given)), QUARTER).notes
    assert any("row 78 (line 79)" in note and "high" in note for note in notes)


def test_close_stamps_are_shifted_where_the_user_says_so(tmp_path: Path) -> None:
    rows = [[t + QUARTER, *rest] for t, *rest in rows_of(walk())]
    path = table(tmp_path / "a.csv", PLAIN, rows)
    assert same(load_file(path, QUARTER, Reading(stamp="close")).candles, walk())


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"SQLite format 3\0", "SQLite"),
        (b"\x80\x04\x95abc", "pickle"),
        (b"\x80\x02cpandas.core.frame\nDataFrame\n", "pickle"),
        (b"\x80\x04B\xfc\xa0\x07\x00\x80\x04\x95", "pickle"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"\x91\x01\0\0Copyright", "history file of MetaTrader 4"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        (b'{"code": -1121, "msg": "Invalid symbol."}', "Invalid symbol."),
        (b"PK\x03\x04 cut off", "not a readable archive"),
        (b"\x1f\x8b cut off", "not a readable archive"),
    ],
)
def test_what_is_no_candle_file_is_named(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    assert word in refusal(path)


def test_a_row_that_is_no_text_is_told_in_one_line_and_nothing_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{1_700_000_000 + 900 * i},1,2,0.5,1.5,3" for i in range(5000)]
    content = "\n".join(["time,open,high,low,close,volume", *rows]).encode()
    file = tmp_path / "cut.csv"
    file.write_bytes(content + b"\n1700099999,\xff\xfe\xfd,2\n")
    with pytest.raises(DataError) as failed:
        load_file(file)
    assert "\n" not in str(failed.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "content",
    [
        b",,,,,\n946684799999500,,,,1e200,1e-110",
        b"1600000000000,1e308,1e308,1e-308,1e308,1e308\n1600000900000,1e308,1e308,1e-308,1,1\n",
        b"a,b,c,d,e,f\n1600000000000,1e-300,1e300,1e-300,1e300,1e300\n",
    ],
)
def test_numbers_of_any_size_are_refused_without_a_word_of_overflow(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    refusal(path)


def test_an_archive_without_candles_says_so(tmp_path: Path) -> None:
    for names in (("readme.md",), ("../a.exe",)):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for name in names:
                archive.addfile(tarfile.TarInfo(name))
        (tmp_path / "a.tar.gz").write_bytes(packed.getvalue())
        assert "the archive holds no candle file" in refusal(tmp_path / "a.tar.gz")


def test_what_fills_the_memory_when_unpacked_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stoptrail.feeds.formats.archive._MOST_BYTES", 10_000)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"0" * 20_000))
    assert "more than 4 GB when unpacked" in refusal(path)


def test_what_a_run_keeps_of_its_candles_is_no_file_to_run_on(tmp_path: Path) -> None:
    """Their prices are whole numbers of steps: taking them for prices would be another market."""
    candles = walk()
    columns = {f"{name}_steps": getattr(candles, name) for name in ("open", "high", "low", "close")}
    frame = pd.DataFrame({"time": candles.time, **columns, "volume_steps": candles.volume})
    frame.to_parquet(tmp_path / "candles.parquet")
    assert "the candles of a run, in steps of the price" in refusal(tmp_path / "candles.parquet")
