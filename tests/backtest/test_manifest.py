"""A run's folder is whole, or it is told what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stoptrail.backtest.manifest import MANIFEST, named_files, require_whole, write_manifest
from stoptrail.core.errors import DataError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for name in ("summary.json", "trades.csv", "report.html", "tearsheet.html"):
        (tmp_path / name).write_text(name)
    (tmp_path / "plots").mkdir()
    write_manifest(tmp_path)
    return tmp_path


def test_a_whole_run_is_taken_and_its_report_may_change(run: Path) -> None:
    require_whole(run)
    (run / "report.html").write_text("again")
    (run / "tearsheet.html").unlink()
    (run / "plots").rmdir()
    require_whole(run)


@pytest.mark.parametrize(
    ("content", "word"),
    [(None, "no such file"), ("trades.cs", "9 bytes instead of 10"), ("TRADES.CSV", "digest")],
)
def test_what_is_missing_cut_or_changed_is_named(run: Path, content: str | None, word: str) -> None:
    file = run / "trades.csv"
    file.unlink()
    if content is not None:
        file.write_text(content)
    with pytest.raises(DataError, match=word) as raised:
        require_whole(run)
    assert "trades.csv" in str(raised.value)


def test_a_folder_of_an_older_version_is_taken_as_it_is(tmp_path: Path) -> None:
    require_whole(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"files": []}',
        '{"files": {"../x": {}}}',
        '{"files": {"x": 1}}',
        "[" * 99_999,
    ],
)
def test_a_damaged_manifest_is_told(run: Path, content: str) -> None:
    (run / MANIFEST).write_text(content)
    with pytest.raises(DataError, match="manifest"):
        require_whole(run)


def test_a_manifest_with_another_tools_keys_is_no_obstacle(run: Path) -> None:
    table = json.loads((run / MANIFEST).read_text())
    (run / MANIFEST).write_text(json.dumps({**table, "made_by": "x"}))
    require_whole(run)


def test_a_name_that_leads_out_of_the_folder_is_no_file_of_the_run(run: Path) -> None:
    """Also where it is there, as it is said to be."""
    table = json.loads((run / MANIFEST).read_text())
    (run.parent / "outside.csv").write_text("trades.csv")
    table["files"]["../outside.csv"] = table["files"]["trades.csv"]
    (run / MANIFEST).write_text(json.dumps(table))
    with pytest.raises(DataError, match="a name leads out of the folder"):
        require_whole(run)


def test_hidden_files_are_none_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "trades.csv").write_text("x")
    (tmp_path / ".DS_Store").write_text("x")
    write_manifest(tmp_path)
    assert named_files(tmp_path) == ["trades.csv"]
