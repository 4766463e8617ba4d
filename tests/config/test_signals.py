from __future__ import annotations

from pathlib import Path

import pytest

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
        ("..:x", "module:function"),
        ("tests.config.example_signal:untyped", "period without a type annotation"),
        ("tests.config.example_signal:clashing", "sides, a name that"),
        ("tests.config.example_signal:unresolved", "cannot be used"),
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
