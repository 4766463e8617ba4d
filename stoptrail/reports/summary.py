"""What reports and terminal read out of a run's summary; parts that are absent are left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stoptrail.config.market import tiers_words
from stoptrail.core.text import number_of, short_moment
from stoptrail.core.time import DAY_MS, time_ms
from stoptrail.reports.figures import written
from stoptrail.rules.metrics import DAYS_A_YEAR

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


def cautions(summary: Summary) -> list[str]:
    """Why there was no trade, and what the market of the settings cannot do or is not known of it:
    what a reader has to know before the figures. What was said of the candles as they were read
    (`data.notes`) is not said again."""
    said = part(summary, "data").get("notes") or ()
    lines = [summary.get("no_trade"), *(summary.get("warnings") or ())]
    return [str(line) for line in lines if line and line not in said]


def grounds(summary: Summary) -> Iterator[tuple[str, str]]:
    """What the result rests on beside its figures: (name, words), one a line."""
    for made in (
        _short,
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


def _short(summary: Summary) -> tuple[str, str] | None:
    """A span below a year, of which figures a year are hardly more than drawn lots."""
    data = part(summary, "data")
    if not data.get("start") or not data.get("end"):
        return None
    days = (time_ms(str(data["end"])) - time_ms(str(data["start"]))) / DAY_MS
    if not 0.0 < days < DAYS_A_YEAR:
        return None
    return "Short span", (
        f"{number_of(max(1, round(days)), 'day')}: a Sharpe ratio of so few is uncertain by about "
        f"{(DAYS_A_YEAR / days) ** 0.5:.1f} either way (one standard error), and a return a year "
        "tells as little"
    )


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
