import sys

import numpy as np
import pytest

from stoptrail.core.errors import ConfigError
from stoptrail.rules.metrics import Metrics
from stoptrail.sweep.kernel.results import COLUMN
from stoptrail.sweep.objective import raw_objective, require_usable

HERE = "tests.sweep.test_own_objective:"
TABLE = np.arange(5.0 * len(Metrics._fields)).reshape(5, -1)
"""Figures of five combinations, all different, none with a scratch."""
TABLE[:, COLUMN.scratches] = 0.0


def growth_over_fees(figures):
    """NaN for the first of TABLE, as for any with few trades."""
    few = figures["trades"] < 10
    return np.where(few, np.nan, figures["cagr"] / figures["fees_paid"])


def counts(figures):
    return figures["trades"].astype(np.int64)


def one_number(figures):
    return 1.0


def too_short(figures):
    return figures["sharpe"][1:]


def without_bound(figures):
    return np.where(figures["trades"] > 0, np.inf, 0.0)


def rank(figures):
    return np.argsort(np.argsort(figures["sharpe"])).astype(np.float64)


def misspelt(figures):
    return figures["sharp"]


def greedy(figures):
    figures["sharpe"][:] = 1.0
    return figures["sharpe"]


def test_an_objective_of_ones_own_sees_the_figures_of_every_combination() -> None:
    values = raw_objective(f"{HERE}growth_over_fees", TABLE, 0)
    expected = TABLE[:, COLUMN.cagr] / TABLE[:, COLUMN.fees_paid]
    assert np.isnan(values[0])
    np.testing.assert_array_equal(values[1:], expected[1:])


def test_too_few_trades_are_no_choice_by_ones_own_objective_either() -> None:
    decided = TABLE[:, COLUMN.trades] - TABLE[:, COLUMN.scratches]
    values = raw_objective(f"{HERE}growth_over_fees", TABLE, decided[-1] + 1)
    assert np.isnan(values).all()


def masked(figures):
    return np.ma.masked_less(figures["sharpe"], 0.0)


def quits(figures):
    sys.exit()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("counts", "int64, not of float64"),
        ("one_number", "gives float, not an array"),
        ("too_short", r"gives shape \(2,\) for 3 combinations"),
        ("without_bound", "gives inf for row 0"),
        ("rank", "another value among others"),
        ("misspelt", "fails .KeyError: 'sharp'."),
        ("greedy", "read-only"),
        ("masked", "gives MaskedArray, not an array"),
        ("quits", "fails .SystemExit"),
    ],
)
def test_what_cannot_rank_is_told_before_anything_is_searched(name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as raised:
        require_usable(HERE + name)
    assert "\n" not in str(raised.value)
    assert f"sweep.objective: {HERE}{name}" in str(raised.value)


def test_built_in_objectives_need_no_trial() -> None:
    require_usable("sharpe")
