from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import runner
import stoptrail
from stoptrail.cli.docs import FOLDER

PACKAGE = Path(stoptrail.__file__).parent


def _shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert runner.main(["docs", *words]) == 0
    return capsys.readouterr().out


def test_the_list_has_every_page_with_its_heading(capsys: pytest.CaptureFixture[str]) -> None:
    lines = _shown(capsys).splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [
        [page.stem, page.read_text("utf-8").splitlines()[0].removeprefix("# ")]
        for page in sorted(FOLDER.glob("*.md"), key=lambda page: page.stem)
    ]
    assert len(lines) > 15


@pytest.mark.parametrize("name", ["fills", "Fills", "fills.md", "docs/fills.md", "fills.md#c11"])
def test_a_page_is_found_as_messages_and_links_write_it(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    page = FOLDER / "fills.md"
    assert _shown(capsys, name) == page.read_text("utf-8")
    assert _shown(capsys, name, "--path") == f"{page}\n"
    assert page.is_file()


def test_without_a_page_the_path_is_that_of_the_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert _shown(capsys, "--path") == f"{FOLDER}\n"


def test_a_page_is_paged_in_a_terminal_and_printed_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paged: list[str] = []
    monkeypatch.setattr(click, "echo_via_pager", paged.append)
    printed = _shown(capsys, "exits")
    assert paged == []
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert _shown(capsys, "exits") == ""
    assert paged == [printed]


@pytest.mark.parametrize(
    ("name", "near"), [("fils", "; did you mean fills"), ("qqqq", ""), ("../setup", "")]
)
def test_an_unknown_page_is_told_in_one_line_with_the_near_ones(
    name: str, near: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.main(["docs", name]) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"error: there is no page '{name}'{near}")
    assert line.endswith(" docs lists all of them)\n")
    assert ("did you mean" in line) == bool(near)


def test_every_page_that_the_program_points_to_is_part_of_it() -> None:
    named = {
        name
        for folder, _, files in os.walk(PACKAGE, followlinks=True)
        for file in files
        if file.endswith((".py", ".toml", ".html", ".js"))
        for name in re.findall(r"\bdocs/([\w-]+\.md)", (Path(folder) / file).read_text("utf-8"))
    }
    assert len(named) > 8
    assert named <= {page.name for page in FOLDER.iterdir()}


@pytest.mark.parametrize(("words", "fits"), [("ba", "backtest"), ("docs docs/fi", "fills")])
def test_a_shell_is_told_the_commands_and_the_pages_that_fit(words: str, fits: str) -> None:
    asked = {
        "_STOPTRAIL_COMPLETE": "bash_complete",
        "COMP_WORDS": f"stoptrail {words}",
        "COMP_CWORD": str(len(words.split())),
    }
    found = subprocess.run(
        [sys.executable, "-m", "stoptrail"],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == [f"plain,{fits}"]
