from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.exchange.retry import backoff, retry_after


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
        ({}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers) == seconds
