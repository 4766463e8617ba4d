"""Files and rows of several kinds behind one name: which are taken, and what is said of it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from stoptrail.core.errors import DataError
from stoptrail.core.time import DAY_MS, HOUR_MS, iso
from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts.kinds import kind_in_name
from stoptrail.feeds.layouts.recognise import Reading
from tests.feeds.candle_files import QUARTER, same
from tests.feeds.test_refusals import walk
from tests.feeds.written import PLAIN, moment, rows_of, table

GIVEN = walk(240)
ROWS: list[list[Any]] = [list(row) for row in rows_of(GIVEN)]
LONG: list[list[Any]] = [list(row) for row in rows_of(walk(1600))]
SPOT = Reading(symbol="BTC/USDT")


def refusal(path: Path, reading: Reading = SPOT) -> str:
    with pytest.raises(DataError) as caught:
        load_file(path, QUARTER, reading)
    return str(caught.value)


def folder(path: Path, files: dict[str, Sequence[Sequence[Any]]]) -> Path:
    for name, rows in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        table(path / name, PLAIN, rows)
    return path


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("data/futures/um/monthly/klines/BTCUSDT/15m/BTCUSDT-15m-2024-01.csv", "a swap"),
        ("data/futures/cm/daily/BTCUSD_PERP-15m-2024-01.zip", "an inverse swap"),
        ("data/futures/um/monthly/markPriceKlines/BTCUSDT-15m-2024-01.csv", "mark prices"),
        ("user_data/data/binance/futures/BTC_USDT_USDT-15m-futures.feather", "a swap"),
        ("BTC_USDT_USDT-8h-funding_rate.feather", "funding rates"),
        ("BTC-USDT-SWAP-candlesticks-2024-01.csv", "a swap"),
        ("BTCUSDT_241227-15m-2024-10.csv", "a dated contract"),
        ("spot/BTCUSDT-15m-2024-01.csv", ""),  # a folder of the user's, above which nothing is
        ("/data/spot/monthly/klines/BTCUSDT-15m-2024-01.csv", "spot"),
        ("/futures_research/marked/BTCUSDT_15m.csv", ""),
        ("BTCUSDT_202410.csv", ""),
    ],
)
def test_paths_tell_the_kind_of_market(path: str, kind: str) -> None:
    assert kind_in_name(path) == kind


def test_files_of_a_swap_are_passed_over_among_spot_and_said_where_they_are_alone(
    tmp_path: Path,
) -> None:
    swap = [[row[0], *(x * 1.0004 for x in row[1:5]), row[5]] for row in ROWS[120:]]
    both = folder(tmp_path / "both", {
        "BTC_USDT-15m.csv": ROWS, "futures/BTC_USDT_USDT-15m-futures.csv": swap,
    })  # fmt: skip
    loaded = load_file(both, QUARTER, SPOT)
    assert same(loaded.candles, GIVEN)
    assert "1 file passed over, whose path says a swap: BTC/USDT is spot" in loaded.notes
    of_swap = load_file(both, QUARTER, Reading(symbol="BTC/USDT:USDT"))
    assert of_swap.candles.open.tolist() == [row[1] for row in swap]  # none of spot's before them
    assert "whose path says nothing of a swap: BTC/USDT:USDT is a swap" in " ".join(of_swap.notes)
    alone = table(tmp_path / "BTC_USDT_USDT-15m-futures.csv", PLAIN, ROWS)
    said = load_file(alone, QUARTER, SPOT).notes
    assert "the path says a swap; it is run as BTC/USDT, spot" in said
    assert load_file(alone, QUARTER, Reading(symbol="BTC/USDT:USDT")).notes == ()


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("symbol", ("btcusdt", "BTC/USDT")),
        ("symbol", ("XBTUSDT", "BTCUSDT ")),
        ("interval", ("15m", "15min")),
    ],
)
def test_spellings_of_one_name_are_one_where_no_time_comes_twice(
    tmp_path: Path, column: str, words: tuple[str, str]
) -> None:
    rows = [[*row, words[i > 100]] for i, row in enumerate(ROWS)]
    loaded = load_file(table(tmp_path / "a.csv", f"{PLAIN},{column}", rows), QUARTER, SPOT)
    assert same(loaded.candles, GIVEN)
    (note,) = [note for note in loaded.notes if "are taken for one" in note]
    assert words[0] in note
    twice = table(tmp_path / "b.csv", f"{PLAIN},symbol", [*rows, [*ROWS[150], "BTC/USDT:USDT"]])
    if column == "symbol":
        assert "symbol" in " ".join(
            load_file(twice, QUARTER, Reading(symbol=words[1].strip())).notes
        )


@pytest.mark.parametrize(("factor", "until"), [(0.92, None), (1.5, 801), (1.06, None)])
def test_a_jump_that_no_other_candle_makes_is_said(
    tmp_path: Path, factor: float, until: int | None
) -> None:
    rows = [list(row) for row in LONG]
    for row in rows[800:until]:
        row[1:5] = [x * factor for x in row[1:5]]
    notes = load_file(table(tmp_path / "a.csv", PLAIN, rows), QUARTER).notes
    (note,) = [note for note in notes if "the price goes from" in note]
    assert note.startswith("row 801 (line 802), ")
    assert ("comes back" in note) == (until is not None)
    plain = load_file(table(tmp_path / "b.csv", PLAIN, LONG), QUARTER).notes
    assert not any("the price goes from" in note for note in plain)


def test_files_whose_candles_are_at_other_times_are_told_as_that(tmp_path: Path) -> None:
    later = [[row[0] + QUARTER, *row[1:]] for row in ROWS[90:]]
    closes = folder(tmp_path / "a", {"1.csv": ROWS[:120], "2.csv": later})
    assert "2.csv has the candles of 1.csv 15m later: its times are closes" in refusal(closes)
    hours = [[row[0] - 4 * QUARTER, *row[1:]] for row in ROWS[90:]]
    local = folder(tmp_path / "b", {"1.csv": ROWS[:120], "2.csv": hours})
    assert "1.csv has the candles of 2.csv 1h later: its times are of another" in refusal(local)
    other = [[row[0], *(x + 0.01 for x in row[1:5]), row[5]] for row in ROWS[90:]]
    assert "comes twice" in refusal(folder(tmp_path / "c", {"1.csv": ROWS[:120], "2.csv": other}))


def test_an_unfinished_end_of_one_file_and_a_file_of_a_header_are_said(tmp_path: Path) -> None:
    first = [list(row) for row in LONG[:700]]
    first[-1][2:5] = [first[-1][1] * x for x in (1.02, 1, 1.02)]
    files = {"1.csv": first, "2.csv": LONG[700:], "3.csv": []}
    notes = load_file(folder(tmp_path, files), QUARTER).notes
    assert any("the last candle of the one may be unfinished" in note for note in notes)
    assert "3.csv: holds no candle" in notes


def test_the_first_of_several_unfinished_ends_is_named_and_the_others_counted(
    tmp_path: Path,
) -> None:
    """Without their names and prices "the one" and "the other one" were nobody's."""
    rows = [list(row) for row in rows_of(walk(2100))]
    for i in (699, 1399):
        rows[i][2:5] = [rows[i][1] * x for x in (1.02, 1, 1.02)]
    files = {f"{k + 1}.csv": rows[700 * k :][:700] for k in range(3)}
    notes = load_file(folder(tmp_path, files), QUARTER).notes
    (note,) = [note for note in notes if "may be unfinished" in note]
    assert note.startswith("1.csv ends at ")
    assert "2.csv goes on at " in note
    assert note.endswith("(and 1 more such seam)")


def test_files_beside_candles_are_left_or_taken_out(tmp_path: Path) -> None:
    path = folder(tmp_path, {"a.csv": ROWS})
    for name in ("_metadata", "_common_metadata", "_SUCCESS"):
        (path / name).write_bytes(b"PAR1" if name != "_SUCCESS" else b"")
    assert same(load_file(path, QUARTER).candles, GIVEN)
    table(path / "market.csv", "id,base_currency,tick,high,low", [[1, "BTC", 0.01, 3, 2]])
    told = refusal(path)
    assert "take it out" in told
    assert "data.columns" not in told
    (path / "market.csv").write_text("")
    assert "market.csv: the file is empty; fetch it again, or remove it" in refusal(path)


def test_local_times_newest_first_tell_the_hour_that_comes_twice(tmp_path: Path) -> None:
    zone, start = ZoneInfo("Europe/London"), 1_729_900_800_000
    rows = [[datetime.fromtimestamp((start + i * QUARTER) / 1000, UTC).astimezone(zone)
             .strftime("%Y-%m-%d %H:%M"), *row[1:]] for i, row in enumerate(ROWS)]  # fmt: skip
    told = refusal(path := table(tmp_path / "a.csv", PLAIN, rows[::-1]))
    assert "the hour from 2024-10-27T01" in told
    assert "data.zone" in told
    assert load_file(path, QUARTER, Reading(zone="Europe/London")).candles.time[0] == start


def test_times_that_tell_the_hour_alone_are_no_duplicates(tmp_path: Path) -> None:
    rows = [[moment(row[0], "%Y-%m-%d %H"), *row[1:]] for row in ROWS]
    assert "the times tell the hour alone" in refusal(table(tmp_path / "a.csv", PLAIN, rows))


def test_one_missing_volume_is_no_reason_to_give_up_all(tmp_path: Path) -> None:
    rows = [list(row) for row in ROWS]
    rows[-1][5] = ""
    assert "data.volume" not in refusal(table(tmp_path / "a.csv", PLAIN, rows))
    for row in rows[::20]:
        row[5] = ""
    assert 'set data.volume = "unknown"' in refusal(table(tmp_path / "b.csv", PLAIN, rows))
    assert iso(ROWS[0][0]) in refusal(tmp_path / "b.csv")


def test_frames_of_two_levels_as_json_are_told_by_their_market(tmp_path: Path) -> None:
    """pandas names the columns of yfinance's download by both levels."""

    def level(name: str, market: str, turned: bool) -> str:  # group_by="ticker"
        return str((market, name) if turned else (name, market))

    fields = ("Open", "High", "Low", "Close", "Volume")
    for turned in (False, True):
        value = {
            level(name, market, turned): {
                str(row[0]): row[k] / (1 if market == "BTC-USD" else 20) for row in ROWS
            }
            for market in ("BTC-USD", "ETH-USD")
            for k, name in enumerate(fields, 1)
        }
        path = tmp_path / f"{turned}.json"
        path.write_text(json.dumps(value))
        loaded = load_file(path, QUARTER, Reading(symbol="BTC/USD"))
        assert same(loaded.candles, GIVEN)
        assert any("BTC-USD" in note for note in loaded.notes)


def test_columns_in_each_other_s_place_are_shown_in_theirs(tmp_path: Path) -> None:
    """The line that a header's own names contradict gives the order, which loads the file."""
    rows = [[t, o, low, h, c, v] for t, o, h, low, c, v in ROWS]
    told = refusal(path := table(tmp_path / "a.csv", PLAIN, rows))
    order = told.partition("--set data.columns=")[2].partition(", which")[0]
    assert order == "time,open,low,high,close,volume"
    assert same(load_file(path, QUARTER, Reading(columns=tuple(order.split(",")))).candles, GIVEN)


def test_what_takers_bought_is_not_taken_for_the_volume(tmp_path: Path) -> None:
    rows = [[*row, 7, bought := row[5] * (0.3 + i % 5 / 10), bought * (row[2] + row[3]) / 2]
            for i, row in enumerate(ROWS)]  # fmt: skip
    assert same(load_file(table(tmp_path / "a.csv", None, rows), QUARTER).candles, GIVEN)


def test_heikin_ashi_candles_under_plain_names_are_said(tmp_path: Path) -> None:
    rows, open_, close = [], ROWS[0][1], ROWS[0][4]
    for t, o, h, low, c, v in ROWS:
        open_, close = (open_ + close) / 2, (o + h + low + c) / 4
        four = [round(x, 2) for x in (open_, max(h, open_), min(low, open_), close)]
        rows.append([t, *four, v])
    notes = load_file(table(tmp_path / "a.csv", PLAIN, rows), QUARTER).notes
    assert any("Heikin-Ashi" in note for note in notes)
    plain = load_file(table(tmp_path / "b.csv", PLAIN, ROWS), QUARTER).notes
    assert not any("Heikin-Ashi" in note for note in plain)


def test_files_joined_without_an_end_of_line_are_told_as_that(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", PLAIN, ROWS[:100])
    path.write_text(path.read_text().rstrip("\n"))
    with path.open("a") as file:
        file.write(table(tmp_path / "b.csv", None, ROWS[100:]).read_text())
    assert "row 100 (line 101) is two rows" in refusal(path)


def test_marks_of_byte_order_and_remarks_between_joined_files_are_passed_over(
    tmp_path: Path,
) -> None:
    path = table(tmp_path / "a.csv", PLAIN, ROWS[:100])
    more = table(tmp_path / "b.csv", PLAIN, ROWS[100:]).read_text()
    path.write_text(f"\ufeff{path.read_text()}// a pause\n\ufeff{more}", encoding="utf-8")
    loaded = load_file(path, QUARTER)
    assert same(loaded.candles, GIVEN)
    assert any("repeated header line skipped" in note for note in loaded.notes)


@pytest.mark.parametrize("form", ["", "%Y-%m-%d %H:%M"])
@pytest.mark.parametrize("header", [PLAIN, None])
def test_a_mark_of_byte_order_before_the_first_row_of_a_joined_file_is_no_part_of_its_time(
    form: str, header: str | None, tmp_path: Path
) -> None:
    """It was no time as those above it, and the candle was to be removed."""
    rows = [[moment(row[0], form) if form else row[0], *row[1:]] for row in ROWS]
    path = table(tmp_path / "a.csv", header, rows[:100])
    more = table(tmp_path / "b.csv", None, rows[100:]).read_text()
    path.write_text(f"\ufeff{path.read_text()}\ufeff{more}", encoding="utf-8")
    assert same(load_file(path, QUARTER).candles, GIVEN)


def test_of_the_catalogue_of_nautilus_the_bars_of_the_timeframe_are_read(tmp_path: Path) -> None:
    bars = "open,high,low,close,volume,ts_event,ts_init"
    closes = [[*row[1:], row[0] * 10**6, (row[0] + QUARTER) * 10**6] for row in ROWS]
    hours = [[*row[1:], row[0] * 10**6, (row[0] + HOUR_MS) * 10**6] for row in ROWS[::4]]
    market, data = "BTCUSDT.BINANCE", tmp_path / "data"
    for kind, header, rows in (
        (f"bar/{market}-15-MINUTE-LAST-EXTERNAL", bars, closes),
        (f"bar/{market}-1-HOUR-LAST-EXTERNAL", bars, hours),
        (f"currency_pair/{market}", "id,base_currency,price_increment,ts_event,ts_init",
         [[market, "BTC", "0.01", 0, 0]]),
        (f"mark_price_update/{market}", "value,ts_event,ts_init", [[1.0, 10**18, 10**18]]),
    ):  # fmt: skip
        (data / kind).mkdir(parents=True)
        table(data / kind / "part.csv", header, rows)
    loaded = load_file(data, QUARTER, SPOT)
    assert same(loaded.candles, GIVEN)
    said = " ".join(loaded.notes)
    assert "1 file of another timeframe than 15m passed over" in said
    assert "holds other things than bars, as Nautilus writes them" in said


@pytest.mark.parametrize("step", [QUARTER, HOUR_MS])
def test_opens_that_stand_as_closes_too_are_asked_about(tmp_path: Path, step: int) -> None:
    """As Nautilus' own wrangler leaves opens, whose `ts_init` was not set."""
    days = [row for row in LONG if row[0] >= -(-LONG[0][0] // DAY_MS) * DAY_MS]
    days = days[: len(days) // 96 * 96]
    header = "open,high,low,close,volume,ts_event,ts_init"
    same_ = [[*row[1:], row[0] * 10**6, row[0] * 10**6] for row in days[:: step // QUARTER]]
    path = table(tmp_path / "bars.csv", header, same_)
    with pytest.raises(DataError, match=r"begin with a day as opens do.*set data\.stamp"):
        load_file(path, step)
    told = load_file(path, step, Reading(stamp="open"))
    assert told.candles.time[0] == days[0][0]
    late = table(tmp_path / "late.csv", header, same_[1:])
    assert load_file(late, step).candles.time[0] == days[0][0]


@pytest.mark.parametrize(
    ("row", "between", "told"),
    [
        ("('{}',{},{},{},{},{})", ",", "is a text of Python or JavaScript"),  # as SQL's VALUES
        (
            "{},{},{},{},{},{}",
            ",",
            "a row has more than 100 columns without names.*a line for each",
        ),
    ],
)
def test_candles_that_all_stand_in_one_line_are_refused_at_once(
    tmp_path: Path, row: str, between: str, told: str
) -> None:
    path = tmp_path / "line.csv"
    path.write_text(between.join(row.format(iso(r[0]), *r[1:]) for r in LONG))
    assert re.search(told, refusal(path))
