"""Something moves while a command is at work, and says when it compiles."""

from __future__ import annotations

import io
import re
import sys
import time
from types import SimpleNamespace

import numba
import pytest
from rich.console import Console

from stoptrail.cli import activity
from stoptrail.cli.activity import Activity, Compiling
from stoptrail.cli.console import Stages, Voice


def plain(*, compiling: bool = False) -> tuple[Activity, io.StringIO]:
    out = io.StringIO()
    return Activity(Console(file=out, width=100), lambda: compiling), out


def until(out: io.StringIO, pattern: str) -> str:
    end = time.monotonic() + 20
    while not re.search(pattern, out.getvalue()):
        assert time.monotonic() < end, out.getvalue()
        time.sleep(0.02)
    return out.getvalue()


def test_without_a_terminal_a_line_comes_though_nothing_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(activity, "SECONDS_BETWEEN_LINES", 0.1)
    shown, out = plain()
    with shown.alive(), shown.step("evidence"):
        until(out, r"evidence: \d s\n.*evidence: \d s\n")
    said = out.getvalue()
    time.sleep(0.6)
    assert out.getvalue() == said  # nothing after the end


def test_a_count_is_said_at_its_beginning_and_its_end() -> None:
    shown, out = plain()
    with shown.alive(), shown.step("pre-screen") as advance:
        for done in range(0, 5001, 10):
            advance(done, 5000)
    assert out.getvalue().splitlines() == ["pre-screen: 0 of 5,000", "pre-screen: 5,000 of 5,000"]


def test_an_end_that_is_told_twice_is_said_once() -> None:
    shown, out = plain()
    with shown.alive(), shown.step("walk-forward") as advance:
        for done in (0, 40, 40):
            advance(done, 40)
    assert out.getvalue().splitlines() == ["walk-forward: 0 of 40", "walk-forward: 40 of 40"]


def test_it_says_when_something_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "SECONDS_BETWEEN_LINES", 0.1)
    shown, out = plain(compiling=True)
    with shown.alive():
        until(out, "working: 0 s, compiling")


def test_compiling_is_heard_of_while_it_goes_on() -> None:
    import numba.core.event as events

    compiling = Compiling()
    assert not compiling()  # listens from here on
    heard = []

    class Witness(events.Listener):  # type: ignore[misc]
        def on_start(self, event: object) -> None:
            heard.append(compiling())

        def on_end(self, event: object) -> None:
            pass

    with events.install_listener("numba:compile", Witness()):
        numba.njit(lambda x: x + 1)(1)
    assert heard[0]
    assert not compiling()


def test_the_process_beside_is_asked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "stoptrail.sweep.kernel.precompile"
    monkeypatch.setitem(sys.modules, name, SimpleNamespace(is_running=lambda: True))  # type: ignore[misc]
    assert Compiling()()


def test_on_a_terminal_the_display_moves_by_itself() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True)
    shown = Activity(console, lambda: True)
    with shown.alive(), shown.step("evidence"):
        first = until(out, "evidence, compiling")
        time.sleep(0.4)
        assert len(out.getvalue()) > len(first)
        with shown.step("finalists") as advance:
            advance(3, 28)
            until(out, "3/28")
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue()).splitlines()
    assert max(len(line.split("\r")[-1]) for line in lines) <= 80


def test_a_silent_voice_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    voice = Voice(silent=True)
    stages = Stages(voice)
    with voice.at_work(), stages.stage("data"), voice.progress("candles") as advance:
        advance(1, 2)
    voice.rest()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1h candles", "A/B:B: 1h candles"),
        ("A/B:B: tick 0.1", "A/B:B: tick 0.1"),
        ("A/B:B is a swap", "A/B:B is a swap"),
        ("A/B:BC is another", "A/B:B: A/B:BC is another"),
    ],
)
def test_a_notice_about_a_market_names_it_once(
    line: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    voice = Voice()
    with voice.about("A/B:B"):
        voice.notice(line)
    assert capfd.readouterr().err.strip() == said


def test_stages_add_up_and_show_where_the_command_is(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(activity, "SECONDS_BETWEEN_LINES", 0.1)
    voice = Voice()
    stages = Stages(voice)
    with voice.at_work():
        with stages.stage("baseline"):
            time.sleep(0.7)
        voice.rest()
    assert "legacy exits: " in capfd.readouterr().err
    table = stages.table()
    assert table["baseline"] == pytest.approx(0.7, abs=0.3)
    assert sum(value for name, value in table.items() if name != "total") == pytest.approx(
        table["total"], abs=0.01
    )
