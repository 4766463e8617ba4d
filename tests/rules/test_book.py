"""What a book adds up."""

from __future__ import annotations

from stoptrail.rules.book import Exposure, added, exposure_of


def test_sums_are_rounded_after_each_term_in_every_python() -> None:
    assert added([1e16, 1.0, -1e16]) == 0.0  # the sum of Python 3.12 says 1


def test_what_is_at_stake_is_added_up_by_kind() -> None:
    stakes = [(2.0, 10.0, 1.5, 4.0), (0.5, 100.0, 0.0, 3.0)]
    assert exposure_of(stakes) == Exposure(1.5, 70.0, 7.0)
    assert exposure_of([]) == Exposure(0.0, 0.0, 0.0)
