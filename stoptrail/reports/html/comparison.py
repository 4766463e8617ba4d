"""The page of two runs: their equity in one figure, figures and parameters below."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stoptrail.reports.compare import short
from stoptrail.reports.figures import METRICS, label_of, written
from stoptrail.reports.html.curves import packed_curve
from stoptrail.reports.html.markup import card, figure, section, table, text
from stoptrail.reports.html.page import document, write_page
from stoptrail.reports.run_files import RunFiles

_SCRIPTS = ("unpack.js", "theme.js", "draw.js", "comparison.js")


def write_comparison(
    page: Path, runs: tuple[RunFiles, RunFiles], result: Mapping[str, Any]
) -> None:
    """Write the page; `result` is that of `reports.compare.compared`. Raises OutputError."""
    names = result["names"]
    data = {
        "synthetic": any(run.synthetic for run in runs),
        "symbol": "",
        "runs": [
            {"name": f"{letter} {name}", **packed_curve(run.equity)}
            for letter, name, run in zip("AB", names, runs, strict=True)
            if len(run.equity.time)
        ],
    }
    head = f"<h1>{text(names[0])} and {text(names[1])}</h1>"
    write_page(
        page,
        document(
            title=text(f"{names[0]} and {names[1]} · StopTrail"),
            header=head,
            synthetic=any(run.synthetic for run in runs),
            body=f"<main>{_body(result)}</main>",
            data=data,
            scripts=_SCRIPTS,
        ),
    )


def _body(result: Mapping[str, Any]) -> str:
    note = "Equity over that at the start; drag to zoom."
    if result["same_candles"] is False:
        note += " The candles of the two runs are not the same."
    plot = figure("compared-plot", "Equity and drawdown of both", note, "", "tall")
    rows = [[key, short(a), short(b)] for key, (a, b) in result["parameters"].items()] or [
        ["no parameter differs", "", ""]
    ]
    settings = card("Parameters that differ", table(["Key", "A", "B"], rows))
    return section("equity", "Equity", plot) + section(
        "figures", "Figures", _figures(result) + f'<div id="settings">{settings}</div>'
    )


def _figures(result: Mapping[str, Any]) -> str:
    columns = [(s, k) for s, pair in result["figures"].items() for k in range(2) if pair[k]]
    head = ["", *(f"{'AB'[k]} {s.lower()}" for s, k in columns)]
    rows = [
        [name, *(result["spans"][s][k][at] or "-" for s, k in columns)]
        for at, name in enumerate(("From", "To"))
    ]
    rows += [
        [label_of(name), *(written(name, result["figures"][s][k].get(name)) for s, k in columns)]
        for name in METRICS
        if any(result["figures"][s][k].get(name) is not None for s, k in columns)
    ]
    rows.append(["Verdict", *(result["verdicts"][k] or "-" for _, k in columns)])
    return card("Side by side", table(head, rows))
