"""docs/signals.md against the code."""

import inspect
import re
from pathlib import Path

import numpy as np

from stoptrail.strategies.signals.mtf_cycle import mtf_cycle
from tests.strategies.market import altered_after, random_market

TEXT = (Path(__file__).parents[3] / "docs" / "signals.md").read_text(encoding="utf-8")


def documented_signal():
    """The signal that the page shows to users, compiled from the page."""
    block = next(b for b in re.findall(r"```python\n(.*?)```", TEXT, re.S) if "def breakout" in b)
    namespace = {}
    exec(block, namespace)
    return namespace["breakout"]


def test_the_documented_signal_finds_both_sides_and_does_not_look_ahead():
    breakout, candles = documented_signal(), random_market(1, 20)
    whole = breakout(candles, hours=24)
    assert set(np.unique(whole.zone)) == {-1, 0, 1}
    for t in range(100, len(candles.time), 101):
        for other in altered_after(candles, t, seed=t):
            part = breakout(other, hours=24)
            np.testing.assert_array_equal(part.zone[: t + 1], whole.zone[: t + 1])


def test_every_parameter_of_the_shipped_signal_is_in_the_table():
    documented = set(re.findall(r"^\| `(\w+)` \|", TEXT, re.M))
    assert set(inspect.signature(mtf_cycle).parameters) - {"candles"} <= documented
