"""How much of a result may be luck: the figures of docs/evidence.md in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stoptrail.core.text import chance_text, number_of
from stoptrail.reports.figures import MISSING, label_of, set_text
from stoptrail.reports.html.markup import card, table
from stoptrail.reports.summary import interval_words, part

Evidence = Mapping[str, Any]
Row = tuple[str, str]

_COUNTED = {
    "all": "every combination counted",
    "distinct": "alike combinations counted once",
    "effective": "groups of alike combinations counted",
    "with_earlier": "earlier sweeps of this market counted too",
}
_PICKS = {
    "raw": "Combination picked by the objective alone",
    "plateau": "Combination picked by its plateau score",
    "neighbours": "Combination picked by its neighbourhood's mean",
}


def luck_table(evidence: Evidence) -> str:
    """The table; nothing where no part of it was examined."""
    rows = [
        list(row)
        for examined in (
            _phases,
            _cross_validation,
            _permutation,
            _deflated,
            _overfitting,
            _bootstrap,
            _plateau,
            _concentration,
            _stretches,
            _asked_of_the_signal,
        )
        for row in examined(evidence)
    ]
    if not rows:
        return ""
    return f'<div class="luck">{card("How much of it may be luck", table(["", ""], rows))}</div>'


def _phases(evidence: Evidence) -> Iterator[Row]:
    walked = part(evidence, "walk_forward")
    phases = [phase for phase in walked.get("phases") or [] if isinstance(phase, Mapping)]
    if phases:
        days = ", ".join(str(phase.get("shift_days")) for phase in phases)
        words = ", ".join(_ratio(phase.get("sharpe")) for phase in phases)
        yield f"Sharpe out of sample, windows moved by {days} days", words
    if said := interval_words(part(walked, "interval")):
        yield "Sharpe out of sample, interval", said


def _cross_validation(evidence: Evidence) -> Iterator[Row]:
    found = part(evidence, "cross_validation")
    if found.get("median") is not None:
        words = f"{_ratio(found.get('low'))} to {_ratio(found.get('high'))}"
        yield (
            "Sharpe of purged cross-validation, "
            f"{number_of(len(found.get('sharpes') or []), 'path')}",
            f"{words}, median {_ratio(found['median'])}",
        )


def _permutation(evidence: Evidence) -> Iterator[Row]:
    found = part(evidence, "permutation")
    count = found.get("count")
    few = ", too few for the verdict" if found.get("enough") is False else ""
    for key, name in (("p_best", "best set"), ("p_median", "median set")):
        if count and found.get(key) is not None:
            as_good = found[key] * (count + 1) - 1
            yield (
                f"p of the {name}, and markets with shuffled days that have one as good",
                f"{_ratio(found[key])} ({as_good:.0f} of {number_of(count, 'market')}{few})",
            )


def _stretches(evidence: Evidence) -> Iterator[Row]:
    last, best = part(evidence, "recent"), part(evidence, "best_year")
    if last.get("sharpe") is not None:
        words = f"{_ratio(last['sharpe'])}, before {_ratio(last.get('before'))}"
        yield f"Sharpe ratio of the last {last.get('days')} days", words
    if best.get("others") is not None:
        words = f"{_ratio(best.get('sharpe'))}, on all others {_ratio(best['others'])}"
        yield (
            f"Sharpe ratio of the best {best.get('days')} days, from {str(best.get('start'))[:10]}",
            words,
        )
    beyond = part(evidence, "beyond_market")
    if beyond.get("left") is not None:
        words = f"{_ratio(beyond['left'])} of {_ratio(beyond.get('sharpe'))}"
        yield "Sharpe ratio without its share of the market, year by year", words


def _asked_of_the_signal(evidence: Evidence) -> Iterator[Row]:
    found = part(evidence, "look_ahead")
    if found:
        examined = (
            f"no, at none of {number_of(tried, 'event')}"
            if (tried := found.get("tried"))
            else "not examined"
        )
        yield "Whether the signal looks ahead", str(found.get("found") or examined)


def _concentration(evidence: Evidence) -> Iterator[Row]:
    found = part(evidence, "concentration")
    for key, name in (
        ("best_trade", "The best trade's share of the net profit"),
        ("best_five_trades", "The best five trades' share of the net profit"),
    ):
        if found.get(key) is not None:
            yield name, _percent(found[key])
    for key, name in (
        ("profit_factor_without_best", "Profit factor without the best trade"),
        ("profit_factor_without_best_three", "Profit factor without the best three"),
    ):
        if found.get(key) is not None:
            yield name, _ratio(found[key])


def _deflated(evidence: Evidence) -> Iterator[Row]:
    deflated = part(evidence, "deflated_sharpe")
    for key, words in _COUNTED.items():
        found = part(deflated, key)
        if found:
            trials = found.get("trials")
            count = f" ({number_of(trials, 'trial')})" if isinstance(trials, int | float) else ""
            name = f"Probability of a true Sharpe above 0, {words}"
            known = found.get("probability")
            said = chance_text(known) if isinstance(known, int | float) else MISSING
            yield name, said + count


def _overfitting(evidence: Evidence) -> Iterator[Row]:
    found = part(evidence, "overfitting")
    for key, name in (
        ("pbo", "Probability of backtest overfitting"),
        ("loss_probability", "Splits whose winner lost money on unseen days"),
        ("mean_rank", "The winner's mean rank on unseen days (50% is drawing lots)"),
    ):
        if key in found:
            yield name, _percent(found[key])


def _bootstrap(evidence: Evidence) -> Iterator[Row]:
    for name, found in part(evidence, "bootstrap").items():
        if isinstance(found, Mapping):
            level = f"{_percent(found.get('level'))} " if found.get("level") else ""
            words = f"{_ratio(found.get('low'))} to {_ratio(found.get('high'))}"
            yield f"{label_of(name)}, {level}interval, selection not counted", words


def _plateau(evidence: Evidence) -> Iterator[Row]:
    found = part(evidence, "plateau")
    if found:
        words = f"{_ratio(found.get('median'))} against {_ratio(found.get('objective'))}"
        if found.get("count") is not None:
            thin = found.get("thin")
            few = f", {thin} of them with too few trades" if thin else ""
            words += f" ({number_of(found['count'], 'set')}{few})"
        yield "Median of the neighbours in the grid against the best", words
    for name, pick in part(evidence, "picks").items():
        if isinstance(pick, Mapping):
            chosen = set_text(pick.get("params") or {})
            yield _PICKS.get(name, name), f"{pick.get('combination')}: {chosen}"
    if "on_edge" in evidence:
        yield "On the edge of the grid in", ", ".join(evidence["on_edge"] or ()) or "no setting"


def _percent(value: Any) -> str:
    return f"{value:.0%}" if isinstance(value, int | float) else MISSING


def _ratio(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, int | float) else MISSING
