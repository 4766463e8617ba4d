"""Small pieces of HTML, numbers and text on their way into a page: compact, exact, and never read
as markup."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stoptrail.core.json import json_text
from stoptrail.reports.figures import METRICS, is_told, label_of, written

_NAMES = {
    "int8": "i1",
    "uint8": "u1",
    "int16": "i2",
    "int32": "i4",
    "float32": "f4",
    "float64": "f8",
}
_MARKUP = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def packed(values: ArrayLike, dtype: str) -> dict[str, str]:
    """`values` as little-endian base64: {"type": code, "data": text}; a script unpacks it."""
    array = np.ascontiguousarray(values, np.dtype(dtype).newbyteorder("<"))
    return {"type": _NAMES[dtype], "data": base64.b64encode(array.tobytes()).decode()}


def packed_stream(values: NDArray[np.int64]) -> dict[str, str]:
    """`values` in as few bytes each as they need: zigzag (0, -1, 1, -2 are 0, 1, 2, 3) in
    groups of seven bits, the lowest first, all but the last with the high bit set (LEB128).
    """
    rest = np.where(values < 0, -2 * values - 1, 2 * values).astype(np.uint64)
    length = np.ones(len(rest), np.int64)
    for bits in range(7, 64, 7):
        length += rest >= np.uint64(1) << np.uint64(bits)
    last = np.cumsum(length)
    out = np.zeros(int(last[-1]) if len(last) else 0, np.uint8)
    for group in range(int(length.max(initial=0))):
        here = length > group
        part = (rest[here] & np.uint64(0x7F)).astype(np.uint8)
        more = (length[here] > group + 1).astype(np.uint8) << 7
        out[last[here] - length[here] + group] = part | more
        rest >>= np.uint64(7)
    return {"type": "v", "data": base64.b64encode(out.tobytes()).decode()}


def minutes(times: ArrayLike) -> dict[str, str]:
    """Times in milliseconds as packed minutes since the epoch."""
    return packed(np.asarray(times, np.int64) // 60_000, "int32")


def script_json(data: Any) -> str:
    """`data` as JSON that may stand inside a script element: it can neither close it nor
    open a comment in it."""
    text = json_text(data)
    for character, harmless in _MARKUP.items():
        text = text.replace(character, harmless)
    return text


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


def metric_columns(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The main metrics across, one row for each of `rows`; columns nobody has are left out."""
    names = [n for n in _ACROSS if any(m.get(n) is not None for m in rows.values())]
    cells = [
        [row.replace("_", " "), *(written(n, m.get(n)) for n in names)] for row, m in rows.items()
    ]
    return table(["", *(label_of(n) for n in names)], cells)


def tile(name: str, value: str, note: str) -> str:
    """One figure of the headline row."""
    below = f"<small>{text(note)}</small>" if note else ""
    return f'<div class="tile"><span>{text(name)}</span><strong>{text(value)}</strong>{below}</div>'


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
