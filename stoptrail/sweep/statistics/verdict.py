"""What the evidence amounts to, in plain words and without hope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stoptrail.core.text import number_of
from stoptrail.sweep.statistics.checks import (
    CHECKS,
    ENOUGH_PERMUTED,
    WORTH_KEEPING,
    Evidence,
    Finding,
    Level,
    number,
    stop_paths,
)

_HEADLINES = {
    Level.FAILS: "The evidence speaks against this result.",
    Level.DOUBTFUL: "This result is doubtful.",
    Level.UNTESTED: "This result has not been tested far enough to be trusted.",
    Level.HOLDS: "This result passes every check made here; that is no promise.",
}
_SYNTHETIC = "The candles are synthetic: nothing here says anything of a real market."
_LAST = "All of this is one market's past; the next years need not resemble it."
_LAST_OF_BOOK = "All of this is these markets' past; the next years need not resemble it."
_FALLEN = 2.0
"""Standard errors by which a mean that fell to a loss has changed rather than varied."""
_ITS_OWN = 1.0 / 3.0
"""Share of the Sharpe ratio that should be left without the market's own moves of each year."""
_DEEP, _RUIN = 0.5, 0.9
"""Fractions below its highest that an account fell: to be told, and as good as lost."""
_NEEDED = {
    "walk-forward": "walk_forward.out_of_sample.sharpe",
    "deflated Sharpe ratio": "deflated_sharpe.distinct.probability",
    "probability of overfitting": "overfitting.pbo",
    "bootstrap interval": "bootstrap.sharpe.low",
}
"""Without these a result is untested, whatever else is good about it."""
_ONE_SET = "overfitting.pbo"
"""Needed of a single set only: a book's walk-forward repeats its whole choice."""


@dataclass(frozen=True)
class Verdict:
    """The result of all checks."""

    level: Level
    """The worst of the findings' levels."""
    sentences: tuple[str, ...]
    """Headline, then what speaks against the result, what lowers nothing but should be known,
    what speaks for it, what was not examined, and the standing caveat."""

    @property
    def text(self) -> str:
        """All sentences in one paragraph."""
        return " ".join(self.sentences)

    def as_summary(self) -> dict[str, Any]:
        """As `evidence.verdict` in summary.json: `level` in lower case, `sentences`."""
        return {"level": self.level.name.lower(), "sentences": list(self.sentences)}


def verdict(evidence: Evidence) -> Verdict:
    """Judge a result by its evidence, shaped as in docs/evidence.md.

    Parts that are missing or null are not guessed: they are named as not examined. Of
    synthetic candles nothing is said on skill. `markets`, the verdicts on each market's best
    set, make it the evidence of a book.
    """
    if evidence.get("synthetic"):
        return Verdict(Level.UNTESTED, (_HEADLINES[Level.UNTESTED], _SYNTHETIC))
    more = too_few_permuted, passed_over, last_year, one_year, beyond_market, held, of_markets
    first = looks_ahead, candles, account, lost_outside, by_dates, by_prices
    checks = *first, *CHECKS, *more, says_the_same
    found = [finding for check in checks if (finding := check(evidence)) is not None]
    missing = _not_examined(evidence)
    levels = [finding.level for finding in [*found, *missing]]
    level = max(levels, default=Level.UNTESTED)
    against = [finding.sentence for finding in _by_weight(found) if finding.level > Level.HOLDS]
    lowering_nothing = [finding for finding in found if finding.level == Level.HOLDS]
    speaks_for = [f.sentence for f in sorted(lowering_nothing, key=lambda f: not f.note)]
    rest = [finding.sentence for finding in missing]
    last = _LAST_OF_BOOK if evidence.get("markets") else _LAST
    return Verdict(level, (_HEADLINES[level], *against, *speaks_for, *rest, last))


def looks_ahead(evidence: Evidence) -> Finding | None:
    """A signal that knows later candles, whose figures all mean nothing then."""
    found = (evidence.get("look_ahead") or {}).get("found")
    if not found:
        return None
    said = f"The signal looks ahead, so no figure here can be trusted: {found}."
    return Finding(Level.FAILS, said)


def candles(evidence: Evidence) -> Finding | None:
    """Candles that are not what was traded in their own time: then decisions knew prices that
    nobody had yet, or orders filled at prices that were over, and no other check can see it."""
    odd = evidence.get("odd_candles") or ()
    if not odd:
        return None
    return Finding(Level.DOUBTFUL, f"Its candles are in question: {'; '.join(odd)}.")


def account(evidence: Evidence) -> Finding | None:
    """What became of the money, which no Sharpe ratio tells: days that are good on average come to
    a loss once they compound at too much leverage."""
    own = evidence.get("metrics") or {}
    paths = [own, *stop_paths(evidence).values()]
    earned = [value for path in paths if (value := number(path, "net_return")) is not None]
    falls = [value for path in paths if (value := number(path, "max_drawdown")) is not None]
    net, worst = number(own, "net_return"), min(earned, default=0.0)
    lost = [f"{-net:.2%} of the account"] if net is not None and net < 0.0 else []
    if worst < min(0.0, net or 0.0):
        lost.append(f"{-worst:.2%} in its worst price path")
    if lost:
        despite = any((number(path, "sharpe") or 0.0) > 0.0 for path in paths)
        said = f"It lost {', '.join(lost)}{', whatever its Sharpe ratio says' * despite}."
        return Finding(Level.FAILS, said)
    fall = max(falls, default=0.0)
    if fall < _DEEP:
        return None
    said = f"On the way its account fell {fall:.0%} below its highest"
    if fall < _RUIN:
        return Finding(Level.HOLDS, f"{said}.", note=True)
    return Finding(Level.DOUBTFUL, f"{said}: it was all but lost, whatever came after.")


def lost_outside(evidence: Evidence) -> Finding | None:
    """The same of the days that its choice had not seen."""
    path = "walk_forward.out_of_sample"
    earned, sharpe = number(evidence, f"{path}.net_return"), number(evidence, f"{path}.sharpe")
    if earned is None or sharpe is None or not earned < 0.0 < sharpe:
        return None
    said = f"Out of sample {-earned:.2%} of the account was lost, at a Sharpe ratio of {sharpe:.2f}"
    return Finding(Level.DOUBTFUL, f"{said}: too much is put at risk.")


def says_the_same(evidence: Evidence) -> Finding | None:
    """A signal that was asked and does not look ahead."""
    audit = evidence.get("look_ahead") or {}
    if audit.get("found") or not audit.get("tried"):
        return None
    said = f"At {audit['tried']} of its events the signal says the same whatever follows."
    return Finding(Level.HOLDS, said)


def too_few_permuted(evidence: Evidence) -> Finding | None:
    """Permuted markets that are too few for their p to speak for a result; one that found as
    much speaks against it (skill), however few they are."""
    count, p = number(evidence, "permutation.count"), number(evidence, "permutation.p_best")
    if not count or p is None or count >= ENOUGH_PERMUTED:
        return None
    said = (
        f"The search found as much on {p * (count + 1) - 1:.0f} of "
        f"{number_of(count, 'permuted market')}, too few to speak for it: "
        f"sweep.permutations = {ENOUGH_PERMUTED} would."
    )
    return Finding(Level.HOLDS, said, note=True)


def last_year(evidence: Evidence) -> Finding | None:
    """An edge that is gone: what was earned before was not earned lately."""
    sharpe, before = number(evidence, "recent.sharpe"), number(evidence, "recent.before")
    days, fall = number(evidence, "recent.days"), number(evidence, "recent.fall")
    if sharpe is None or before is None or days is None or fall is None:
        return None
    gone = fall >= _FALLEN and sharpe < WORTH_KEEPING * before
    if sharpe > 0.0 and not gone:
        return None
    said = f"Its last {days:.0f} days have a Sharpe ratio of {sharpe:.2f} after {before:.2f} before"
    if gone:
        return Finding(Level.DOUBTFUL, f"{said}: what it lived on may be gone.")
    return Finding(Level.HOLDS, f"{said}, which may be chance.", note=True)


def passed_over(evidence: Evidence) -> Finding | None:
    """A far better set that was not taken for its neighbours: a peak, or no neighbours at all."""
    taken, highest = (number(evidence, f"plateau.{name}") for name in ("objective", "highest"))
    if taken is None or highest is None or highest <= 0.0 or taken >= WORTH_KEEPING * highest:
        return None
    said = (
        f"The set with the highest objective, {highest:.2f} against {taken:.2f}, was not taken, as "
        "sets beside it do far worse: a peak; or a parameter whose numbers are names, which a "
        "Literal would say."
    )
    return Finding(Level.HOLDS, said, note=True)


def one_year(evidence: Evidence) -> Finding | None:
    """What was earned in one year alone was the year's, until another one shows the same; of a
    loss nothing was earned."""
    others, days = number(evidence, "best_year.others"), number(evidence, "best_year.days")
    lost = (number(evidence, "metrics.net_return") or 0.0) < 0.0
    if others is None or days is None or others > 0.0 or lost:
        return None
    start = str((evidence.get("best_year") or {}).get("start"))[:10]
    said = f"All of it was earned in the {days:.0f} days from {start} on: the others have"
    return Finding(Level.DOUBTFUL, f"{said} a Sharpe ratio of {others:.2f}.")


def beyond_market(evidence: Evidence) -> Finding | None:
    """What came from being in the market, or short of it, in the right years: a few long moves
    decided it, which permuted days break up and one span of years cannot tell from luck."""
    whole, left = number(evidence, "beyond_market.sharpe"), number(evidence, "beyond_market.left")
    if whole is None or left is None or whole <= 0.0 or left >= _ITS_OWN * whole:
        return None
    said = f"Of a Sharpe ratio of {whole:.2f}, {left:.2f} is left without its share of the market"
    return Finding(Level.DOUBTFUL, f"{said} year by year: a few long moves of the price made it.")


def held(evidence: Evidence) -> Finding | None:
    """A market that went up by itself: without permuted ones, whose drift is the same, nothing
    tells a search from having held it."""
    path = "walk_forward"
    hold = number(evidence, f"{path}.same_span.buy_and_hold.sharpe")
    middle = number(evidence, f"{path}.range.median")
    own = number(evidence, f"{path}.out_of_sample.sharpe") if middle is None else middle
    if hold is None or own is None or own >= hold:
        return None
    said = (
        f"Holding the market did better on the days out of sample: Sharpe {hold:.2f} against "
        f"{own:.2f}{'' if middle is None else ' (median of phases)'}"
    )
    permuted = (number(evidence, "permutation.count") or 0.0) >= ENOUGH_PERMUTED
    if permuted or evidence.get("markets"):
        return Finding(Level.HOLDS, f"{said}.", note=True)
    return Finding(
        Level.DOUBTFUL,
        f"{said}, and no permuted markets say that it is more than their rise.",
    )


def by_dates(evidence: Evidence) -> Finding | None:
    """Entries or exits that hang on dates, which permuted markets leave where they are."""
    named = {"the signal": "by_dates", "the exit rule": "exit_by_dates"}
    return _known_beside(evidence, named, "dates", "under other dates")


def by_prices(evidence: Evidence) -> Finding | None:
    """The same of prices, none of which comes again in a permuted market."""
    named = {"the signal": "by_prices", "the exit rule": "exit_by_prices"}
    named["the size"] = "size_by_prices"
    return _known_beside(evidence, named, "prices", "a ten-thousandth higher")


def _known_beside(
    evidence: Evidence, named: dict[str, str], what: str, where: str
) -> Finding | None:
    examined = evidence.get("look_ahead") or {}
    which = [name for name, key in named.items() if examined.get(key)]
    if not which:
        return None
    who = " and ".join(which)
    said = (
        f"{who[0].upper()}{who[1:]} {'say' if which[1:] else 'says'} something else of the same "
        f"candles {where}: {what}, or a file, are known there, and nothing here tells whether what "
        "followed is in them."
    )
    return Finding(Level.DOUBTFUL, said)


def of_markets(evidence: Evidence) -> Finding | None:
    """What a book does not examine by itself, and where that is."""
    levels = evidence.get("markets")
    if not levels:
        return None
    listed = ", ".join(f"{symbol} {level}" for symbol, level in levels.items())
    said = (
        "Fees, price paths, overfitting and permuted markets are judged for each market's best "
        f"set alone, in its folder: {listed}. Markets that are known today have survived: those "
        "that were delisted are not among them."
    )
    return Finding(Level.HOLDS, said, note=True)


def _by_weight(found: list[Finding]) -> list[Finding]:
    """Worst first."""
    return sorted(found, key=lambda f: -f.level)


def _not_examined(evidence: Evidence) -> list[Finding]:
    needed = {
        name: path
        for name, path in _NEEDED.items()
        if not (evidence.get("markets") and path == _ONE_SET)
    }
    names = [name for name, path in needed.items() if number(evidence, path) is None]
    glanced = evidence.get("look_ahead") or {}
    if glanced and not glanced.get("found") and not glanced.get("tried"):
        names.append("whether the signal looks ahead")
    if not names:
        return []
    return [Finding(Level.UNTESTED, f"Not examined: {', '.join(names)}.")]
