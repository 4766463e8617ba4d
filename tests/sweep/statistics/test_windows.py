"""Walk-forward windows chain without a gap and never overlap their training."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.core.errors import UsageError
from stoptrail.core.time import DAY_MS
from stoptrail.sweep.statistics.windows import windows

FIRST = 1_624_320_000_000
days = st.integers(1, 900)


@given(days, days, st.integers(1, 4000), st.integers(0, DAY_MS - 1))
def test_test_windows_chain_from_the_first_train_window_to_the_end(
    train: int, test: int, extra: int, odd: int
) -> None:
    last = FIRST + (train + extra) * DAY_MS + odd
    found = windows(FIRST, last, train, test)
    assert found[0].train_start == FIRST
    assert found[-1].test_end == last
    for before, after in itertools.pairwise(found):
        assert before.test_end == after.test_start
        assert not before.partial
    for window in found:
        assert window.train_end - window.train_start == train * DAY_MS
        assert window.train_end == window.test_start
        length = window.test_end - window.test_start
        assert 0 < length <= test * DAY_MS
        assert window.partial == (length < test * DAY_MS)


def test_five_years_of_the_defaults() -> None:
    found = windows(FIRST, FIRST + 1826 * DAY_MS, 730, 180)
    assert len(found) == 7
    assert [window.partial for window in found] == [False] * 6 + [True]
    assert (found[-1].test_end - found[-1].test_start) // DAY_MS == 1826 - 730 - 6 * 180


@pytest.mark.parametrize("have", [0, 100, 730])
def test_data_that_ends_within_the_first_training_is_refused(have: int) -> None:
    with pytest.raises(UsageError, match=rf"730 days .* {have}\.0 days of data"):
        windows(FIRST, FIRST + have * DAY_MS, 730, 180)


@pytest.mark.parametrize(("train", "test"), [(0, 180), (730, 0), (-1, 5)])
def test_lengths_must_be_positive(train: int, test: int) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        windows(FIRST, FIRST + 2000 * DAY_MS, train, test)
