from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stoptrail.cli.data import check
from stoptrail.core.errors import DataError
from stoptrail.feeds.check import FileCheck, check_file
from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.rules.candles import Candles
from stoptrail.rules.candles import rows_of as candle_rows
from stoptrail.terminal import Terminal
from tests.feeds import written
from tests.feeds.candle_files import QUARTER, START, candles, rows_of, write_csv, write_parquet
from tests.feeds.test_refusals import in_autumn, local, walk
from tests.feeds.written import LAYOUTS, PLAIN


def rows_between(given: Candles, first: int, last: int) -> Candles:
    return candle_rows(given, slice(first, last))


def found(result: FileCheck) -> dict[str, int]:
    """Candles concerned, by kind of finding."""
    kinds: dict[str, int] = {}
    for finding in result.findings:
        kinds[finding.kind] = kinds.get(finding.kind, 0) + finding.candles
    return kinds


def test_a_clean_file_has_no_findings(tmp_path: Path) -> None:
    result = check_file(write_parquet(tmp_path / "a.parquet", candles(50)))
    assert result.usable
    assert result.findings == ()
    assert (result.rows, result.interval, result.missing) == (50, QUARTER, 0)
    assert (result.first, result.last) == (START, START + 49 * QUARTER)


def test_gaps_are_listed_with_their_span_and_are_normal(tmp_path: Path) -> None:
    data = candles(50, missing=(4, 20, 21, 22))
    result = check_file(write_parquet(tmp_path / "a.parquet", data))
    assert result.usable
    assert result.missing == 4
    assert [finding.text for finding in result.findings] == [
        "2021-06-22T01:00:00Z to 2021-06-22T01:15:00Z: 1 missing",
        "2021-06-22T05:00:00Z to 2021-06-22T05:45:00Z: 3 missing",
    ]


def test_runs_without_volume_are_listed_and_are_normal(tmp_path: Path) -> None:
    data = candles(50)
    silent = [0, 10, 11, 12, 49]
    data.volume[silent] = 0
    for column in (data.open, data.high, data.low):
        column[silent] = data.close[silent]
    result = check_file(write_parquet(tmp_path / "a.parquet", data))
    assert result.usable
    assert [(finding.kind, finding.candles) for finding in result.findings] == [
        ("zero volume", 1),
        ("zero volume", 3),
        ("zero volume", 1),
    ]


def test_it_does_not_stop_at_the_first_fault(tmp_path: Path) -> None:
    rows = rows_of(candles(50, missing=(30,)))
    rows[3][0] = "yesterday"
    rows[5][2] = "many"
    rows[7][3] = "-1"
    rows[9][5] = "nan"
    rows[12] = [*rows[11][:5], "0.5"]
    rows[14], rows[15] = rows[15], rows[14]
    rows[17][0] = rows[17][0].replace(":00Z", ":07Z")
    result = check_file(write_csv(tmp_path / "a.csv", rows), QUARTER)
    assert not result.usable
    kinds = found(result)
    assert kinds["unreadable"] == 2
    assert kinds["impossible"] == 2
    assert kinds["duplicate"] == kinds["order"] == kinds["timeframe"] == 1
    assert kinds["gap"] >= 1


def test_rows_are_named_by_their_place_in_the_file(tmp_path: Path) -> None:
    rows = rows_of(candles(20))
    rows[3][1] = "x"
    rows[10][4] = "-2"
    result = check_file(write_csv(tmp_path / "a.csv", rows))
    texts = " ".join(finding.text for finding in result.findings)
    assert "row 4 (line 5): open = 'x'" in texts
    assert "row 11 " in texts


def test_another_timeframe_is_a_fault(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", rows_of(candles(20)))
    result = check_file(path, QUARTER // 3)
    assert not result.usable
    assert "the candles are 15m apart, not 5m" in [finding.text for finding in result.findings]


def test_candles_that_are_put_together_are_none(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", rows_of(candles(20)))
    result = check_file(path, 4 * QUARTER)
    assert result.usable
    assert result.interval == QUARTER
    assert "1h candles, built from the 15m candles of the file" in result.notes


def test_a_file_without_a_readable_row_is_not_usable(tmp_path: Path) -> None:
    result = check_file(write_csv(tmp_path / "a.csv", [["x"] * 6] * 3))
    assert not result.usable
    assert found(result)["unreadable"] == 3


@pytest.mark.parametrize("content", [b"", b"dear diary\n", b"\0\1\2"])
def test_what_holds_no_candles_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.csv: "):
        check_file(tmp_path / "a.csv")


def test_more_than_one_symbol_is_a_finding(tmp_path: Path) -> None:
    result = check_file(written.two_symbols(tmp_path / "a.csv", candles(50)))
    assert not result.usable
    [finding] = [finding for finding in result.findings if finding.kind == "symbols"]
    assert "BTCUSDT, ETHUSDT" in finding.text
    assert "data.symbol" in result.refusal


def test_of_several_symbols_that_of_the_settings_is_what_a_run_takes(tmp_path: Path) -> None:
    file = written.two_symbols(tmp_path / "a.csv", candles(50))
    result = check_file(file, reading=Reading(one_of="ETH/USDT"))
    assert result.usable
    assert any("of 2 symbols (BTCUSDT, ETHUSDT) ETHUSDT" in note for note in result.notes)
    named = check_file(file, reading=Reading(symbol="BTC/USDT", one_of="ETH/USDT"))
    assert any("ETHUSDT) BTCUSDT" in note for note in named.notes)
    none = check_file(file, reading=Reading(one_of="SOL/USDT"))
    assert "none is SOL/USDT: set data.symbol to one of them" in none.refusal
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("BTCUSDT-15m.csv", "ETHUSDT-15m.csv"):
        write_csv(folder / name, rows_of(candles(50)))
    assert "1 file of another market than ETHUSDT passed over" in " ".join(
        check_file(folder, reading=Reading(one_of="ETH/USDT")).notes
    )
    refused = check_file(folder)
    assert not refused.usable
    assert refused.refusal.startswith(f"{folder}: holds files of 2 markets (BTCUSDT, ETHUSDT)")


def test_an_odd_file_of_a_folder_is_a_finding_and_the_others_are_looked_at(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    data = candles(50)
    write_csv(folder / "a.csv", rows_of(rows_between(data, 0, 25)))
    write_csv(folder / "c.csv", rows_of(rows_between(data, 25, 50)))
    (folder / "b.zip").write_bytes(b"PK\x03\x04 cut off")
    (folder / "d.csv").write_text("a,b\n1,2\n")
    result = check_file(folder)
    assert (result.rows, result.missing, result.usable) == (50, 0, False)
    texts = [finding.text for finding in result.findings if finding.kind == "unreadable file"]
    assert [text.split(":")[0] for text in texts] == ["b.zip", "d.csv"]
    assert "b.zip: not a readable archive" in result.refusal


def test_a_folder_of_nothing_but_odd_files_is_refused(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(DataError, match=r"a\.zip: not a readable archive"):
        check_file(tmp_path)


def test_too_few_candles_are_told_with_the_number_that_is_needed(tmp_path: Path) -> None:
    result = check_file(write_csv(tmp_path / "a.csv", rows_of(candles(1))))
    assert [finding.text for finding in result.findings] == ["1 candle; at least 2 are needed"]


def test_an_hour_that_comes_twice_is_told_as_summer_time_not_as_duplicates(
    tmp_path: Path,
) -> None:
    rows = local(walk(), in_autumn)
    result = check_file(written.table(tmp_path / "a.csv", PLAIN, rows))
    kinds = [finding.kind for finding in result.findings]
    assert "summer time" in kinds
    assert not {"duplicate", "order"} & set(kinds)


def test_an_unfinished_candle_and_one_in_the_future_are_told_by_the_clock(tmp_path: Path) -> None:
    data = candles(50)
    path = write_parquet(tmp_path / "a.parquet", data)
    under_way = check_file(path, now=int(data.time[-1]) + 1000)
    assert "unfinished" in found(under_way)
    assert found(check_file(path, now=int(data.time[-4])))["future"] == 3


def test_seams_that_do_not_join_are_a_finding(tmp_path: Path) -> None:
    given = walk()
    written.plain(tmp_path / "a.csv", rows_between(given, 0, 100))
    other = given._replace(close=given.close - 0.01)
    written.plain(tmp_path / "b.csv", rows_between(other, 90, 200))
    assert "seam" in found(check_file(tmp_path))


@pytest.mark.parametrize("name", ["binance zipped", "bitmex", "yfinance history", "kaggle"])
def test_a_layout_is_named(tmp_path: Path, name: str) -> None:
    words = {"binance zipped": "Binance", "bitmex": "BitMEX", "kaggle": "Kaggle"}
    result = check_file(LAYOUTS[name].write(tmp_path / "a", walk()))
    assert words.get(name, "yfinance") in result.layout
    assert len(result.ends) == 2


@pytest.mark.parametrize(
    ("spoil", "told", "unsaid"),
    [
        (lambda row: [written.moment(row[0], "%Y-%m-%d %H:%M"), *row[1:]],
         "is not a time as those above it", "remove"),
        (lambda row: [row[0], *(f"{value}".replace(".", ",") for value in row[1:])],
         "open = '{}' has another decimal mark than others; write all alike", "remove"),
        (lambda row: ["Total", *row[1:]], "or remove the row", "nothing"),
        (lambda row: ["2024-02-30 10:00", *row[1:]], "is not a time", "nothing"),
    ],
)  # fmt: skip
def test_a_stretch_of_cells_that_cannot_be_read_is_one_finding_with_its_count(
    tmp_path: Path, spoil: Callable[[list[Any]], list[Any]], told: str, unsaid: str
) -> None:
    """Each row was a finding of its own, for which the file was read once more: half a minute for
    a day of them. To remove rows that are candles in another spelling makes a hole."""
    rows = [list(row) for row in written.rows_of(walk(200))]
    first = f"{rows[60][1]}".replace(".", ",")
    rows[60:156] = [spoil(row) for row in rows[60:156]]
    result = check_file(written.table(tmp_path / "a.csv", PLAIN.replace(",", ";"), rows, ";"))
    assert found(result) == {"unreadable": 96, "gap": 96}
    assert [one.candles for one in result.findings if one.kind == "unreadable"] == [96]
    assert told.format(first) in result.refusal
    assert unsaid not in result.refusal
    assert "row 61 (line 62)" in result.refusal
    assert "(and 95 more such)" in result.refusal


@pytest.mark.parametrize(
    ("spelt", "told"),
    [
        (lambda time: f"{time:.5E}", "has lost its last digits"),
        (lambda time: f"{time / 86_400_000 + 25_569:.4f}", "the days have lost decimals"),
        (lambda time: written.moment(time, "%Y-%m-%d %H:%M IST"), "may be several zones"),
        (lambda time: written.moment(time, "%Y-%m-%d 24:30"), "a day ends at 24:00"),
    ],
)
def test_a_column_without_a_time_is_told_once(
    tmp_path: Path, spelt: Callable[[int], str], told: str
) -> None:
    """It was told of each row, for which the file was read again: a minute for 3,000 of them."""
    rows = [[spelt(row[0]), *row[1:]] for row in written.rows_of(walk(200))]
    result = check_file(written.table(tmp_path / "a.csv", PLAIN, rows))
    texts = [finding.text for finding in result.findings if finding.kind == "unreadable"]
    assert len(texts) == 1
    assert told in texts[0]


def test_one_price_that_is_missing_says_nothing_of_the_market(tmp_path: Path) -> None:
    """Prices were "near nan, where no BTC was in USDT then"."""
    rows = [list(row) for row in written.rows_of(walk(200))]
    rows[60][4] = ""
    reading = Reading(symbol="BTC/USDT")
    result = check_file(written.table(tmp_path / "a.csv", PLAIN, rows), reading=reading)
    assert found(result) == {"impossible": 1}


def test_what_is_said_of_many_rows_is_counted_once(tmp_path: Path) -> None:
    rows = [list(row) for row in written.rows_of(walk(200))]
    twice = [[row[0], *(value * 1.001 for value in row[1:5]), row[5]] for row in rows[60:70]]
    result = check_file(written.table(tmp_path / "a.csv", PLAIN, rows[:70] + twice + rows[70:]))
    console = Terminal(record=True, width=400)
    check(result.path, None, console)
    (line,) = [one for one in console.export_text().splitlines() if "comes twice" in one][:1]
    assert line.count("(and 9 more") == 1
