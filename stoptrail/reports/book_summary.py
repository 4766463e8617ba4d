"""What reports and terminal read out of a book's summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stoptrail.core.text import chance_text, number_of
from stoptrail.reports.summary import Summary, part


def sleeves_in(summary: Summary) -> list[Mapping[str, Any]]:
    """The sleeves of a book; none where the run is none."""
    found = part(summary, "book").get("sleeves") or []
    return [sleeve for sleeve in found if isinstance(sleeve, Mapping)]


def by_market(sleeves: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What the sleeves of each market are together; None where a figure is not known."""
    found: dict[str, dict[str, Any]] = {}
    for sleeve in sleeves:
        row = found.setdefault(str(sleeve.get("symbol")), {"sleeves": 0})
        row["sleeves"] += 1
        for name in ("share", "profit", "contribution", "risk_contribution", "trades"):
            value = sleeve.get(name)
            before = row.get(name, 0)
            row[name] = None if value is None or before is None else before + value
    return found


def book_words(summary: Summary) -> list[str]:
    """What a sweep says of the book that it chose, in sentences; none of another run."""
    walked, words = part(part(summary, "book"), "walk_forward"), []
    if walked:
        outside, interval = part(walked, "out_of_sample"), part(walked, "interval")
        level = f"{interval.get('level') or 0.0:.0%}"
        phases, best = len(walked.get("phases") or ()), part(walked, "best_single")
        words.append(
            f"Out of sample, sets and shares chosen anew in every window: Sharpe "
            f"{_two(outside.get('sharpe'))}, {level} interval {_two(interval.get('low'))} to "
            f"{_two(interval.get('high'))}"
        )
        words.append(
            f"Over {number_of(phases, 'phase')}: mean {_two(walked.get('mean'))}, "
            f"{_two(walked.get('low'))} to {_two(walked.get('high'))}; its markets each alone "
            f"{_two(walked.get('mean_of_singles'))}, the best of them "
            f"{_two(best.get('mean'))} in hindsight, "
            f"bought and held {_two(part(walked, 'buy_and_hold').get('sharpe'))}"
        )
    apart = part(part(summary, "book"), "sub_accounts")
    if apart:
        one, other = (part(apart, name).get("sharpe") for name in ("engine", "metrics"))
        words.append(
            f"The whole span on one account: Sharpe {_two(one)}; as sub-accounts, as the "
            f"walk-forward counts: {_two(other)}"
        )
    deflated = part(part(summary, "book"), "deflated_sharpe")
    if deflated.get("probability") is not None:
        words.append(
            f"Deflated by {deflated['trials']:,} trials: probability of skill "
            f"{chance_text(deflated['probability'])}"
        )
    return words


def _two(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, int | float) else "none"
