"""Finer candles matched with base candles: what agrees, what is missing, what contradicts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from stoptrail.cli.data import convert
from stoptrail.core.errors import ConfigError, DataError
from stoptrail.core.time import iso
from stoptrail.feeds.detail import FinerWanted, load_finer
from stoptrail.feeds.downloads.cache import write_candles
from stoptrail.feeds.files import PLAIN, load_candles
from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.feeds.market import Finer, MarketData
from stoptrail.feeds.own_file import read_own
from stoptrail.feeds.source import Wanted, synthetic_market
from stoptrail.feeds.synthetic_detail import synthetic_detail
from stoptrail.feeds.tables.columns import columns_of
from stoptrail.rules.candles import Candles, rows_of
from tests.feeds.candle_files import QUARTER, START, candles

FIVE = 300_000


def market(count: int = 40, start: int = 4) -> MarketData:
    """A file's market whose first `start` candles are warm-up."""
    data = candles(count)
    end = START + count * QUARTER
    return MarketData(data, "BTC/USDT", "file", "x.csv", start, int(data.time[start]), end)


def fine(base: Candles) -> Candles:
    """Three pieces to each candle."""
    return synthetic_detail(base, FIVE, 5)


def found(
    folder: Path, pieces: Candles, one: MarketData | None = None, **changes: object
) -> tuple[Finer, list[str]]:
    """What a run makes of a file of `pieces`, and what it says."""
    file, said = folder / "fine.parquet", []
    write_candles(file, columns_of(pieces))
    wanted = replace(Wanted(interval=QUARTER), **changes)
    return load_finer(wanted, FinerWanted(FIVE, file), one or market(), None, said.append), said


def test_pieces_that_make_up_their_candles_are_walked(tmp_path: Path) -> None:
    one = market()
    pieces = fine(one.candles)
    finer, said = found(tmp_path, pieces, one)
    detail = finer.detail
    assert said == []
    assert (detail.last - detail.first).tolist() == [0] * 4 + [3] * 36
    i = 7
    rows = slice(detail.first[i], detail.last[i])
    assert detail.time[rows].tolist() == [int(one.candles.time[i]) + k * FIVE for k in range(3)]
    assert detail.high[rows].max() == one.candles.high[i]
    assert (finer.missing, finer.contradicting) == (0, 0)
    assert finer.summary()["walked"] == 36


def test_missing_pieces_are_no_fault_where_the_others_make_up_the_candle(tmp_path: Path) -> None:
    one = market()
    pieces = fine(one.candles)
    inner = np.ones(len(pieces.time), np.bool_)
    rows = np.flatnonzero(pieces.time // QUARTER == one.candles.time[9] // QUARTER)
    middle, others = rows[1], rows[[0, 2]]
    high, low = pieces.high[others].max(), pieces.low[others].min()
    unneeded = high == one.candles.high[9] and low == one.candles.low[9]
    inner[middle] = False
    finer, _ = found(tmp_path, rows_of(pieces, inner), one)
    assert (finer.detail.last - finer.detail.first)[9] == (2 if unneeded else 0)


def test_missing_and_contradicting_pieces_fall_back_are_counted_and_said(tmp_path: Path) -> None:
    one = market()
    pieces = fine(one.candles)
    at = pieces.time - pieces.time % QUARTER
    kept = ~np.isin(at, one.candles.time[[10, 11]])
    wrong = np.isin(at, one.candles.time[[20]])
    pieces = pieces._replace(close=np.where(wrong, pieces.close + 0.01, pieces.close))
    pieces = pieces._replace(high=np.maximum(pieces.high, pieces.close))
    finer, said = found(tmp_path, rows_of(pieces, kept), one)
    assert (finer.missing, finer.contradicting) == (2, 1)
    walked = np.flatnonzero(finer.detail.last > finer.detail.first).tolist()
    assert walked == [i for i in range(4, 40) if i not in (10, 11, 20)]
    assert said == [
        "detail: 2 of 36 base candles have no 5m candles and are walked whole",
        "detail: 1 of 36 base candles differ from their 5m candles and are walked whole",
    ]


def test_pieces_without_volume_are_left_out_unless_volume_is_unknown(tmp_path: Path) -> None:
    one = market()
    pieces = fine(one.candles)
    volume = pieces.volume.copy()
    silent = np.flatnonzero(pieces.time == one.candles.time[12] + FIVE)
    volume[silent] = 0.0
    finer, _ = found(tmp_path, pieces._replace(volume=volume), one)
    assert int(pieces.time[silent[0]]) not in finer.detail.time.tolist()
    unknown = Wanted().reading._replace(volume="unknown")
    finer, _ = found(tmp_path, pieces._replace(volume=volume), one, reading=unknown)
    assert int(pieces.time[silent[0]]) in finer.detail.time.tolist()


def refusal(folder: Path, pieces: Candles, kind: type[Exception] = DataError) -> str:
    with pytest.raises(kind) as caught:
        found(folder, pieces)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_pieces_of_another_market_are_refused_with_the_first_that_differs(tmp_path: Path) -> None:
    pieces = fine(market().candles)
    doubled = [2 * column for column in pieces[1:5]]
    line = refusal(tmp_path, Candles(pieces.time, *doubled, pieces.volume, FIVE))
    base = market().candles
    assert "another market or shifted in time" in line
    assert "36 of 36 base candles" in line
    assert f"{iso(int(base.time[4]))} with {base.open[4]:g}" in line


def test_pieces_shifted_by_an_hour_are_refused(tmp_path: Path) -> None:
    pieces = fine(market().candles)
    assert "shifted in time" in refusal(tmp_path, pieces._replace(time=pieces.time + 4 * QUARTER))


def test_pieces_shifted_by_a_zone_of_quarter_hours_say_what_to_do_with_epochs(
    tmp_path: Path,
) -> None:
    """data.zone is of times without an offset."""
    pieces = fine(market().candles)
    line = refusal(tmp_path, pieces._replace(time=pieces.time + 3 * QUARTER))
    assert "moved 45 minutes earlier it makes up the base candles; they are of another" in line
    assert '--set data.zone=ZONE (and data.epochs = "local" where they are epochs)' in line


def test_pieces_of_another_span_are_refused(tmp_path: Path) -> None:
    pieces = fine(market().candles)
    line = refusal(tmp_path, pieces._replace(time=pieces.time + 1000 * QUARTER))
    assert "holds nothing of the span" in line


@pytest.mark.parametrize("length", [1_800_000, 600_000])
def test_pieces_that_do_not_divide_the_base_candle_are_refused(tmp_path: Path, length: int) -> None:
    file = tmp_path / "fine.parquet"
    first = START - START % 1_800_000
    times = first + length * np.arange(100, dtype=np.int64)
    flat = np.full(100, 5.0)
    write_candles(file, columns_of(Candles(times, flat, flat, flat, flat, flat, length)))
    with pytest.raises(ConfigError, match=r"must be finer than data.timeframe 15m and divide it"):
        load_finer(Wanted(interval=QUARTER), FinerWanted(0, file), market())


def test_a_file_of_another_length_than_asked_for_names_the_setting(tmp_path: Path) -> None:
    one = market()
    file = tmp_path / "fine.parquet"
    write_candles(file, columns_of(fine(one.candles)))
    with pytest.raises(DataError, match=r"5m apart, data\.detail is 1m; set data\.detail"):
        load_finer(Wanted(interval=QUARTER), FinerWanted(60_000, file), one)


def test_a_file_that_is_not_there_names_its_own_setting(tmp_path: Path) -> None:
    wanted = FinerWanted(FIVE, tmp_path / "nothing.csv")
    with pytest.raises(DataError, match=r"no such file; check data\.detail_path$"):
        load_finer(Wanted(interval=QUARTER), wanted, market())


def test_the_exchange_out_of_reach_and_an_empty_cache_are_one_line(tmp_path: Path) -> None:
    options = {"urls": {"api": {"public": "http://127.0.0.1:9"}}, "options": {}}
    wanted = Wanted(interval=QUARTER, cache=tmp_path, ccxt_options=options, exchange_id="nowhere1")
    with pytest.raises(ConfigError) as caught:
        load_finer(wanted, FinerWanted(60_000, None), market())
    assert "\n" not in str(caught.value)


def test_the_projects_own_file_reads_as_the_general_reader_does(tmp_path: Path) -> None:
    pieces = fine(candles(50))
    file = tmp_path / "fine.parquet"
    write_candles(file, columns_of(pieces))
    start, end = int(pieces.time[20]), int(pieces.time[90])
    whole = rows_of(load_candles(file, FIVE), slice(20, 90))
    read = read_own(file, FIVE, start, end)
    assert read is not None
    for one, other in zip(read[:6], whole[:6], strict=True):
        np.testing.assert_array_equal(one, other)
    assert read_own(file, 0, start, end).interval == FIVE  # type: ignore[union-attr]


def test_a_file_that_is_not_as_the_project_writes_it_is_left_to_the_general_reader(
    tmp_path: Path,
) -> None:
    pieces = fine(candles(50))
    file, start, end = tmp_path / "fine.parquet", int(pieces.time[0]), int(pieces.time[-1])
    assert read_own(file, FIVE, start, end) is None
    file.write_text("timestamp,open,high,low,close,volume\n")
    assert read_own(file, FIVE, start, end) is None
    swapped = pieces.time.copy()
    swapped[[3, 4]] = swapped[[4, 3]]
    write_candles(file, columns_of(pieces._replace(time=swapped)))
    assert read_own(file, FIVE, start, end) is None
    write_candles(file, columns_of(pieces))
    assert read_own(file, 60_000, start, end) is None
    assert read_own(file, 60_000, start, end, sparse=True) is not None
    assert read_own(file, 2 * FIVE, start, end) is None


def test_the_synthetic_market_has_finer_candles_of_its_own() -> None:
    day = 96 * QUARTER
    wanted = Wanted(source="synthetic", start=18_262 * day, end=18_272 * day, seed=3)
    one = synthetic_market(wanted)
    finer = load_finer(wanted, FinerWanted(60_000, None), one)
    traded = one.candles.volume[one.start :] > 0.0
    assert finer.source == "synthetic: seed 3"
    assert finer.summary()["walked"] == int(traded.sum()) > 900
    assert finer.contradicting == 0


HOUR = 3_600_000


def in_words(path: Path, given: Candles, moved: int = 0, zone: str = "", names: str = "") -> Path:
    """Candles as CSV whose times have no offset: those of `zone`, stamped `moved` later."""
    moment = np.vectorize(
        lambda t: datetime.fromtimestamp((int(t) + moved) / 1000, ZoneInfo(zone or "UTC"))
    )
    order = (names or "time,open,high,low,close,volume").split(",")
    columns = {**given._asdict(), "time": [f"{t:%Y-%m-%d %H:%M}" for t in moment(given.time)]}
    rows = zip(*(columns[name] for name in order), strict=True)
    lines = [",".join(map(str, row)) for row in rows]
    path.write_text("\n".join([",".join(order), *lines]) + "\n")
    return path


def read(path: Path, reading: Reading = PLAIN, one: MarketData | None = None) -> list[str]:
    """What is said of a file of finer candles, all of which have to be walked."""
    said: list[str] = []
    wanted = Wanted(interval=QUARTER, reading=reading)
    finer = load_finer(wanted, FinerWanted(0, path), one or market(), None, said.append)
    assert (finer.missing, finer.contradicting, finer.interval) == (0, 0, FIVE)
    return said


@pytest.mark.parametrize(
    "reading",
    [
        {"zone": "Asia/Tokyo"},
        {"stamp": "close"},
        {"columns": ("time", "volume", "open", "high", "low", "close")},
    ],
)
def test_what_is_said_of_the_market_s_file_is_not_forced_on_the_finer_candles(
    tmp_path: Path, reading: dict[str, Any]
) -> None:
    """Where they go with the market's prices as they are; else they are read alike, as before."""
    told, pieces = PLAIN._replace(**reading), fine(market().candles)
    assert "is read without data.columns, data.zone and data.stamp" in " ".join(
        read(in_words(tmp_path / "own.csv", pieces), told)
    )
    alike = in_words(
        tmp_path / "alike.csv",
        pieces,
        FIVE if told.stamp == "close" else 0,
        told.zone,
        ",".join(told.columns),
    )
    assert "is read without" not in " ".join(read(alike, told))


@pytest.mark.parametrize(
    ("moved", "zone", "by", "remedy"),
    [
        (FIVE, "", "5 minutes earlier", {"stamp": "close"}),
        (0, "Asia/Kolkata", "330 minutes earlier", {"zone": "Asia/Kolkata"}),
        (0, "Etc/GMT+3", "180 minutes later", {"zone": "Etc/GMT+3"}),
    ],
)
def test_finer_candles_that_are_moved_in_time_are_told_and_brought_to_it_by_the_remedy(
    tmp_path: Path, moved: int, zone: str, by: str, remedy: dict[str, Any]
) -> None:
    one = market(200)
    path = in_words(tmp_path / "moved.csv", fine(one.candles), moved, zone)
    with pytest.raises(DataError, match=f"moved {by} .*data convert FILE finer.parquet") as told:
        read(path, one=one)
    assert f"data.{next(iter(remedy))}" in str(told.value)
    mended = tmp_path / "finer.parquet"
    assert convert(path, mended, reading=PLAIN._replace(**remedy)) == 0
    assert read(mended, one=one) == []


@pytest.mark.parametrize("both", [False, True])
def test_closes_of_the_market_s_file_show_beside_its_finer_candles(
    tmp_path: Path, both: bool
) -> None:
    """One file alone does not tell them."""
    pieces = in_words(tmp_path / "fine.csv", fine(market().candles), FIVE if both else 0)
    late, close = market(), Reading(stamp="close")
    late = replace(late, candles=late.candles._replace(time=late.candles.time + QUARTER))
    what = "both" if both else "those of the market"
    with pytest.raises(DataError, match=f'{what} are stamped .*: set data.stamp = "close"'):
        read(pieces, one=late)
    read(pieces, close)


def test_pieces_as_long_as_the_base_candles_are_said_to_tell_nothing(tmp_path: Path) -> None:
    one = market()
    file = tmp_path / "fine.parquet"
    write_candles(file, columns_of(one.candles))
    said: list[str] = []
    wanted = Wanted(interval=QUARTER)
    found = load_finer(wanted, FinerWanted(0, file), one, on_notice=said.append)
    assert found.contradicting == 0
    assert any("no shorter than the market's own" in line for line in said)
