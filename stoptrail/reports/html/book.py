"""The section of a book: what each market and each sleeve added, and how they go together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stoptrail.core.text import number_of
from stoptrail.reports.book_summary import book_words, by_market, sleeves_in
from stoptrail.reports.figures import label_of, written
from stoptrail.reports.html.markup import card, figure, minutes, packed, table, text
from stoptrail.reports.run_files import RunFiles, read_days
from stoptrail.reports.summary import Summary, part

MOST_SLEEVES = 200
"""In the map of correlations."""
_SLEEVE = ("profit", "contribution", "risk_contribution", "max_drawdown", "sharpe")
_PHASE = ("sharpe", "net_return", "max_daily_drawdown")
_TRADES = ("trades", "win_rate", "profit_factor", "avg_r")


def book_data(run: RunFiles) -> dict[str, Any] | None:
    """What the page's scripts draw of a book; None where the run is none."""
    sleeves = sleeves_in(run.summary)
    if not sleeves:
        return None
    profits, exposure = (read_days(run.folder / name) for name in ("sleeves.csv", "exposure.csv"))
    markets: dict[str, Any] = {}
    for sleeve in sleeves:
        own = profits.columns.get(str(sleeve.get("number")))
        if own is not None:
            symbol = str(sleeve.get("symbol"))
            markets[symbol] = own + markets[symbol] if symbol in markets else own
    matrix = part(run.summary, "book").get("correlation") or []
    return {
        "sleeves": [name_of(sleeve) for sleeve in sleeves],
        "time": minutes(profits.time),
        "profits": {name: packed(values, "float64") for name, values in markets.items()},
        "exposure_time": minutes(exposure.time),
        "exposure": {name: packed(values, "float32") for name, values in exposure.columns.items()},
        "correlation": matrix if 1 < len(matrix) <= MOST_SLEEVES else None,
    }


def name_of(sleeve: Mapping[str, Any]) -> str:
    """What a sleeve is called."""
    return f"{sleeve.get('number')} {sleeve.get('symbol')}"


def book_section(summary: Summary, data: Mapping[str, Any] | None) -> str:
    """Markets first, sleeves on demand; nothing where the run is no book."""
    sleeves = sleeves_in(summary)
    if not sleeves or data is None:
        return ""
    made = card("Markets", _markets(sleeves), _together(summary)) + _walked(summary)
    made += figure("book-profits-plot", "Profit of each market", "Marked at 00:00 UTC.")
    made += figure(
        "book-exposure-plot",
        "Risk in use",
        "The most of each day's closes, as a part of the equity: what all stops in force would"
        " lose after costs, and what all positions are worth.",
    )
    listed = table(
        ["Sleeve", "Share", "From", *map(label_of, (*_SLEEVE, *_TRADES))],
        [
            [
                name_of(sleeve),
                f"{sleeve.get('share', 0.0):.1%}",
                str(sleeve.get("from") or "settings"),
                *(written(name, sleeve.get(name)) for name in (*_SLEEVE, *_TRADES)),
            ]
            for sleeve in sleeves
        ],
    )
    words = text(number_of(len(sleeves), "sleeve"))
    made += f'<details class="card" id="sleeves"><summary>{words}</summary>{listed}</details>'
    if data.get("correlation"):
        note = "Of daily profits. Sleeves that move together protect little from each other."
        made += figure("book-correlation-plot", "Correlation of the sleeves", note)
    return made


def _markets(sleeves: list[Mapping[str, Any]]) -> str:
    names = ("profit", "contribution", "risk_contribution", "trades")
    rows = [
        [symbol, str(row["sleeves"]), f"{row['share']:.1%}"]
        + [written(name, row[name]) for name in names]
        for symbol, row in by_market(sleeves).items()
    ]
    return table(["Market", "Sleeves", "Share", *map(label_of, names)], rows)


def _walked(summary: Summary) -> str:
    """The walk-forward of the choice, a row for each phase; nothing where there was none."""
    rows = part(part(summary, "book"), "walk_forward").get("phases") or []
    words = ". ".join(book_words(summary))
    if not rows:
        return card("The choice", "", f"{words}.") if words else ""
    symbols = list(rows[0].get("singles") or ())
    listed = table(
        ["Begun later by", *map(label_of, _PHASE), *symbols, "Mean of these"],
        [
            [f"{row['shift_days']} days"]
            + [written(name, row.get(name)) for name in _PHASE]
            + [written("sharpe", row["singles"].get(symbol)) for symbol in symbols]
            + [written("sharpe", row.get("mean_of_singles"))]
            for row in rows
        ],
    )
    return card("Out of sample", listed, f"{words}. Markets are Sharpe ratios of each alone.")


def _together(summary: Summary) -> str:
    book = part(summary, "book")
    words = []
    if book.get("mean_correlation") is not None:
        words.append(f"mean correlation of the sleeves {book['mean_correlation']:.2f}")
    for name, called in (("open_risk", "open risk"), ("notional", "notional")):
        used = part(book, name)
        if used.get("max") is not None:
            words.append(f"{called} {used['mean']:.1%} on average, {used['max']:.1%} at most")
    account = "One account" if book.get("account") == "shared" else "An account for each sleeve"
    return "; ".join([account, *words]) + "."
