"""The result by the thirds of trend and volatility, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stoptrail.reports.figures import label_of, written
from stoptrail.reports.html.markup import card, table
from stoptrail.reports.summary import Summary, part

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
        f"Days in thirds by {measure} of the {window} days before each; returns of those days"
        " alone, and the trades entered on them. The thirds are those of this span: they could"
        " not have been traded."
    )
