"""What a person sees on the terminal after a run or a sweep over several markets."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stoptrail.core.program import program_name
from stoptrail.core.text import number_of, setting_text, short_moment
from stoptrail.core.text import plain as plain_text
from stoptrail.reports.book_summary import book_words, by_market, sleeves_in
from stoptrail.reports.figures import (
    chosen_texts,
    flatten,
    is_told,
    label_of,
    written,
)
from stoptrail.reports.summary import (
    MOST_SENTENCES,
    Summary,
    grounds,
    part,
    samples,
    spans,
    verdict_of,
)

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table


_ROWS = (
    "net_return",
    "sharpe",
    "profit_factor",
    "max_drawdown",
    "trades",
    "scratches",
    "win_rate",
    "win_rate_without_scratches",
    "payoff_ratio",
    "fees_paid",
    "funding_paid",
    "avg_hours",
)
_FILES = ("report.html", "summary.json", "trades.csv", "stops.csv", "equity.csv", "trials.parquet")
_TONES = {"holds": "green", "fails": "red"}
_SHORT = {"scratches": "  scratches", "win_rate_without_scratches": "  without them"}
"""Names of figures below the one that they are a part of."""
_MOST_PARAMETERS = 12


def show_run(summary: Summary, folder: Path, console: Console | None = None) -> None:
    """Print the run: data, best parameters, metrics beside the baseline, verdict, files,
    next command. Where `console` is no terminal the text has neither colour nor boxes."""
    from stoptrail.terminal import Terminal

    out = console or Terminal()
    for piece in screen(summary, folder, plain=not out.is_terminal):
        out.print(piece, soft_wrap=not out.is_terminal)


def screen(summary: Summary, folder: Path, *, plain: bool) -> list[RenderableType]:
    """The parts of the screen, top to bottom."""
    from rich.text import Text

    parts: list[RenderableType] = []
    if (summary.get("data") or {}).get("synthetic"):
        words = " SYNTHETIC DATA: made-up candles, nothing here is about a real market "
        parts.append(Text(words, style="bold white on red"))
    parts.append(Text(_data_line(summary), style="bold"))
    if best := _parameters(summary):
        parts.append(Text(best))
    parts.append(_plain_metrics(summary) if plain else _metric_table(summary))
    parts += [Text(line) for line in _book_lines(summary)]
    parts += [Text(f"{name}: {words}") for name, words in grounds(summary)]
    parts += _verdict(summary, plain)
    parts.append(Text(_files(folder)))
    parts.append(Text.assemble("Next: ", (next_command(summary, folder), "bold")))
    return parts


def next_command(summary: Summary, folder: Path) -> str:
    """The command that takes the user on from this run."""
    place = shlex.quote(str(folder))
    if (summary.get("data") or {}).get("synthetic"):
        return f"{program_name()} data download"
    if summary.get("book"):
        return f"{program_name()} report {place}"
    if verdict_of(summary)[0] == "fails":  # what the evidence speaks against is not to be traded
        return f"{program_name()} runs open {place}"
    if summary.get("best"):
        return f"{program_name()} live --paper --from {place}"
    if (summary.get("evidence") or {}).get("walk_forward"):
        return f"{program_name()} plot {place} --worst 1"
    # The settings of the run, so that it is the same candles that are searched.
    return f"{program_name()} backtest --sweep --config {shlex.quote(str(folder / 'config.toml'))}"


def _data_line(summary: Summary) -> str:
    data = summary.get("data") or {}
    span = f"{short_moment(data.get('start'))} to {short_moment(data.get('end'))}"
    line = (
        f"{data.get('symbol', '')} {data.get('timeframe', '')}, {span}, "
        f"{number_of(data.get('candles', 0), 'candle')} ({data.get('missing', 0):,} missing), "
        f"source {data.get('source', '')}"
    )
    if summary.get("grid_size"):
        line += f"; best of {summary['grid_size']:,} combinations"
    return line


def _parameters(summary: Summary) -> str:
    chosen = flatten((summary.get("best") or {}).get("params") or {})
    shown = chosen_texts(chosen)
    more = len(shown) - _MOST_PARAMETERS
    if more > 0:
        shown = [*shown[:_MOST_PARAMETERS], f"and {more} more in summary.json"]
    return f"Best set: {', '.join(shown)}" if shown else ""


def _rows(summary: Summary) -> list[tuple[str, list[str]]]:
    beside = samples(summary)
    names = [n for n in _ROWS if is_told(n, beside.values())]
    return [(n, [written(n, m.get(n)) for m in beside.values()]) for n in names]


def _metric_table(summary: Summary) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column("")
    for name, (first, last) in spans(summary).items():
        made.add_column(f"{name}\n{first}\nto {last}" if first else name, justify="right")
    for name, cells in _rows(summary):
        made.add_row(Text(_label(name)), *map(Text, cells))
    return made


def _plain_metrics(summary: Summary) -> RenderableType:
    """One line a metric, aligned, without any box."""
    from rich.text import Text

    width = max(len(_label(name)) for name in _ROWS)
    rows = [("", head) for head in _heads(summary)]
    rows += [(_label(name), cells) for name, cells in _rows(summary)]
    lines = [f"{name:<{width}} " + " ".join(f"{cell:>14}" for cell in row) for name, row in rows]
    return Text("\n".join(lines))


def _book_lines(summary: Summary) -> list[str]:
    """A line for each market of a book; sleeves are in the report."""
    sleeves = sleeves_in(summary)
    if not sleeves:
        return []
    rows = by_market(sleeves)
    width = max(map(len, rows))
    lines = [
        f"{plain_text(symbol):<{width}}  sleeves {row['sleeves']:>3}"
        f"  share {row['share']:>6.1%}  profit {written('profit', row['profit']):>12}"
        f"  of the risk {written('risk_contribution', row['risk_contribution']):>7}"
        f"  trades {written('trades', row['trades']):>6}"
        for symbol, row in rows.items()
    ]
    found = part(summary, "book")
    risk, notional = part(found, "open_risk"), part(found, "notional")
    words = f"In use at most: open risk {risk.get('max') or 0.0:.1%}, "
    words += f"notional {notional.get('max') or 0.0:.1%} of the equity"
    if found.get("mean_correlation") is not None:
        words += f"; mean correlation of the sleeves {found['mean_correlation']:.2f}"
    return [*lines, words, *book_words(summary)]


def _label(name: str) -> str:
    return _SHORT.get(name) or label_of(name)


def _heads(summary: Summary) -> list[list[str]]:
    """The names of the columns, and below them the span of each."""
    beside = spans(summary)
    if not any(first for first, _ in beside.values()):
        return [list(beside)]
    firsts, lasts = zip(*beside.values(), strict=True)
    return [list(beside), list(firsts), [f"to {last}" for last in lasts]]


def _verdict(summary: Summary, plain: bool) -> list[RenderableType]:
    from rich.panel import Panel
    from rich.text import Text

    level, sentences = verdict_of(summary)
    if not sentences:
        return []
    more = len(sentences) - MOST_SENTENCES
    if more > 0:
        sentences = sentences[:MOST_SENTENCES]
        sentences[-1] += f" ({more} more in report.html)"
    if plain:
        return [Text(f"Verdict: {line}" if k == 0 else line) for k, line in enumerate(sentences)]
    tone = _TONES.get(level, "yellow")
    return [Panel(Text("\n".join(sentences)), title="Verdict", border_style=tone, expand=False)]


def _files(folder: Path) -> str:
    there = [name for name in _FILES if (folder / name).is_file()]
    return f"Files: {plain_text(folder)}" + (f" ({', '.join(there)})" if there else "")


_SHOWN = ("trades", "sharpe", "profit_factor", "max_drawdown")
_COMBINATIONS = 5


def show_markets(result: Mapping[str, Any], folder: Path) -> None:
    """Print each market's best set, the best ones across all markets, and the files."""
    from rich.text import Text

    from stoptrail.terminal import Terminal, safe

    out = Terminal()
    if any(row["synthetic"] for row in result["markets"]):
        out.print(Text(" SYNTHETIC DATA among these markets ", style="bold white on red"))
    out.print(_markets(result["markets"]))
    across = result["across"]
    out.print(
        f"{across['enough_trades_in_each']:,} of {across['combinations']:,} combinations have "
        f"enough trades in each of {across['markets']} markets; the best by mean "
        f"{label_of(across['objective']).lower()}:",
        soft_wrap=True,
    )
    if across["best"]:
        out.print(_across(across))
    out.print(
        f"Files: {safe(folder)} (markets.json, across.json, across.parquet, a folder for each)"
    )


def _markets(rows: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    from stoptrail.terminal import safe

    table = Table(title="Best set of each market", title_style="bold")
    table.add_column("Market")
    for name in _SHOWN:
        table.add_column(label_of(name), justify="right")
    for name in ("Sharpe out of sample", "Legacy Sharpe", "Verdict"):
        table.add_column(name, justify="right")
    for row in rows:
        metrics, outside = row["best"]["metrics"], row["out_of_sample"] or {}
        table.add_row(
            safe(row["symbol"]),
            *(written(name, metrics.get(name)) for name in _SHOWN),
            written("sharpe", outside.get("sharpe")),
            written("sharpe", row["baseline"].get("sharpe")),
            safe(row["verdict"]),
        )
    return table


def _across(across: Mapping[str, Any]) -> Table:
    from rich.table import Table

    from stoptrail.terminal import safe

    best = across["best"][:_COMBINATIONS]
    table = Table(title="Across all markets", title_style="bold")
    table.add_column("Combination", overflow="fold")
    for row in best:
        table.add_column(str(row["combination"]), justify="right", overflow="fold")
    for key in best[0]["params"]:
        table.add_row(safe(key), *(safe(setting_text(row["params"][key])) for row in best))
    for name in ("mean", "worst"):
        table.add_row(name.capitalize(), *(written("sharpe", row[name]) for row in best))
    return table
