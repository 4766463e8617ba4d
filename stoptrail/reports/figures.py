"""How each metric is named, written and ordered wherever a person reads it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from stoptrail.core.text import setting_text

Kind = Literal["percent", "ratio", "money", "count", "hours"]

MISSING = "-"


class Metric(NamedTuple):
    """What a metric is called and how its value is written."""

    label: str
    kind: Kind
    better: int = 0
    """1 where more is better, -1 where less is, 0 where neither can be said."""


METRICS: dict[str, Metric] = {
    "net_return": Metric("Net return", "percent", 1),
    "cagr": Metric("Return a year", "percent", 1),
    "sharpe": Metric("Sharpe", "ratio", 1),
    "sortino": Metric("Sortino", "ratio", 1),
    "profit_factor": Metric("Profit factor", "ratio", 1),
    "max_drawdown": Metric("Max drawdown", "percent", -1),
    "max_daily_drawdown": Metric("Max drawdown by day", "percent", -1),
    "trades": Metric("Trades", "count"),
    "scratches": Metric("Scratches", "count"),
    "win_rate": Metric("Win rate", "percent", 1),
    "win_rate_without_scratches": Metric("Win rate without scratches", "percent", 1),
    "payoff_ratio": Metric("Payoff ratio", "ratio", 1),
    "avg_r": Metric("Average R", "ratio", 1),
    "fees_paid": Metric("Fees paid", "money", -1),
    "funding_paid": Metric("Funding paid", "money", -1),
    "avg_hours": Metric("Average hours", "hours"),
    "exposure": Metric("Time in market", "percent"),
    "profit": Metric("Profit", "money", 1),
    "contribution": Metric("Of the profit", "percent"),
    "risk_contribution": Metric("Of the risk", "percent"),
}


def is_told(name: str, columns: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the metric is known in one of the columns; funding only where some was paid."""
    values = [metrics.get(name) for metrics in columns]
    if name == "funding_paid":
        return any(values)
    return any(value is not None for value in values)


def label_of(name: str) -> str:
    """What a person calls the metric; an unknown name is spelled out."""
    known = METRICS.get(name)
    return known.label if known else name.replace("_", " ").capitalize()


def written(name: str, value: object) -> str:
    """`value` of metric `name` as text; a dash where there is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return MISSING if value is None else str(value)
    if not math.isfinite(value):
        return MISSING
    kind = METRICS[name].kind if name in METRICS else "ratio"
    if kind == "percent":
        return f"{value:z.1%}"
    if kind == "money":
        return f"{value:z,.0f}"
    if kind == "count":
        return f"{int(value):,}"
    return f"{value:z.1f}" if kind == "hours" else f"{value:z.2f}"


def set_text(chosen: Mapping[str, Any]) -> str:
    """A set of parameters on one line, without the sections of their keys."""
    return ", ".join(chosen_texts(chosen))


def chosen_texts(chosen: Mapping[str, Any]) -> list[str]:
    """Each parameter of a set, without its section, and its value."""
    return [f"{key.split('.')[-1]} {setting_text(value)}" for key, value in chosen.items()]


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as dotted keys; keys that are dotted already stay as they are."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{name}.")
        else:
            flat[name] = value
    return flat
