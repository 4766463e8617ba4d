"""Small pieces of HTML; every text that goes in is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from stoptrail.reports.figures import METRICS, is_told, label_of, written

_ACROSS = (
    "net_return",
    "sharpe",
    "profit_factor",
    "max_drawdown",
    "trades",
    "win_rate",
    "payoff_ratio",
    "avg_hours",
    "fees_paid",
)
"""Metrics that fit beside one another on a laptop."""


def text(value: object) -> str:
    """`value` as HTML text."""
    return escape(str(value), quote=True)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of plain texts; the first column names the row."""
    top = "".join(f'<th scope="col">{text(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{text(row[0])}</th>'
        + "".join(f"<td>{text(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def metric_rows(
    columns: Mapping[str, Mapping[str, Any]], first: Sequence[Sequence[str]] = ()
) -> str:
    """Metrics down, one column for each of `columns`; rows nobody has are left out. `first`
    are rows above them."""
    names = [n for n in METRICS if is_told(n, columns.values())]
    rows = [[label_of(n), *(written(n, m.get(n)) for m in columns.values())] for n in names]
    return table(["", *columns], [*first, *rows])


def metric_columns(rows: Mapping[str, Mapping[str, Any]], corner: str = "") -> str:
    """The main metrics across, one row for each of `rows`; columns nobody has are left out."""
    names = [n for n in _ACROSS if any(m.get(n) is not None for m in rows.values())]
    cells = [[name, *(written(n, m.get(n)) for n in names)] for name, m in rows.items()]
    return table([corner, *(label_of(n) for n in names)], cells)


def tile(name: str, value: str, note: str = "", tone: str = "") -> str:
    """One figure of the headline row."""
    below = f"<small>{text(note)}</small>" if note else ""
    return (
        f'<div class="tile {text(tone)}"><span>{text(name)}</span>'
        f"<strong>{text(value)}</strong>{below}</div>"
    )


def figure(name: str, title: str, note: str = "", controls: str = "", tall: str = "") -> str:
    """A place that the page's script draws the figure `name` into."""
    below = f'<p class="note" id="note-{text(name)}">{text(note)}</p>'
    return (
        f'<figure class="card"><figcaption><h3>{text(title)}</h3>'
        f'<div class="controls">{controls}</div></figcaption>'
        f'<div class="plot {text(tall)}" id="{text(name)}" data-figure="{text(name)}"'
        f' role="img" aria-label="{text(title)}"></div>{below}</figure>'
    )


def section(name: str, title: str, body: str) -> str:
    """A section with its heading; nothing at all where the body is empty."""
    if not body:
        return ""
    return f'<section id="{text(name)}"><h2>{text(title)}</h2>{body}</section>'


def card(title: str, body: str, note: str = "") -> str:
    """A boxed part of a section."""
    below = f'<p class="note">{text(note)}</p>' if note else ""
    return f'<div class="card"><h3>{text(title)}</h3>{body}{below}</div>'
