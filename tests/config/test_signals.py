from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import runner
from stoptrail.config.signals import resolve_signal, signal_model
from stoptrail.core.errors import ConfigError
from tests.config import example_signal
from tests.config.files import SIGNAL

RESERVED = frozenset({"signal", "sides"})


def test_a_signal_is_found_by_import_path() -> None:
    assert resolve_signal(SIGNAL) is example_signal.example


def test_the_shipped_signal_is_found_by_name() -> None:
    from stoptrail.strategies.signals.mtf_cycle import mtf_cycle

    assert resolve_signal("mtf_cycle") is mtf_cycle


def test_the_signature_is_the_model() -> None:
    model = signal_model(SIGNAL, reserved=RESERVED)
    assert set(model.model_fields) == {"trend", "trend_period", "cycle_threshold"}
    assert model().model_dump() == {"trend": "roc", "trend_period": 30, "cycle_threshold": 0.5}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("mtf_cycel", "did you mean mtf_cycle"),
        ("no.such.module:signal", "no.such.module cannot be imported"),
        ("tests.config.example_signal:exampel", "did you mean example"),
        ("tests.config.example_signal:", "module:function"),
        (
            "tests.config.example_signal",
            'name a function of it: "tests.config.example_signal:NAME"',
        ),
        ("..:x", "module:function"),
        ("tests.config.example_signal:untyped", "period without a type annotation"),
        ("tests.config.example_signal:clashing", "sides, a name that"),
        ("tests.config.example_signal:unresolved", "cannot be used"),
        ("tests.config.example_signal:mistyped", "gives period the default '3', which its annot"),
        (
            "tests.config.example_signal:placed",
            r"takes hours by position .* write a \* before hours",
        ),
    ],
)
def test_a_signal_that_cannot_be_used_says_why(path: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        signal_model(path, reserved=RESERVED)
    assert "\n" not in str(caught.value)


def test_a_module_that_fails_on_import_is_a_wrong_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "failing_signal_module.py").write_text("raise RuntimeError('first\\nsecond')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"RuntimeError: first\)"):
        resolve_signal("failing_signal_module:signal")


def test_a_module_that_quits_is_a_wrong_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not the end of the program, with nothing said and exit code 0."""
    (tmp_path / "quitting_signal_module.py").write_text("import sys\nsys.exit()\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"cannot be imported \(SystemExit"):
        resolve_signal("quitting_signal_module:signal")


def test_a_signal_in_a_folder_named_like_one_of_the_checkout(tmp_path: Path) -> None:
    """A config.py and an errors.py beside it are the user's own too."""
    (tmp_path / "strategies").mkdir()
    (tmp_path / "config.py").write_text("LENGTH = 7\n")
    (tmp_path / "errors.py").write_text("class MineError(Exception): ...\n")
    (tmp_path / "strategies" / "mine.py").write_text(
        "import config, errors\n"
        "from strategies.helper import doubled\n"
        "from stoptrail.rules.candles import Candles, Signals\n"
        "def signal(candles: Candles, *, n: int = doubled(config.LENGTH)) -> Signals: ...\n"
    )
    (tmp_path / "strategies" / "helper.py").write_text("def doubled(x): return 2 * x\n")
    code = (
        "import stoptrail.strategies.mtf_strategy\n"
        "from stoptrail.config.signals import signal_model\n"
        "model = signal_model('strategies.mine:signal', reserved=frozenset())\n"
        "print(model().model_dump())\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(runner.__file__).parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "{'n': 14}\n"
