"""Finished runs beside each other: on the terminal, and as values for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stoptrail.core.text import plain, setting_text, short_moment, shortened
from stoptrail.reports.figures import METRICS, flatten, is_told, label_of, written
from stoptrail.reports.summary import (
    IN_SAMPLE,
    OUT_OF_SAMPLE,
    Summary,
    part,
    samples,
    spans,
    verdict_of,
)

if TYPE_CHECKING:
    from rich.console import Console

_LISTED = ("net_return", "sharpe", "profit_factor", "max_drawdown", "trades")
_NOT_PARAMETERS = ("database", "notify", "live", "exchange", "dashboard", "telegram")
"""Sections that do not change what a run finds."""
_LONGEST = 40


def list_row(summary: Summary) -> dict[str, Any]:
    """What a list of runs says about one: command, market, span, main figures, verdict."""
    data, metrics = part(summary, "data"), part(summary, "metrics")
    outside = part(part(part(summary, "evidence"), "walk_forward"), "out_of_sample")
    return {
        "command": summary.get("command"),
        "symbol": data.get("symbol"),
        "timeframe": data.get("timeframe"),
        "start": data.get("start"),
        "end": data.get("end"),
        "synthetic": bool(data.get("synthetic")),
        **{name: metrics.get(name) for name in _LISTED},
        "out_of_sample_sharpe": outside.get("sharpe"),
        "verdict": verdict_of(summary)[0] or None,
    }


def show_rows(rows: Sequence[Mapping[str, Any]], console: Console | None = None) -> None:
    """Print the list of runs; without a terminal one line a run, never broken."""
    from stoptrail.terminal import Terminal

    out = console or Terminal()
    figures = [*(label_of(name) for name in _LISTED), "Sharpe out of sample"]
    head = ["Run", "Market", "Span", *figures, "Verdict"]
    cells = [_cells(row) for row in rows]
    widths = [max(len(line[k]) for line in [head, *cells]) for k in range(len(head))]
    for place, line in enumerate([head, *cells]):
        aligned = [
            cell.ljust(width) if k < 3 or k == len(head) - 1 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        text = "  ".join(aligned).rstrip()
        out.print(text, style=None if place else "bold", markup=False, soft_wrap=True)


def _cells(row: Mapping[str, Any]) -> list[str]:
    market = f"{row['symbol'] or ''} {row['timeframe'] or ''}".strip()
    return [
        str(row["run"]),
        plain(market + (" synthetic" if row["synthetic"] else "")),
        f"{short_moment(row['start'])} to {short_moment(row['end'])}",
        *(written(name, row[name]) for name in _LISTED),
        written("sharpe", row["out_of_sample_sharpe"]),
        row["verdict"] or "-",
    ]


def compared(first: Summary, second: Summary, names: tuple[str, str]) -> dict[str, Any]:
    """Both runs' figures by sample, the parameters that differ, and whether their candles
    are the same: {"names", "figures", "spans", "parameters", "same_candles", "verdicts"}."""
    both = (first, second)
    digests = [part(summary, "provenance").get("candles_sha256") for summary in both]
    wanted = (IN_SAMPLE, OUT_OF_SAMPLE)
    return {
        "names": list(names),
        "figures": {
            sample: [dict(_numbers(samples(summary).get(sample) or {})) for summary in both]
            for sample in wanted
            if any(sample in samples(summary) for summary in both)
        },
        "spans": {s: [list(spans(summary).get(s) or ("", "")) for summary in both] for s in wanted},
        "parameters": different(first, second),
        "same_candles": None if None in digests else digests[0] == digests[1],
        "verdicts": [verdict_of(summary)[0] or None for summary in both],
    }


def _numbers(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {name: metrics[name] for name in METRICS if metrics.get(name) is not None}


def different(first: Summary, second: Summary) -> dict[str, list[Any]]:
    """Dotted keys of the resolved settings that are not alike, with both values; None where
    a run has no such key. What does not change a result is left out."""
    one, other = (flatten(part(summary, "params")) for summary in (first, second))
    keys = sorted({*one, *other})
    return {
        key: [one.get(key), other.get(key)]
        for key in keys
        if one.get(key) != other.get(key) and key.partition(".")[0] not in _NOT_PARAMETERS
    }


def show_comparison(result: Mapping[str, Any], page: Path) -> None:
    """Print the comparison and where the page with both curves is."""
    from stoptrail.terminal import Terminal

    out = Terminal()
    for line in comparison_lines(result):
        out.print(line, markup=False, soft_wrap=True)
    out.print(f"Equity of both: {page}", markup=False, soft_wrap=True)


def comparison_lines(result: Mapping[str, Any]) -> list[str]:
    """The comparison as plain text: figures, then parameters that differ."""
    names = result["names"]
    lines = [f"A  {names[0]}", f"B  {names[1]}"]
    if result["same_candles"] is False:
        lines.append("The candles of the two are not the same: their figures say little together.")
    columns = [(s, k) for s, pair in result["figures"].items() for k in range(2) if pair[k]]
    heads = [[f"{'AB'[k]} {s.lower()}" for s, k in columns]]
    heads += [[_bound(result["spans"][s][k], at) for s, k in columns] for at in range(2)]
    rows = [("", head) for head in heads] + [
        (label_of(name), [written(name, result["figures"][s][k].get(name)) for s, k in columns])
        for name in METRICS
        if is_told(name, [result["figures"][s][k] for s, k in columns])
    ]
    rows.append(("Verdict", [result["verdicts"][k] or "-" for _, k in columns]))
    return [*lines, *_aligned(rows), *_parameter_lines(result["parameters"])]


def _bound(span: Sequence[str], at: int) -> str:
    return f"to {span[1]}" if at else span[0]


def _aligned(rows: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    first = max(len(name) for name, _ in rows)
    width = max((len(cell) for _, cells in rows for cell in cells), default=0)
    return [
        f"{name:<{first}}  " + "  ".join(f"{c:>{width}}" for c in cells) for name, cells in rows
    ]


def _parameter_lines(parameters: Mapping[str, Sequence[Any]]) -> list[str]:
    if not parameters:
        return ["No parameter differs."]
    rows = [("Parameter", "A", "B")]
    rows += [(key, short(a), short(b)) for key, (a, b) in parameters.items()]
    widths = [max(len(row[k]) for row in rows) for k in range(2)]
    return [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c}" for a, b, c in rows]


def short(value: Any) -> str:
    """A setting's value, cut where it is long."""
    return shortened("-" if value is None else plain(setting_text(value)), _LONGEST)
