"""What the dashboard takes on a small server."""

from __future__ import annotations

from benchmarks.dashboard import MOST_MB, measured


def test_ten_sessions_with_a_year_of_equity_stay_small() -> None:
    assert 30.0 < measured().megabytes < MOST_MB
