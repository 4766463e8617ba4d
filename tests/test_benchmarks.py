"""What benchmarks and the tools of the tests are called with: a mistake is one line, code 2."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import benchmarks.__main__ as every
from benchmarks import (
    against_revision,
    arguments,
    books,
    dashboard,
    exits,
    kernel,
    scaling,
    soak,
    soak_session,
    usual_backtrader,
    verdict,
)
from benchmarks.market import Span, load
from benchmarks.scaling import Point
from tests.bad_inputs import __main__ as bad_inputs
from tests.live import soak as session_soak
from tests.mutants import __main__ as mutants

BENCHMARKS = Path(arguments.__file__).parent


@pytest.mark.parametrize(
    ("main", "words", "told"),
    [
        (every.main, "--only scalin", "invalid choice: 'scalin'"),
        (every.main, "--data gone.csv", "'gone.csv' is no file"),
        (every.main, "--data no_candles.csv --only detail", "no_candles.csv: "),
        (against_revision.main, "no-such --data no_candles.csv", "'no-such' is no commit"),
        (against_revision.main, "", "required: revision, --data"),
        (exits.main, "no_candles.csv", "no_candles.csv: "),
        (kernel.main, "--rounds 0", "'0' is no whole number of at least 1"),
        (kernel.main, "no_candles.csv", "no_candles.csv: "),
        (books._measure, "no_candles.csv", "no_candles.csv: "),
        (dashboard.main, "more", "unrecognized arguments: more"),
        (soak.main, "--kills -1", "'-1' is no whole number of at least 0"),
        (soak.main, "--days 1", "1 days are too short for 12 kills"),
        (soak.main, "--database nix://a", "database.url must start with sqlite:///"),
        (soak_session.main, "", "required: config, notes"),
        (usual_backtrader.main, "no_candles.csv x", "'x' is no whole number"),
        (verdict.main, "run wolk 1 1 out", "invalid choice: 'wolk'"),
        (verdict.main, "run walk 1 1 gone/out", "gone/out"),
        (verdict.main, "judge no_candles.csv", "no_candles.csv: not what `run` has written"),
        (session_soak.main, "--candles 3", "3 candles are too few for 20 kills"),
        (mutants.main, "--count 0", "'0' is no whole number of at least 1"),
        (bad_inputs.main, "many", "'many' is no whole number of at least 1"),
        (bad_inputs.main, "5 5 5", "unrecognized arguments: 5"),
    ],
)
def test_a_mistake_in_the_arguments_is_one_line(
    main: Callable[[], int | None],
    words: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "no_candles.csv").write_text("a,b\n1,2\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(every.VARIABLE, raising=False)
    monkeypatch.setattr(sys, "argv", ["it", *words.split()])
    try:
        code = main()
    except SystemExit as refused:
        code = refused.code  # type: ignore[assignment]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert told in line
    assert code == 2


def test_a_fault_is_planted_in_modules_that_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mutants, "KEPT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["it", "--only", "no_such"])
    with pytest.raises(SystemExit) as refused:
        mutants.main()
    assert refused.value.code == 2
    assert "'no_such' is part of no module's name" in capsys.readouterr().err


def test_every_benchmark_that_is_called_has_one_kind_of_refusal() -> None:
    """argparse's own is several lines."""
    for file in BENCHMARKS.glob("*.py"):
        if file.name != "arguments.py":
            assert "ArgumentParser(" not in file.read_text("utf-8"), file.name


def test_chosen_benchmarks_write_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn: list[Any] = []

    def point(at: float, *_more: Any) -> Point:
        return Point(at, 1.0)

    def large(_file: Path | None) -> tuple[Point, float]:
        return Point(scaling.MOST, 1.0), 1.0

    def short(file: Path | None) -> Span:
        return load(file)._replace(source="a test")

    monkeypatch.setattr(scaling, "screened", lambda *_: None)
    monkeypatch.setattr(scaling, "point", point)
    monkeypatch.setattr(scaling, "_largest", large)
    monkeypatch.setattr(scaling, "_draw", lambda *each: drawn.append(each[0]))
    monkeypatch.setattr(every, "load", short)
    monkeypatch.setattr(every, "FOLDER", tmp_path)
    monkeypatch.setattr(sys, "argv", ["it", "--only", "scaling"])
    assert every.main() == 0
    page = capsys.readouterr().out
    assert "How the pre-screen grows" in page
    assert ".png" not in page
    assert drawn == []
    assert list(tmp_path.iterdir()) == []
    section = scaling.scaling(short(None), tmp_path, None)
    assert drawn == [tmp_path / "combinations.png", tmp_path / "candles.png"]
    assert "![candles](candles.png)" in section.lines
