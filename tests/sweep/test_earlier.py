"""Trials of earlier sweeps are counted once each, where market and span meet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stoptrail.core.errors import StoreError
from stoptrail.sweep.earlier import NONE, remember, tried

SPAN = (1000, 2000)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'own.db'}"


def test_the_first_sweep_has_none_before_it(url: str) -> None:
    assert remember(url, "a", "X/Y", SPAN, tried(np.zeros(5))) == NONE


def test_the_same_sweep_again_counts_once(url: str) -> None:
    own = tried(np.array([0.1, 0.2]))
    for _ in range(3):
        assert remember(url, "a", "X/Y", SPAN, own) == NONE


def test_others_on_the_market_and_an_overlapping_span_count(url: str) -> None:
    one, other = np.array([0.1, 0.2, np.nan]), np.array([0.3, -0.1])
    remember(url, "a", "X/Y", SPAN, tried(one))
    remember(url, "elsewhere", "Z/Y", SPAN, tried(other))
    remember(url, "before", "X/Y", (0, 1000), tried(other))
    remember(url, "after", "X/Y", (2000, 3000), tried(other))
    # Spans are half-open: those that touch have no candle in common.
    assert remember(url, "touching", "X/Y", (3000, 4000), tried(one)) == NONE
    found = remember(url, "b", "X/Y", (1999, 3000), tried(other))
    assert (found.sweeps, found.trials) == (2, 5)
    every = np.concatenate(([0.1, 0.2, 0.0], other, other))
    assert found.with_more(tried(other)).spread == pytest.approx(every.std(ddof=1))


def test_a_database_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"database\.url"):
        remember(f"sqlite:///{tmp_path}", "a", "X/Y", SPAN, tried(np.zeros(2)))
