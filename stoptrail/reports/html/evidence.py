"""The evidence of a run as tables, and as the numbers that its figures need.

Every part may be absent: what is not there is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stoptrail.core.text import number_of
from stoptrail.core.time import time_ms
from stoptrail.reports.figures import label_of, set_text, written
from stoptrail.reports.html.markup import (
    card,
    metric_columns,
    metric_rows,
    minutes,
    table,
)
from stoptrail.reports.summary import (
    HOLD,
    IN_SAMPLE,
    LEGACY,
    OUT_OF_SAMPLE,
    Summary,
    evidence_of,
    held_stops,
    part,
    samples,
    spans,
)

Evidence = Mapping[str, Any]
_COMPARED = ("net_return", "sharpe", "profit_factor", "trades")
_SPREAD = ("low", "median", "high", "mean", "deviation")
_OPEN = "A trade still open at the end is in net return, Sharpe and drawdown, not among the trades."
_SELECTIONS = {
    "sweep": "as the sweep chooses",
    "best": "the best objective",
    "plateau": "plateau score",
    "neighbours": "mean of the neighbours",
    "best_25": "average of the best 25",
    "best_tenth": "average of the best tenth",
}


def sample_table(summary: Mapping[str, Any]) -> str:
    """The table of `samples`, one column each."""
    columns = samples(summary)
    if not columns:
        return ""
    between = spans(summary).values()
    rows = [["From", *(first or "-" for first, _ in between)]]
    rows.append(["To", *(last or "-" for _, last in between)])
    return card("Side by side", metric_rows(columns, rows))


def same_span_table(summary: Mapping[str, Any]) -> str:
    """Every column on the out-of-sample days alone, so that they can be compared."""
    walked = part(evidence_of(summary), "walk_forward")
    found = part(walked, "same_span")
    named = {
        IN_SAMPLE: part(found, "in_sample"),
        OUT_OF_SAMPLE: part(walked, "out_of_sample"),
        LEGACY: part(found, "legacy"),
        HOLD: part(found, "buy_and_hold"),
    }
    columns = {name: metrics for name, metrics in named.items() if metrics}
    if not found or not columns:
        return ""
    note = f"From {str(found.get('start'))[:10]} on: the days that the walk-forward tests cover."
    return card("The same on the out-of-sample span", metric_rows(columns), note)


def selection_table(evidence: Evidence) -> str:
    """How ways of choosing did over the phases of the walk-forward."""
    found = part(part(evidence, "walk_forward"), "selections")
    rows = [
        [_SELECTIONS.get(name, name), *(written("sharpe", row.get(n)) for n in _SPREAD)]
        for name, row in found.items()
        if isinstance(row, Mapping)
    ]
    if not rows:
        return ""
    note = (
        "Sharpe ratio out of sample over the phases, by other ways of choosing in the same training"
        " windows. The less it varies with the phase, the less it owes to where a window begins."
        " The averages hold many sets side by side: a yardstick, no set to trade."
    )
    head = ["Chosen by", "Lowest", "Median", "Highest", "Mean", "Deviation"]
    return card("Ways of choosing", table(head, rows), note)


def walk_forward_data(evidence: Evidence) -> dict[str, Any] | None:
    """Windows with their Sharpe in training and in the test after it, or their profit factor
    where the tests have no Sharpe; None where there are none."""
    windows = (evidence.get("walk_forward") or {}).get("windows") or []
    if not windows:
        return None
    known = any(_metric(w, "test", "sharpe") is not None for w in windows)
    shown = "sharpe" if known else "profit_factor"
    return {
        "metric": label_of(shown),
        "start": minutes([time_ms(w["test_start"]) for w in windows]),
        "end": minutes([time_ms(w["test_end"]) for w in windows]),
        "train": [_metric(w, "train", shown) for w in windows],
        "test": [_metric(w, "test", shown) for w in windows],
        "partial": [bool(w.get("partial")) for w in windows],
    }


def window_table(evidence: Evidence) -> str:
    """What each window chose and what became of it."""
    windows = (evidence.get("walk_forward") or {}).get("windows") or []
    if not windows:
        return ""
    shown = ("sharpe", "profit_factor", "trades")
    head = ["Test window", *(f"{label_of(n)} {s}" for n in shown for s in ("train", "test"))]
    rows = [
        [
            f"{str(w['test_start'])[:10]} to {str(w['test_end'])[:10]}"
            + (" (partial)" if w.get("partial") else ""),
            *(written(n, _metric(w, s, n)) for n in shown for s in ("train", "test")),
            set_text(w.get("params") or {}),
        ]
        for w in windows
    ]
    note = "A partial window ends before its time, with the data." if _any_partial(windows) else ""
    return card("Walk-forward windows", table([*head, "Chosen set"], rows), note)


def _any_partial(windows: Sequence[Mapping[str, Any]]) -> bool:
    return any(window.get("partial") for window in windows)


def breakdowns(summary: Mapping[str, Any]) -> str:
    """Every table that has one row of metrics for each name."""
    evidence = evidence_of(summary)
    titles = {
        "management": (
            "What each part of the exits contributes",
            f"The same signals throughout. {_OPEN}",
        ),
        "years": ("By year", ""),
        "sides": ("By side", _ALONE if evidence.get("sides") else ""),
    }
    if held_stops(summary):
        titles["envelope"] = ("Order of events within a candle", _paths_note(evidence))
    made = [
        card(title, metric_columns(rows), note)
        for name, (title, note) in titles.items()
        if (rows := named_rows(evidence.get(name) or summary.get(name)))
    ]
    made.insert(1, _paired(evidence))
    return "".join(made)


_ALONE = "Each side run alone: one that is left out frees room for the other."


def _paths_note(evidence: Evidence) -> str:
    assumed = "along open-high-low-close or open-low-high-close"
    if "tick" in part(evidence, "envelope"):
        return (
            "The stop ratchets at candle closes or by the ticks of finer candles; the other two are"
            f" the extremes that would be assumed without them, {assumed}."
        )
    return f"The stop ratchets at candle closes, or with every tick {assumed}."


def finalist_table(summary: Mapping[str, Any]) -> str:
    """Each finalist with finer candles beside what the pre-screen knew of it (C21)."""
    rows = []
    for found in summary.get("finalists") or []:
        screened, metrics = part(found, "without_detail"), part(found, "metrics")
        if not screened:
            continue
        cells = [
            (written(name, screened.get(name)), written(name, metrics.get(name)))
            for name in _COMPARED
        ]
        chosen = found.get("combination") == part(summary, "best").get("combination")
        rows.append(
            [
                f"{found.get('combination')}{' (chosen)' if chosen else ''}",
                *(cell for pair in cells for cell in pair),
                "-" if found.get("worst_path") is None else f"{found['worst_path']:.2f}",
            ]
        )
    if not rows:
        return ""
    head = [f"{label_of(name)} {where}" for name in _COMPARED for where in ("base", "detail")]
    note = (
        "The pre-screen is on base candles, and so are walk-forward, permuted markets and whatever"
        " else compares many combinations: what finer candles make of each finalist tells by how"
        " much. The worst of its two ratchets chooses."
    )
    return card("Finalists", table(["Set", *head, "Worst ratchet"], rows), note)


def _paired(evidence: Evidence) -> str:
    """Each reference entry managed alone: the paired version of the management table."""
    management = evidence.get("management")
    rows = named_rows(management.get("paired") if isinstance(management, Mapping) else None)
    note = (
        "Each entry of the reference managed by itself, with all of the starting cash, so that "
        "every row has the same entries; net return is the sum of them all. Where they lose more "
        f"than that cash, there is no Sharpe ratio and no drawdown. {_OPEN}"
    )
    return card("The same entries, each managed alone", metric_columns(rows), note) if rows else ""


def fee_curve(evidence: Evidence) -> dict[str, Any] | None:
    """Profit factor and Sharpe at each fee; None where it was not run."""
    fees = evidence.get("fees") or {}
    rows = sorted(fees.get("rows") or [], key=lambda row: float(row["fee"]))
    if not rows:
        return None
    return {
        "fee": [row.get("fee") for row in rows],
        "profit_factor": [row.get("profit_factor") for row in rows],
        "sharpe": [row.get("sharpe") for row in rows],
        "paid": fees.get("taker_fee"),
        "break_even": fees.get("break_even"),
    }


def named_rows(part: Any) -> dict[str, Mapping[str, Any]]:
    """Rows of metrics by name, from an object of objects or a list of named objects."""
    if isinstance(part, Mapping) and isinstance(part.get("rows"), list | dict):
        part = part["rows"]
    if isinstance(part, Mapping):
        return {str(name): row for name, row in part.items() if isinstance(row, Mapping)}
    rows = [row for row in part or [] if isinstance(row, Mapping)]
    return {str(row.get("name") or row.get("label") or k + 1): row for k, row in enumerate(rows)}


def _metric(window: Mapping[str, Any], half: str, name: str) -> Any:
    return (window.get(f"{half}_metrics") or window.get(half) or {}).get(name)


_TITLES = {"trend": "By trend of the market", "volatility": "By volatility of the market"}
_DAYS = {"net_return": "Net return", "market_return": "Market", "sharpe": "Sharpe"}
_TRADES = ("trades", "win_rate", "profit_factor", "avg_r")


def regime_tables(summary: Summary) -> str:
    """One table for each kind of regime that the run has."""
    found = part(summary, "regimes")
    return "".join(
        card(title, _table(part(found, kind)), _note(kind, found.get("window_days")))
        for kind, title in _TITLES.items()
        if part(found, kind)
    )


def _table(regimes: Mapping[str, Any]) -> str:
    names = [name for name in _TRADES if any(name in row for row in regimes.values())]
    head = ["", "Days", "From", "To", *_DAYS.values(), *(label_of(name) for name in names)]
    rows = [
        [
            name,
            written("trades", row.get("days")),
            written("net_return", row.get("low")),
            written("net_return", row.get("high")),
            written("net_return", row.get("net_return")),
            written("net_return", row.get("market_return")),
            written("sharpe", row.get("sharpe")),
            *(written(figure, row.get(figure)) for figure in names),
        ]
        for name, row in regimes.items()
    ]
    return table(head, rows)


def _note(kind: str, window: Any) -> str:
    measure = "the logarithmic return" if kind == "trend" else "the deviation of daily returns"
    return (
        f"Days in thirds by {measure} of the {number_of(window, 'day')} before each; returns of "
        "those days alone, and the trades entered on them. The thirds are those of this span: "
        "they could not have been traded."
    )
