"""Folders, archives and patterns are joined; what does not join is shown."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from stoptrail.core.errors import DataError
from stoptrail.feeds.files import Loaded, load_file
from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.rules.candles import Candles, rows_of
from tests.feeds import written
from tests.feeds.candle_files import QUARTER, same
from tests.feeds.test_refusals import walk

BITCOIN = Reading(symbol="BTC/USDT")


def part(given: Candles, first: int, last: int) -> Candles:
    return rows_of(given, slice(first, last))


def load(path: Path, reading: Reading = BITCOIN) -> Loaded:
    return load_file(path, QUARTER, reading)


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        load(path)
    return str(caught.value)


def months(folder: Path, given: Candles, *cuts: int, name: str = "BTCUSDT-15m-{}.csv") -> Path:
    folder.mkdir(exist_ok=True)
    for i, (first, last) in enumerate(zip((0, *cuts), (*cuts, len(given.time)), strict=True)):
        written.binance(folder / name.format(i + 1), part(given, first, last))
    return folder


def test_a_folder_is_joined_in_the_order_of_time(tmp_path: Path) -> None:
    given = walk()
    folder = months(tmp_path / "d", given, 20, 110, 200)
    (folder / "BTCUSDT-15m-1.csv.CHECKSUM").write_text("0 BTCUSDT")
    loaded = load(folder)
    assert same(loaded.candles, given)
    assert any("1 other file" in note for note in loaded.notes)


def test_a_pattern_is_joined(tmp_path: Path) -> None:
    given = walk()
    months(tmp_path, given, 100)
    (tmp_path / "notes.csv").write_text("nothing of the kind")
    assert same(load(tmp_path / "BTC*.csv").candles, given)


def test_an_archive_of_months_is_joined(tmp_path: Path) -> None:
    given = walk()
    folder = months(tmp_path / "d", given, 100, 200)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for file in sorted(folder.iterdir(), reverse=True):
            archive.write(file, f"spot/{file.name}")
    assert same(load(tmp_path / "all.zip").candles, given)


def test_zips_of_a_folder_and_its_daily_files_overlap_with_equal_candles(tmp_path: Path) -> None:
    given = walk()
    written.binance_zip(tmp_path / "BTCUSDT-15m-2024-01.zip", part(given, 0, 200))
    (tmp_path / "BTCUSDT-15m-2024-01.csv").unlink()
    written.binance(tmp_path / "BTCUSDT-15m-2024-01-02.csv", part(given, 150, 300))
    loaded = load(tmp_path)
    assert same(loaded.candles, given)
    assert any("50 candles are in two files with equal values" in note for note in loaded.notes)


def test_the_unfinished_last_candle_of_an_export_gives_way_to_the_finished_one(
    tmp_path: Path,
) -> None:
    given = walk()
    early = part(given, 0, 101)
    early = Candles(*(column.copy() for column in early[:6]), QUARTER)  # type: ignore[arg-type, call-arg]
    early.volume[-1] /= 3
    early.close[-1] = early.high[-1] = early.low[-1] = early.open[-1]
    written.plain(tmp_path / "a.csv", early)
    written.plain(tmp_path / "b.csv", part(given, 100, 300))
    loaded = load(tmp_path)
    assert same(loaded.candles, given)
    assert any("unfinished last one: the finished one kept" in note for note in loaded.notes)


def test_a_candle_with_two_values_is_shown_from_both_files(tmp_path: Path) -> None:
    given = walk()
    other = Candles(*(column.copy() for column in given[:6]), QUARTER)  # type: ignore[arg-type, call-arg]
    other.close[120] -= 0.5
    written.plain(tmp_path / "a.csv", part(given, 0, 150))
    written.plain(tmp_path / "b.csv", part(other, 110, 300))
    said = refusal(tmp_path)
    assert "a.csv row 121 (line 122)" in said
    assert "b.csv row 11 (line 12)" in said
    assert "differ in close" in said


def test_files_of_two_markets_are_told_by_their_names(tmp_path: Path) -> None:
    given = walk()
    months(tmp_path, given, 100)
    months(tmp_path, part(given, 0, 50), name="ETHUSDT-15m-{}.csv")
    loaded = load(tmp_path)
    assert same(loaded.candles, given)
    assert any("another market" in note for note in loaded.notes)
    with pytest.raises(DataError, match=r"BTCUSDT, ETHUSDT.*data\.symbol"):
        load(tmp_path, Reading(symbol="XRP/USDT"))


def test_files_of_two_markets_are_told_by_their_prices(tmp_path: Path) -> None:
    given = walk()
    dear = Candles(given.time, *(column * 18 for column in given[1:5]), given.volume, QUARTER)
    written.plain(tmp_path / "a.csv", part(given, 0, 150))
    written.plain(tmp_path / "b.csv", part(dear, 150, 300))
    assert "two markets" in refusal(tmp_path)


def test_files_of_another_timeframe_are_passed_over_and_said(tmp_path: Path) -> None:
    given = walk()
    months(tmp_path, given, 100)
    hours = rows_of(given, np.arange(0, 300, 4))
    written.binance(tmp_path / "BTCUSDT-1h-1.csv", hours)
    loaded = load(tmp_path)
    assert same(loaded.candles, given)
    assert any("another timeframe" in note for note in loaded.notes)


def test_months_joined_in_another_order_are_put_in_order(tmp_path: Path) -> None:
    given = walk()
    folder = months(tmp_path / "d", given, 100, 200)
    texts = [file.read_text() for file in sorted(folder.iterdir())]
    (tmp_path / "all.csv").write_text(texts[2] + texts[0] + texts[1])
    loaded = load(tmp_path / "all.csv")
    assert same(loaded.candles, given)
    assert any("put in order" in note for note in loaded.notes)


def test_a_folder_without_candles_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("hello")
    assert "folder without a file to read; check data.path or --data" in refusal(tmp_path)


def test_a_pattern_that_nothing_matches_is_refused(tmp_path: Path) -> None:
    assert "no file matches; check data.path or --data" in refusal(tmp_path / "*.csv")


def test_a_pattern_that_matches_folders_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "2024").mkdir()
    assert "no file matches, folders alone; check data.path or --data" in refusal(tmp_path / "*")


def test_a_damaged_file_of_many_is_named(tmp_path: Path) -> None:
    months(tmp_path, walk(), 100, 200)
    file = tmp_path / "BTCUSDT-15m-2.csv"
    file.write_text(file.read_text()[:-30])
    assert "BTCUSDT-15m-2.csv: not a readable CSV file: row 100 (line 100)" in refusal(tmp_path)


@pytest.mark.parametrize("folder", [True, False])
def test_a_market_in_the_name_that_is_not_the_one_asked_for_is_said(
    tmp_path: Path, folder: bool
) -> None:
    months(tmp_path, walk(), 100, name="ETHUSDT-15m-{}.csv")
    [note] = load(tmp_path if folder else tmp_path / "ETHUSDT-15m-1.csv").notes
    assert "ETHUSDT" in note
    assert "run as BTC/USDT" in note


def test_a_day_of_few_candles_is_of_the_timeframe_of_the_others(tmp_path: Path) -> None:
    given = rows_of(walk(), np.r_[90:96, 96:300])
    thin = rows_of(given, np.r_[0, 2, 4, 6:200])
    written.plain(tmp_path / "1.csv", part(thin, 0, 3))
    written.plain(tmp_path / "2.csv", part(thin, 3, 197))
    assert same(load(tmp_path).candles, thin)


def test_folders_tell_market_and_timeframe_where_files_do_not(tmp_path: Path) -> None:
    given = walk()
    for market, factor in (("BTCUSDT", 1.0), ("ETHUSDT", 0.05)):
        for frame, every in (("15m", 1), ("1h", 4)):
            folder = tmp_path / market / frame
            folder.mkdir(parents=True)
            kept = rows_of(given, np.arange(0, 300, every))
            prices = [column * factor for column in kept[1:5]]
            for name, first, last in (("a.csv", 0, 40), ("b.csv", 40, 300)):
                made = Candles(kept.time, *prices, kept.volume, QUARTER)
                written.plain(folder / name, rows_of(made, slice(first, last)))
    assert same(load(tmp_path).candles, given)


@pytest.mark.parametrize("moved", [0, QUARTER, 8 * QUARTER])
def test_a_file_that_goes_on_later_at_the_same_price_may_have_other_times(
    tmp_path: Path, moved: int
) -> None:
    """Files of one market, of which the second is stamped with closes, or of another zone."""
    rows = written.rows_of(walk(120))
    later = [[row[0] + moved, *row[1:]] for row in rows[60:]]
    written.table(tmp_path / "1.csv", written.PLAIN, rows[:60])
    written.table(tmp_path / "2.csv", written.PLAIN, later)
    notes = load_file(tmp_path, QUARTER).notes
    assert any("2.csv begins later than 1.csv ends" in note for note in notes) == bool(moved)
    written.table(
        tmp_path / "2.csv", written.PLAIN, later[5:]
    )  # a hole that the price has moved in
    notes = load_file(tmp_path, QUARTER).notes
    assert not any("begins later" in note for note in notes)
