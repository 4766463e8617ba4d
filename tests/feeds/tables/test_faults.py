from __future__ import annotations

import numpy as np
import pytest

from stoptrail.feeds.tables import faults
from stoptrail.feeds.tables.faults import usual_step


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_the_usual_step_is_the_most_frequent_one_in_any_order(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Of two as frequent ones the shorter; times that come twice make none."""
    monkeypatch.setattr(faults, "_AT_ONCE", at_once)
    time = np.array([0, 5, 5, 10, 15, 18, 21, 30, 33])
    assert usual_step(time) == 3
    assert usual_step(time[::-1]) == 3
    assert usual_step(np.array([15, 0, 10, 5])) == 5
    assert usual_step(time[:1]) == usual_step(time[1:3]) == usual_step(time[:0]) == 0
