"""What a benchmark hands back for RESULTS.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Section(NamedTuple):
    """One benchmark's part of the page, in Markdown."""

    title: str
    lines: tuple[str, ...]


class SkippedError(Exception):
    """A benchmark that cannot run here; the message says why."""


class DisagreementError(Exception):
    """Both sides did not do the same work."""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """A Markdown table; the first column is text, the others are numbers."""
    line = "| " + " | ".join(header) + " |"
    rule = "| --- |" + " ---: |" * (len(header) - 1)
    return (line, rule, *("| " + " | ".join(row) + " |" for row in rows), "")


def require(agreed: bool, what: str) -> None:
    """Raise DisagreementError where the sides differ in a way that is not explained."""
    if not agreed:
        raise DisagreementError(what)
