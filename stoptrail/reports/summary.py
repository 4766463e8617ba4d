"""What reports and terminal read out of a run's summary; parts that are absent are left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stoptrail.config.market import tiers_words
from stoptrail.core.text import number_of, short_moment
from stoptrail.reports.figures import written

Summary = Mapping[str, Any]
Metrics = Mapping[str, Any]

IN_SAMPLE, OUT_OF_SAMPLE = "In sample", "Out of sample"
LEGACY, HOLD = "Legacy exits", "Buy and hold"
MOST_SENTENCES = 5
"""Of the verdict, the weightiest first: what it rests on."""
_NO_SKILL = (
    "The candles are synthetic: no verdict on skill. They show that the program runs, not that "
    "a market pays."
)
_PATHS = {"high_first": "high first", "low_first": "low first"}


def samples(summary: Summary) -> dict[str, Metrics]:
    """Metrics in sample, out of sample, of the legacy exits and of buy-and-hold; those
    that the run has."""
    walk_forward = part(evidence_of(summary), "walk_forward")
    found = {
        IN_SAMPLE: summary.get("metrics"),
        OUT_OF_SAMPLE: walk_forward.get("out_of_sample") or walk_forward.get("metrics"),
        LEGACY: part(summary, "baseline").get("metrics"),
        HOLD: summary.get("buy_and_hold"),
    }
    return {name: metrics for name, metrics in found.items() if metrics}


def spans(summary: Summary) -> dict[str, tuple[str, str]]:
    """Beginning and end of each of the `samples`; "" where it is not known."""
    data = part(summary, "data")
    whole = short_moment(data.get("start")), short_moment(data.get("end"))
    windows = part(evidence_of(summary), "walk_forward").get("windows") or []
    tested = whole
    if windows:
        tested = short_moment(windows[0]["test_start"]), short_moment(windows[-1]["test_end"])
    return {name: tested if name == OUT_OF_SAMPLE else whole for name in samples(summary)}


def verdict_of(summary: Summary) -> tuple[str, list[str]]:
    """(level, sentences) of the verdict, see docs/evidence.md; ("", []) where none was
    reached. Of synthetic candles nothing is said but that."""
    verdict = part(evidence_of(summary), "verdict") or part(part(summary, "book"), "verdict")
    if verdict and part(summary, "data").get("synthetic"):
        return "untested", [_NO_SKILL]
    return str(verdict.get("level") or ""), [str(line) for line in verdict.get("sentences") or []]


def grounds(summary: Summary) -> Iterator[tuple[str, str]]:
    """What the result rests on beside its figures: (name, words), one a line."""
    for made in (
        _ruin,
        _swings,
        _phases,
        _same_span,
        _permutation,
        _concentration,
        _stop_path,
        _paths,
        _margin,
        _mark,
        _held,
    ):
        if words := made(summary):
            yield words


def _ruin(summary: Summary) -> tuple[str, str] | None:
    """Whose account was lost, whose other figures then read like those of one that trades on."""
    columns = [name.lower() for name, metrics in samples(summary).items() if _is_ruined(metrics)]
    if not columns:
        return None
    return "Ruin", (
        f"{' and '.join(columns)}: the whole account was lost; the days after it count as days "
        "without a return, so that its Sharpe ratio tells nothing"
    )


def _is_ruined(metrics: Metrics) -> bool:
    """Whether what is left is nothing, as a person reads it."""
    return written("net_return", metrics.get("net_return")) == "-100.0%"


def _swings(summary: Summary) -> tuple[str, str] | None:
    """A Sharpe ratio above 0 of an account that lost, which reads like a mistake."""
    metrics = part(summary, "metrics")
    sharpe, net = metrics.get("sharpe"), metrics.get("net_return")
    if sharpe is None or net is None or not net < 0.0 < sharpe or _is_ruined(metrics):
        return None
    return "Swings", (
        "the Sharpe ratio is above 0 though money was lost: it is of the mean daily return, and "
        "days that swing so far lose more than that as they compound"
    )


def evidence_of(summary: Summary) -> Mapping[str, Any]:
    """The evidence, empty where none was gathered."""
    return part(summary, "evidence")


def part(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object `name` of `table`, empty where there is none."""
    found = table.get(name)
    return found if isinstance(found, Mapping) else {}


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


def interval_words(interval: Mapping[str, Any]) -> str:
    """An interval as "-0.80 to 1.17 (90%)", "" where it has no bounds."""
    low, high = interval.get("low"), interval.get("high")
    if low is None or high is None:
        return ""
    level = interval.get("level")
    share = f" ({level:.0%})" if isinstance(level, int | float) else ""
    return f"{low:.2f} to {high:.2f}{share}"


def _phases(summary: Summary) -> tuple[str, str] | None:
    walked = part(evidence_of(summary), "walk_forward")
    phases = [row.get("sharpe") for row in walked.get("phases") or [] if isinstance(row, Mapping)]
    known = [value for value in phases if value is not None]
    words = []
    if len(known) > 1:
        words.append(f"Sharpe {min(known):.2f} to {max(known):.2f} in {len(phases)} phases")
    if said := interval_words(part(walked, "interval")):
        words.append(f"interval {said}")
    return ("Out of sample", ", ".join(words)) if words else None


def _same_span(summary: Summary) -> tuple[str, str] | None:
    found = part(part(evidence_of(summary), "walk_forward"), "same_span")
    named = (("in_sample", "in sample"), ("legacy", "legacy"), ("buy_and_hold", "hold"))
    words = [
        f"{name} {written('sharpe', part(found, key).get('sharpe'))}"
        for key, name in named
        if part(found, key).get("sharpe") is not None
    ]
    return ("On those days alone", f"Sharpe {', '.join(words)}") if words else None


def _permutation(summary: Summary) -> tuple[str, str] | None:
    found = part(evidence_of(summary), "permutation")
    best, median = found.get("p_best"), found.get("p_median")
    if not found.get("count") or best is None:
        return None
    words = f"p {best:.2f} of the best set"
    words += "" if median is None else f", {median:.2f} of the median one"
    few = ", too few for the verdict" if found.get("enough") is False else ""
    words += f", on {number_of(found['count'], 'market')} with shuffled days{few}"
    return "Permutations", words


def _concentration(summary: Summary) -> tuple[str, str] | None:
    found = part(evidence_of(summary), "concentration") or part(summary, "concentration")
    words = []
    if found.get("best_trade") is not None:
        words.append(f"best trade {found['best_trade']:.0%} of the profit")
    best = "it" if words else "the best"
    won = part(summary, "metrics").get("profit_factor") != 0.0
    factors = [
        f"{written('profit_factor', found[key])} without {name}"
        for key, name in (
            ("profit_factor_without_best", best),
            ("profit_factor_without_best_three", "the best three"),
        )
        if won and found.get(key) is not None
    ]
    if factors:
        words.append(f"profit factor {', '.join(factors)}")
    return ("Concentration", "; ".join(words)) if words else None


def held_stops(summary: Summary) -> bool:
    """Whether a stop was ever held, so that it matters when it moves."""
    exits = part(part(summary, "params"), "strategy").get("exits")
    return exits != "cycle" and part(summary, "metrics").get("exposure") != 0.0


def _paths(summary: Summary) -> tuple[str, str] | None:
    """How the other ratchet does; nothing where there is none."""
    if not held_stops(summary):
        return None
    paths = part(evidence_of(summary), "envelope") or part(summary, "envelope")
    known = {
        name: row
        for name, row in paths.items()
        if isinstance(row, Mapping) and row.get("net_return") is not None
    }
    if "tick" in known and "candle" in known:
        return _known_path(summary, known)
    ticks = {name: row for name, row in known.items() if name in _PATHS}
    if not ticks or "candle" not in known:
        return None
    worst = min(ticks, key=lambda name: float(ticks[name]["net_return"]))
    row = ticks[worst]
    return "Tick ratchet", (
        f"net return {written('net_return', row['net_return'])}, Sharpe "
        f"{written('sharpe', row.get('sharpe'))} with every tick ({_PATHS[worst]})"
    )


def _stop_path(summary: Summary) -> tuple[str, str] | None:
    """What a stop was followed by within the candles held (C21)."""
    found = part(summary, "stop_path")
    if not found:
        return None
    whole, held = found.get("walked_whole") or 0, found.get("held") or 0
    lacking = f"{whole:,} of {held:,} candles held have none, or others, and are walked whole"
    rest = f"; {lacking}" if whole else ""
    moved = "by ticks" if found.get("ratchet") == "tick" else "at closes"
    return "Detail", f"stop path from {found.get('timeframe')} candles, moved {moved}{rest}"


def _margin(summary: Summary) -> tuple[str, str] | None:
    """What has to stay in the account of a swap, and who says so (C20); not where a warning has
    said that it is assumed."""
    told, warned = [], " ".join(summary.get("warnings") or ())
    for each in summary.get("maintenance_margin") or []:
        if f"maintenance margin of {each['symbol']} is not known" in warned:
            continue
        steps = tuple((float(begin), float(rate)) for begin, rate in each["tiers"])
        words = {
            "exchange": f"read from {each['of']}",
            "settings": "as market.maintenance_margin says",
            "default": "assumed, as the exchange's is not known",
        }
        told.append(f"{tiers_words(steps)} of a {each['symbol']} position, {words[each['source']]}")
    return ("Maintenance margin", "; ".join(told)) if told else None


def _mark(summary: Summary) -> tuple[str, str] | None:
    """By which prices a swap is liquidated, where mark prices are known (C20)."""
    known = part(part(summary, "data"), "mark")
    if not known:
        return None
    missing = known.get("missing") or 0
    rest = f"; {number_of(missing, 'candle')} without, by the market's own" if missing else ""
    return "Mark prices", f"{known.get('timeframe')} candles, {known.get('source')}{rest}"


def _known_path(summary: Summary, known: Mapping[str, Metrics]) -> tuple[str, str]:
    """The other ratchet along finer candles, beside what the assumed paths would say."""
    by_tick = part(summary, "stop_path").get("ratchet") == "tick"
    title, row = ("Candle ratchet", known["candle"]) if by_tick else ("Tick ratchet", known["tick"])
    assumed = [
        f"{written('net_return', known[name]['net_return'])} {words}"
        for name, words in _PATHS.items()
        if name in known
    ]
    return title, (
        f"net return {written('net_return', row['net_return'])}, Sharpe "
        f"{written('sharpe', row.get('sharpe'))} (ticks without detail: {', '.join(assumed)})"
    )


def _held(summary: Summary) -> tuple[str, str] | None:
    found = part(part(summary, "buy_and_hold"), "scaled")
    if found.get("net_return") is None or not found.get("share"):
        return None  # with one of the two gone there is no such share
    return "Same risk", (
        f"buy and hold with {found['share']:.0%} of the account: net return "
        f"{written('net_return', found['net_return'])}, drawdown "
        f"{written('max_drawdown', found.get('max_drawdown'))}"
    )


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
            f"{deflated['probability']:.1%}"
        )
    return words


def _two(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, int | float) else "none"
