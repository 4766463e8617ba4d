"""Half-open spans of time."""

from __future__ import annotations

from collections.abc import Iterable

Spans = tuple[tuple[int, int], ...]
"""Half-open spans in milliseconds, ascending, apart from each other."""


def joined(spans: Iterable[tuple[int, int]]) -> Spans:
    """Spans in order, those that touch made one, empty ones left out."""
    out: list[tuple[int, int]] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return tuple(out)


def uncovered(covered: Spans, start: int, end: int) -> Spans:
    """The parts of [start, end) that no span covers."""
    out = []
    at = start
    for first, last in covered:
        if first >= end:
            break
        if first > at:
            out.append((at, first))
        at = max(at, last)
    if at < end:
        out.append((at, end))
    return tuple(out)


def within(spans: Iterable[tuple[int, int]], start: int, end: int) -> Spans:
    """The parts of `spans` that lie in [start, end)."""
    return joined((max(first, start), min(last, end)) for first, last in spans)
