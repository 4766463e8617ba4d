from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.core.retry import Patience, backoff, rest, retry_after, wait_after


@given(st.integers(1, 10_000), st.floats(0.001, 10.0), st.floats(0.001, 100.0))
def test_waits_grow_up_to_the_cap_and_are_never_zero(
    failures: int, first: float, cap: float
) -> None:
    whole = min(cap, first * 2.0 ** min(failures - 1, 30))
    assert 0.5 * whole <= backoff(failures, first, cap) <= whole <= cap


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": " 120 "}, 120.0),
        (
            {
                "Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT",
                "Date": "Wed, 21 Oct 2015 07:28:00 GMT",
            },
            30.0,
        ),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "0"}, None),
        ({"Retry-After": "0.0"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT"}, None),
        ({"Retry-After": "1e9"}, 259_200.0),
        ({"Retry-After": "Thu, 01 Jan 2099 00:00:00 GMT"}, 259_200.0),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "1e400"}, None),
        ({"Retry-After": "nan"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers) == seconds


def test_what_the_other_side_asks_for_goes_first_as_long_as_patience_lasts() -> None:
    patience = Patience(attempts=3, first=1.0, cap=8.0, longest=20.0)
    assert wait_after(1, patience, 20.0) == 20.0
    assert wait_after(1, patience, 0.0) == 0.0
    assert wait_after(1, patience, 20.5) is None
    assert 1.0 <= (wait_after(2, patience) or 0.0) <= 2.0
    assert wait_after(3, patience) is None
    assert wait_after(3, patience, 0.0) is None


def test_a_rest_ends_with_its_time_or_a_stop() -> None:
    begin = time.monotonic()
    rest(0.15, lambda: False)
    assert time.monotonic() - begin >= 0.15
    asked: list[int] = []
    rest(60.0, lambda: len(asked) > 1 or asked.append(1) is not None)
    assert time.monotonic() - begin < 30.0
