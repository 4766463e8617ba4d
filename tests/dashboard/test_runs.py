"""The list of runs, and two of them compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoptrail.cli.runs import finished_runs
from stoptrail.core.errors import UsageError
from stoptrail.dashboard.runs import RunShelf
from stoptrail.reports.run_files import read_run
from tests.reports.example_run import write_example_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("runs")
    for name, days in (("one", 40), ("other", 60)):
        (runs / name).mkdir()
        write_example_run(runs / name, days=days, every=200)
        for found in (runs / name).glob("*/summary.json"):  # where the example makes a folder
            found.parent.rename(runs / f"{name}-run")
    return runs


def names(folder: Path) -> list[str]:
    return [row["run"] for row in RunShelf([folder], finished_runs).listed()["runs"]]


def test_runs_are_listed_newest_first_with_their_figures(folder: Path) -> None:
    found = RunShelf([folder], finished_runs).listed()
    assert len(found["runs"]) == 2
    assert found["left_out"] == []
    assert found["runs"][0]["shown"]["trades"].isdigit()


def test_two_runs_stand_beside_each_other(folder: Path) -> None:
    first, second = names(folder)
    found = RunShelf([folder], finished_runs).two(first, second)
    assert found["names"] == [first, second]
    for name, curve in zip((first, second), found["curves"], strict=True):
        equity = read_run(folder / name).equity.equity
        assert curve["equity"] == pytest.approx((equity / equity[0]).tolist())
    assert all(len(row) == 3 for table in found["figures"] for row in table["rows"])


def test_only_a_run_of_the_list_can_be_asked_for(folder: Path) -> None:
    shelf = RunShelf([folder], finished_runs)
    (first, second) = names(folder)
    for name in (f"../{folder.name}/{first}", str(folder / first), "", "/etc"):
        with pytest.raises(UsageError, match="there is no finished run"):
            shelf.two(second, name)
    with pytest.raises(UsageError, match="the same run twice"):
        shelf.two(first, first)


def test_a_damaged_run_leaves_the_others(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "summary.json").write_text("[")
    found = RunShelf([tmp_path, folder], finished_runs).listed()
    assert len(found["runs"]) == 2
    assert "broken" in found["left_out"][0]


def test_without_a_run_the_list_is_empty(tmp_path: Path) -> None:
    assert RunShelf([tmp_path / "none"], finished_runs).listed()["runs"] == []
