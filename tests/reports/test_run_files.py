from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from stoptrail.core.errors import DataError
from stoptrail.core.time import time_ms
from stoptrail.reports.run_files import as_of_a_run, read_days, read_run
from tests.reports.example_run import write_example_run


def test_a_run_is_read_back(tmp_path: Path) -> None:
    write_example_run(tmp_path, days=60, synthetic=True)
    run = read_run(tmp_path)
    assert run.synthetic
    assert len(run.trades) > 3
    assert run.trades[-1].exit_time is None
    assert all(trade.exit_time for trade in run.trades[:-1])
    for trade in run.trades:
        assert run.stops[trade.number][0].level == trade.initial_stop
        assert run.stops[trade.number][0].time == trade.entry_time


def test_columns_are_read_by_their_names(tmp_path: Path) -> None:
    write_example_run(tmp_path, days=60)
    wanted = read_run(tmp_path)
    tables = [path for path in tmp_path.glob("*.csv") if path.name != "exposure.csv"]
    assert {"trades.csv", "stops.csv", "equity.csv"} <= {path.name for path in tables}
    for path in tables:
        rows = list(csv.reader(path.read_text().splitlines()))
        path.write_text("".join(",".join(row[::-1]) + "\n" for row in rows))
    found = read_run(tmp_path)
    assert repr(found.trades) == repr(wanted.trades)  # with NaN, which no value equals
    assert (found.stops, found.config) == (wanted.stops, wanted.config)
    np.testing.assert_array_equal(found.equity.equity, wanted.equity.equity)
    np.testing.assert_array_equal(found.equity.time, wanted.equity.time)


def test_days_are_read_by_the_names_of_their_columns(tmp_path: Path) -> None:
    (tmp_path / "days.csv").write_text("b,day,a\n2,2024-01-01,1\n4,2024-01-02,3\n")
    found = read_days(tmp_path / "days.csv")
    assert found.time.tolist() == [time_ms("2024-01-01"), time_ms("2024-01-02")]
    assert {name: column.tolist() for name, column in found.columns.items()} == {
        "a": [1.0, 3.0],
        "b": [2.0, 4.0],
    }


def test_files_that_a_run_does_not_have_are_empty(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("{}")
    run = read_run(tmp_path)
    assert run.trades == []
    assert run.stops == {}
    assert len(run.equity.time) == 0
    assert not run.synthetic


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("summary.json", "{", "readable summary"),
        ("summary.json", "[]", "not an object"),
        ("trades.csv", "number,side\n1,long\n", "list of trades"),
        ("stops.csv", "trade,time,level,reason\n1,yesterday,2,trail\n", "stop levels"),
        ("equity.csv", "day,equity\n2024-01-01,much\n", "equity curve"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, name: str, content: str, word: str) -> None:
    (tmp_path / "summary.json").write_text("{}")
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=word) as raised:
        read_run(tmp_path)
    assert name in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["trades.csv", "plots", "summary.json", "config.toml"])
def test_a_link_that_leads_out_of_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    run, outside = tmp_path / "run", tmp_path / "outside"
    run.mkdir()
    outside.mkdir()
    (run / "summary.json").write_text("{}")
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(outside)
    with pytest.raises(DataError, match="leads out of the folder"):
        read_run(run)


def test_a_folder_without_a_run_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is not there; name the folder of a run$"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(
        DataError, match=r"holds no summary\.json; name the folder of a finished run"
    ):
        read_run(tmp_path)


def test_a_time_without_a_zone_is_utc() -> None:
    assert time_ms("1970-01-02") == 86_400_000
    assert time_ms("1970-01-01T01:00:00Z") == time_ms("1970-01-01T02:00:00+01:00")


def test_a_value_that_no_run_writes_is_told_as_damage(tmp_path: Path) -> None:
    told = pytest.raises(DataError, match=r"holds what no run writes \(ValueError: Cannot specify")
    with told, as_of_a_run(tmp_path):
        format("a figure that is a text", ",")
