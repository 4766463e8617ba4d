import pickle
from pathlib import Path

import numpy as np
import pytest

from stoptrail.config.load import load_settings
from stoptrail.config.own_code import own_size, own_size_of
from stoptrail.core.errors import ConfigError
from stoptrail.rules.jit import numba

HERE = "tests.config.test_own_code:"


def tenth(decision):
    return 0.1 * decision.equity / decision.price


def fifth(decision):
    return 0.2 * decision.equity / decision.price


def reads_a_file(decision):
    return float(Path("sizes.txt").read_text())


def wants_more(decision, other):
    return 1.0


def misspelt(decision):
    return decision.equtiy


def says_nothing(decision):
    pass


def at_times(decision):
    if decision.side > 0:
        return 1.0
    return None


def in_words(decision):
    return "3"


def two_of_them(decision):
    return 1.0, 2.0


def knows_no_such_call(decision):
    return float(None)


def draws_lots(decision):
    return np.random.random()


def test_a_sizing_function_is_the_same_one_in_another_process() -> None:
    own = own_size(f"{HERE}tenth")
    again = pickle.loads(pickle.dumps(own))
    numbers = (1, 1000.0, 50.0, 1.0, 2.0, 0.5, 0, 0, 0.0, 0.0)
    assert own.call(*numbers) == again.call(*numbers) == 2.0


def test_built_in_ways_are_no_functions() -> None:
    assert own_size_of("kelly") is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("reads_a_file", "cannot be compiled by Numba"),
        (
            "wants_more",
            r"required argument: 'other'\): .* called as wants_more\(decision\)",
        ),
        ("says_nothing", "returns None, not a number of units, 0 for no trade"),
        ("at_times", "returns None on one of its ways, not a number"),
        ("in_words", "returns text, not a number"),
        ("two_of_them", "returns UniTuple, not a number"),
        ("misspelt", "cannot be compiled by Numba .*equtiy"),
        ("knows_no_such_call", r"\(there is no float\(none\)\)"),
        ("tentth", "did you mean tenth"),
        ("draws_lots", r"answers 0\.\d+ and then 0\.\d+ to the same question"),
    ],
)
def test_what_cannot_be_compiled_is_refused_when_settings_are_read(name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as raised:
        load_settings(None, [f"risk.sizing={HERE}{name}"])
    line = str(raised.value)
    assert line.startswith("--set: risk.sizing ")
    assert f"{HERE}{name}" in line
    assert "\n" not in line


def test_what_numba_says_in_colours_is_told_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does where colorama is installed."""

    def coloured(*_: object, **__: object) -> None:
        raise ValueError("\x1b[1mFailed in nopython mode\x1b[0m\n\x1b[1mno such word\x1b[0m")

    monkeypatch.setattr(numba(), "cfunc", coloured)
    with pytest.raises(ConfigError, match=r"compiled by Numba \(no such word\): "):
        load_settings(None, [f"risk.sizing={HERE}fifth"])


def test_a_grid_may_hold_a_sizing_of_ones_own() -> None:
    settings = load_settings(None, [f'sweep.grid.risk.sizing=["risk", "{HERE}tenth"]'])
    assert settings.sweep.grid["risk.sizing"] == ["risk", f"{HERE}tenth"]
    with pytest.raises(
        ConfigError, match=r"sweep\.grid\.risk\.sizing: risk\.sizing cannot be compiled"
    ):
        load_settings(None, [f'sweep.grid.risk.sizing=["risk", "{HERE}misspelt"]'])


def test_a_way_to_size_that_is_none_is_told_the_ways() -> None:
    with pytest.raises(ConfigError) as raised:
        load_settings(None, ["risk.sizing=kely"])
    ways = 'risk, all_in, notional, volatility, kelly or "module:function"'
    assert str(raised.value) == (
        f"--set: risk.sizing must be {ways}, received 'kely'; did you mean kelly?"
    )
