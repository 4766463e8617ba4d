"""What reports and terminal read out of a run's summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Summary = Mapping[str, Any]
Metrics = Mapping[str, Any]


def samples(summary: Summary) -> dict[str, Metrics]:
    """Metrics in sample, out of sample, of the legacy exits and of buy-and-hold; those
    that the run has."""
    walk_forward = evidence_of(summary).get("walk_forward") or {}
    found = {
        "In sample": summary.get("metrics"),
        "Out of sample": walk_forward.get("out_of_sample") or walk_forward.get("metrics"),
        "Legacy exits": (summary.get("baseline") or {}).get("metrics"),
        "Buy and hold": summary.get("buy_and_hold"),
    }
    return {name: metrics for name, metrics in found.items() if metrics}


def verdict_of(summary: Summary) -> tuple[str, list[str]]:
    """(level, sentences) of the verdict, see docs/evidence.md; ("", []) where none was
    reached."""
    verdict = evidence_of(summary).get("verdict") or {}
    return str(verdict.get("level") or ""), [str(line) for line in verdict.get("sentences") or []]


def evidence_of(summary: Summary) -> Mapping[str, Any]:
    """The evidence, empty where none was gathered."""
    return summary.get("evidence") or {}
