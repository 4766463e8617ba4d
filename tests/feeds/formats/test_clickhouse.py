"""Formats of ClickHouse: types beside names tell zones, and columns come as lists."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from stoptrail.feeds.files import load_file
from stoptrail.feeds.formats.clickhouse import are_types, zone_of_types
from stoptrail.feeds.layouts.recognise import Reading
from tests.feeds.candle_files import QUARTER, same
from tests.feeds.test_refusals import MARCH, refusal, walk
from tests.feeds.written import PLAIN, moment, rows_of

GIVEN = walk(300, MARCH)
"""Over the begin of summer time in Berlin."""
NAMES = PLAIN.split(",")
TYPES = ["DateTime64(3, 'UTC')", *["Nullable(Decimal(18, 8))"] * 5]


def of_berlin(first: str = "DateTime('Europe/Berlin')") -> tuple[list[str], list[list[Any]]]:
    """Types, and rows whose times are on the clock of Berlin."""
    berlin = ZoneInfo("Europe/Berlin")
    rows = [
        [datetime.fromtimestamp(t / 1000, berlin).strftime("%Y-%m-%d %H:%M:%S"), *rest]
        for t, *rest in rows_of(GIVEN)
    ]
    return [first, *["Float64"] * 5], rows


def lines(*parts: Any) -> str:
    return "".join(json.dumps(part) + "\n" for part in parts)


def test_a_line_of_types_below_the_names_is_no_row(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [[moment(row[0]), *map(str, row[1:])] for row in rows_of(GIVEN)]
    path.write_text(lines(NAMES, TYPES, *rows))
    loaded = load_file(path, QUARTER)
    assert same(loaded.candles, GIVEN)
    assert loaded.notes == ()


@pytest.mark.parametrize("kind", ["lines", "meta", "CSV", "TSV"])
def test_the_zone_that_a_type_tells_is_that_of_the_times(tmp_path: Path, kind: str) -> None:
    types, rows = of_berlin()
    if kind == "lines":
        content = lines(NAMES, types, *rows)
    elif kind == "meta":
        meta = [{"name": n, "type": t} for n, t in zip(NAMES, types, strict=True)]
        content = json.dumps({"meta": meta, "data": rows, "rows": len(rows)})
    else:
        mark = "," if kind == "CSV" else "\t"
        quoted = [f'"{t}"' if kind == "CSV" else t.replace("'", "\\'") for t in types]
        content = "\n".join(mark.join(map(str, row)) for row in [NAMES, quoted, *rows])
    path = tmp_path / "a.dat"
    path.write_text(content)
    loaded = load_file(path, QUARTER)
    assert same(loaded.candles, GIVEN)
    assert loaded.notes == ("the times are of Europe/Berlin, as the file says",)
    zoned = load_file(path, QUARTER, Reading(zone="UTC")).candles
    assert zoned.time[0] == GIVEN.time[0] + 4 * QUARTER


def test_types_of_several_zones_ask_for_the_one_that_is_meant(tmp_path: Path) -> None:
    types, rows = of_berlin()
    path = tmp_path / "a.jsonl"
    path.write_text(
        lines([*NAMES, "seen"], [*types, "DateTime('UTC')"], *([*row, row[0]] for row in rows))
    )
    assert "set data.zone" in refusal(path)
    assert same(load_file(path, QUARTER, Reading(zone="Europe/Berlin")).candles, GIVEN)


def test_columns_that_are_lists_without_names_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(list(zip(*rows_of(GIVEN), strict=True))))
    assert same(load_file(path, QUARTER).candles, GIVEN)


def test_a_name_in_each_cell_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    pairs = [[f"{n}={x}" for n, x in zip(NAMES, row, strict=True)] for row in rows_of(GIVEN)]
    for mark in ("\t", " "):
        path.write_text("\n".join(mark.join(row) for row in pairs))
        assert "has the name of its column in each cell" in refusal(path)


def test_names_and_values_are_no_types() -> None:
    assert are_types(TYPES)
    assert not are_types(NAMES)
    assert not are_types(["Date", "Open", "High", "Low", "Close"])
    assert not are_types([])
    assert zone_of_types("timestamp,open,high,low,close") == ""
