from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stoptrail.reports.plots.draw import has_screen, settle_backend

ROOT = Path(__file__).parents[3]


@pytest.fixture
def no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    settle_backend(window=False)  # Backtrader asks for a window when its plotter is first imported
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND"):
        monkeypatch.delenv(name, raising=False)


def test_a_screen_is_known_by_its_variables(
    no_screen: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not has_screen()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert has_screen()


def test_without_a_screen_no_window_is_promised(no_screen: None) -> None:
    assert not settle_backend(window=True)
    assert not settle_backend(window=False)


def test_backtrader_s_wish_for_a_window_does_not_decide(no_screen: None) -> None:
    # In a fresh process: what `backtrader.plot` does at its first import is the trap.
    code = (
        "from stoptrail.reports.plots.draw import settle_backend\n"
        "assert not settle_backend(window=True)\n"
        "from matplotlib import pyplot\n"
        "pyplot.figure()\n"
        "print(pyplot.get_backend())\n"
    )
    # Python warns of Backtrader's escape sequences where nobody has compiled it yet.
    strict = ["-W", "error", "-W", "ignore::SyntaxWarning", "-W", "ignore::DeprecationWarning"]
    done = subprocess.run(
        [sys.executable, *strict, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stderr == ""
    assert done.stdout.strip().lower() == "agg"


def test_a_toolkit_that_is_not_installed_is_passed_over(
    no_screen: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib import pyplot

    asked: list[str] = []

    def switch(backend: str) -> None:
        asked.append(backend)
        if backend not in ("QtAgg", "agg"):
            raise ImportError(backend)

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(pyplot, "switch_backend", switch)
    assert settle_backend(window=True)
    assert asked == ["TkAgg", "QtAgg"]


def test_the_user_s_own_choice_goes_first(no_screen: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import pyplot

    asked: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("MPLBACKEND", "WebAgg")
    monkeypatch.setattr(pyplot, "switch_backend", asked.append)
    assert settle_backend(window=True)
    assert asked == ["WebAgg"]
