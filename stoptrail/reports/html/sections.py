"""The parts of the page, in the order in which a person reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stoptrail.core.text import number_of, setting_text, short_moment
from stoptrail.reports.figures import flatten, label_of, written
from stoptrail.reports.html import evidence as ev
from stoptrail.reports.html.book import book_section
from stoptrail.reports.html.evidence import regime_tables
from stoptrail.reports.html.markup import (
    card,
    figure,
    section,
    table,
    text,
    tile,
)
from stoptrail.reports.html.selection_tables import luck_table
from stoptrail.reports.run_files import RunFiles
from stoptrail.reports.summary import (
    MOST_SENTENCES,
    Summary,
    cautions,
    evidence_of,
    grounds,
    part,
    samples,
    verdict_of,
)

_TONES = {"holds": "good", "fails": "bad"}


def title(summary: Summary) -> str:
    """The page's title."""
    data = summary.get("data") or {}
    return text(f"{data.get('symbol', 'Run')} {data.get('timeframe', '')} · StopTrail")


def banner(synthetic: bool) -> str:
    """A warning across the page where the candles were made up."""
    if not synthetic:
        return ""
    return (
        '<div class="banner" role="alert">Synthetic data: these candles were made up. '
        "Nothing here says anything about a real market.</div>"
    )


def header(summary: Summary) -> str:
    """What was run, on which candles."""
    data = summary.get("data") or {}
    span = f"{short_moment(data.get('start'))} to {short_moment(data.get('end'))}"
    facts = [
        span,
        f"{number_of(data.get('candles', 0), 'candle')} of {data.get('timeframe', '')}",
        f"{data.get('missing', 0):,} missing",
        f"source: {data.get('source', '')}",
    ]
    if summary.get("grid_size"):
        facts.append(f"best of {number_of(summary['grid_size'], 'combination')}")
    listed = "".join(f"<li>{text(fact)}</li>" for fact in facts)
    warned = "".join(f'<p role="alert">{text(line)}</p>' for line in cautions(summary))
    return f'<h1>{text(data.get("symbol", "Run"))}</h1><ul class="facts">{listed}</ul>{warned}'


def body(run: RunFiles, data: Mapping[str, Any]) -> str:
    """All sections; those without content are left out."""
    parts = [
        ("verdict", "Verdict" if verdict_of(run.summary)[1] else "Result", _verdict(run.summary)),
        ("equity", "Equity", _equity(data)),
        ("book", "The book", book_section(run.summary, data.get("book"))),
        ("market", "Market", _market(data)),
        ("samples", _compared(data), _samples(run.summary, data)),
        ("exits", _parts(run.summary), ev.breakdowns(run.summary)),
        ("circumstances", "Under which circumstances", _circumstances(run.summary, data)),
        ("grid", "The grid", _grid(data)),
        ("trades", "Trades", _trades(data)),
        ("shape", "Shape of the result", _shape(data)),
        ("settings", "Settings and provenance", _settings(run)),
    ]
    links = "".join(f'<a href="#{name}">{text(head)}</a>' for name, head, made in parts if made)
    return f'<nav aria-label="Sections">{links}</nav><main>' + (
        "".join(section(*part) for part in parts) + "</main>"
    )


def _compared(data: Mapping[str, Any]) -> str:
    return "Beside buy and hold" if data.get("book") else "In sample and out of sample"


def _parts(summary: Summary) -> str:
    """A sweep takes the exits apart; what any run has besides is its years and sides."""
    apart = part(evidence_of(summary), "management")
    return "What the exits contribute" if apart else "By year and side"


def _verdict(summary: Summary) -> str:
    level, sentences = verdict_of(summary)
    tone = _TONES.get(level, "caution")
    words = "".join(f"<p>{text(line)}</p>" for line in sentences[:MOST_SENTENCES])
    rest = sentences[MOST_SENTENCES:]
    if rest:
        listed = "".join(f"<p>{text(line)}</p>" for line in rest)
        words += f"<details><summary>{len(rest)} more</summary>{listed}</details>"
    words += "".join(
        f'<p class="ground"><b>{text(name)}</b> {text(line)}</p>' for name, line in grounds(summary)
    )
    said = f'<div class="card verdict {tone}">{words}</div>' if words else ""
    return said + f'<div class="tiles">{_tiles(summary)}</div>'


def _tiles(summary: Summary) -> str:
    metrics = summary.get("metrics") or {}
    columns = samples(summary)
    made = []
    for name in ("net_return", "sharpe", "profit_factor", "max_drawdown", "trades", "win_rate"):
        beside = [
            f"{short} {written(name, columns[column].get(name))}"
            for column, short in (("Out of sample", "out of sample"), ("Legacy exits", "legacy"))
            if column in columns and columns[column].get(name) is not None
        ]
        made.append(tile(label_of(name), written(name, metrics.get(name)), " · ".join(beside)))
    return "".join(made)


def _equity(data: Mapping[str, Any]) -> str:
    if "strategy" not in data["curves"]:
        return ""
    switch = '<label><input type="checkbox" id="log-scale"> log scale</label>'
    at_closes = "falls" in data["curves"]["strategy"]
    note = (
        "Equity at 00:00 UTC. Drawdown: the deepest of each day's candle closes, as in the metric. "
        if at_closes
        else "Marked at 00:00 UTC. The greatest drawdown among the metrics is taken at candle"
        " closes and can be deeper. "
    )
    note += (
        "Buy and hold at the same volatility keeps a fixed share of the account in the market."
        " Click a name to show or hide its line."
    )
    return figure("equity-plot", "Equity and drawdown", note, switch, "tall")


def _market(data: Mapping[str, Any]) -> str:
    if not data["market"]:
        return ""
    spans = "".join(
        f'<button data-days="{days}">{name}</button>'
        for name, days in (("all", 0), ("1 y", 365), ("3 m", 91), ("1 m", 30), ("1 w", 7))
    )
    switch = '<label><input type="checkbox" id="market-log"> log scale</label>'
    note = (
        "Drag to move; pinch, or click and turn the wheel, to zoom. A marker lies at its fill;"
        " click one to see its trade closer. Times are UTC."
    )
    controls = f'<span id="market-spans">{spans}</span>{switch}'
    return figure("market-plot", "Candles, fills and stops", note, controls, "tall")


def _samples(summary: Summary, data: Mapping[str, Any]) -> str:
    made = ev.sample_table(summary) + ev.same_span_table(summary)
    if data["walk_forward"]:
        note = "The set that was best in each training window, and what it did afterwards."
        made += figure("windows-plot", "Training and test windows", note)
    if "out_of_sample" in data["curves"]:
        note = (
            "Chained test windows: no set was chosen with knowledge of what followed."
            " In sample, scaled to the same start."
        )
        made += figure("out-of-sample-plot", "Out-of-sample equity", note)
    evidence = summary.get("evidence") or {}
    return "".join(
        (
            made,
            ev.finalist_table(summary),
            ev.selection_table(evidence),
            luck_table(evidence),
            ev.window_table(evidence),
        )
    )


def _circumstances(summary: Summary, data: Mapping[str, Any]) -> str:
    made = regime_tables(summary)
    bands = data["bands"]
    if bands:
        note = (
            f"The same trades drawn anew in blocks, {bands['resamples']:,} times;"
            f" {bands['worse']:.0%} of the draws fell at least as deep as it happened."
            " Between closed trades, so milder than at candle closes."
        )
        made += figure("bands-plot", "Drawdown, had the trades come otherwise", note)
    return made


def _grid(data: Mapping[str, Any]) -> str:
    grid = data["grid"]
    if not grid:
        return ""
    made = ""
    if len(grid["dimensions"]) > 1:
        controls = "".join(
            f'<label>{text(name)} <select id="{key}"></select></label>'
            for key, name in (
                ("heat-x", "across"),
                ("heat-y", "up"),
                ("heat-metric", "colour"),
                ("heat-view", "others"),
            )
        )
        made += figure("heat-plot", "Heat map", "", controls, "tall")
    control = '<label>colour <select id="lines-metric"></select></label>'
    return made + figure("lines-plot", "Parallel coordinates", "", control, "tall")


def _trades(data: Mapping[str, Any]) -> str:
    if not data["trades"]:
        return ""
    of_book = (
        '<label>sleeve <select id="filter-sleeve"><option value="">all</option></select></label>'
    )
    filters = (of_book if data.get("book") else "") + (
        '<label>side <select id="filter-side"><option value="">all</option>'
        '<option value="1">long</option><option value="-1">short</option></select></label>'
        '<label>exit <select id="filter-reason"><option value="">all</option></select></label>'
        '<label>result <select id="filter-result"><option value="">all</option>'
        '<option value="1">won</option><option value="-1">lost</option></select></label>'
        '<label>search <input type="search" id="filter-text" placeholder="2024-03"></label>'
        '<span id="trade-count" aria-live="polite"></span>'
    )
    steps = (
        '<button id="previous-trade">&lsaquo; previous</button>'
        '<button id="next-trade">next &rsaquo;</button>'
    )
    listed = (
        f'<div class="card"><h3>Trade list</h3><div class="controls">{filters}</div>'
        '<div class="scroll list"><table id="trade-list">'
        "<thead></thead><tbody></tbody></table></div>"
        '<button id="more-trades">more</button></div>'
    )
    chart = figure("trade-plot", "The chosen trade", "", steps, "tall")
    return f'<div class="trade-pair">{listed}{chart}</div>'


def _shape(data: Mapping[str, Any]) -> str:
    made = ""
    if data["trades"]:
        made += figure("r-plot", "R multiples", "Profit in units of the risk to the first stop.")
        made += figure(
            "excursion-plot",
            "Furthest against and furthest in favour",
            "Each dot is a trade: MAE against MFE, in R. Click one to see its chart.",
        )
        made += figure("hours-plot", "Holding times", "")
    if data["fees"]:
        made += figure("fees-plot", "Fees paid", "Added up over closed trades.")
    if data["fee_curve"]:
        made += figure("fee-curve-plot", "Sensitivity to the fee", "Each fee run anew.")
    months = figure("months-plot", "Monthly returns") if data["months"] else ""
    return months + (f'<div class="pair">{made}</div>' if made else "")


def _settings(run: RunFiles) -> str:
    summary = run.summary
    chosen = flatten((summary.get("best") or {}).get("params") or {})
    made = ""
    if chosen:
        made += card(
            "Chosen set", table(["Key", "Value"], [[k, setting_text(v)] for k, v in chosen.items()])
        )
    facts = flatten({key: summary.get(key) or {} for key in ("parity", "provenance", "seconds")})
    if facts:
        made += card("Provenance", table(["", ""], [[k, _short(v)] for k, v in facts.items()]))
    if run.config:
        made += (
            '<details class="card"><summary>config.toml, as resolved</summary>'
            f"<pre>{text(run.config)}</pre></details>"
        )
    return made


def _short(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
