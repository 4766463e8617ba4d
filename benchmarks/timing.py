"""Measuring: processor time, the sides in turns, medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple


class Timed(NamedTuple):
    """One side of a comparison."""

    seconds: float
    """Median of the processor time."""
    runs: int
    result: Any
    """What the last run returned."""


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds of this process, all threads, and the result."""
    begin = time.process_time()
    result = work()
    return time.process_time() - begin, result


def in_turns(rounds: int, *sides: Callable[[], Any]) -> list[Timed]:
    """Every side once in every round, so that a busy machine is unfair to none.

    Each side should have run before: compiling is not what is measured.
    """
    spent: list[list[float]] = [[] for _ in sides]
    results: list[Any] = [None] * len(sides)
    for _ in range(rounds):
        for k, side in enumerate(sides):
            seconds, results[k] = timed(side)
            spent[k].append(seconds)
    return [
        Timed(statistics.median(seconds), rounds, result)
        for seconds, result in zip(spent, results, strict=True)
    ]
