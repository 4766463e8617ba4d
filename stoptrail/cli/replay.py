"""`replay`: a paper session again from its ledger, and how it differs from a backtest."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.console import Console, JustifyMethod
from rich.table import Table

from stoptrail.cli.ledger import ledger_settings
from stoptrail.core.json import json_text
from stoptrail.core.text import number_of
from stoptrail.core.time import iso_time
from stoptrail.terminal import Terminal, safe

if TYPE_CHECKING:
    from peewee import Database

    from stoptrail.live.ledger.records import SessionRow
    from stoptrail.live.watch.differences import Attribution, Compared

_SHOWN = 20


def run(
    config: Path | None,
    overrides: Sequence[str],
    session: str,
    as_json: bool = False,
    console: Console | None = None,
) -> int:
    """Show both comparisons; exit code 0 where the replay equals the ledger, else 1."""
    from stoptrail.live.ledger.database import existing_ledger
    from stoptrail.live.ledger.records import find_session

    settings = ledger_settings(config, overrides)
    console = console or Terminal()
    with existing_ledger(settings.database.url) as database, database.atomic():
        # One state of a session that may be running.
        row = find_session(database, session)
        compared, causes = (
            _of_book(database, row.book or row.id)
            if row.book or row.sleeves
            else _of_market(database, row)
        )
        missing = _missing(database, row)
        table = {**_table(compared, causes), "missing": missing} if as_json else {}
        text = json_text(table)  # any cell may hold anything
    if as_json:
        console.print(text, markup=False, soft_wrap=True)
    else:
        _show(console, compared, causes)
        if missing:
            console.print(missing, markup=False, highlight=False, soft_wrap=True)
    return 1 if compared.differences else 0


def _missing(database: Database, row: SessionRow) -> str:
    """The gaps of each market, in words; empty where there are none."""
    from stoptrail.live.ledger.check import gaps_of
    from stoptrail.live.ledger.records import sleeves_of

    if not (row.book or row.sleeves):
        return gaps_of(database, row)
    sleeves = sleeves_of(database, row.book or row.id)
    found = {each.symbol: gaps_of(database, each) for each in sleeves if each.source == each.id}
    return "; ".join(f"{symbol}: {text}" for symbol, text in found.items() if text)


def _of_market(database: Database, row: SessionRow) -> tuple[Compared, list[Attribution]]:
    from stoptrail.live.watch.differences import attribute, compare
    from stoptrail.live.watch.replay import recording_of, replay

    recording = recording_of(database, row)
    with closing(replay(recording)) as again:
        compared = compare(database, again, row.id)
    with closing(replay(recording, candles_alone=True)) as alone:
        return compared, attribute(database, alone, row.id)


def _of_book(database: Database, book: int) -> tuple[Compared, list[Attribution]]:
    """Of all sleeves, of one account: one cannot be played without the others."""
    from stoptrail.live.ledger.records import find_session, sleeves_of
    from stoptrail.live.watch.book_replay import book_recording, compare_book, replay_book
    from stoptrail.live.watch.differences import attribute

    recording = book_recording(database, find_session(database, str(book)))
    with closing(replay_book(recording)) as again:
        compared = compare_book(database, again, book)
    with closing(replay_book(recording, candles_alone=True)) as alone:
        causes = [
            cause._replace(sleeve=f"{row.id} {row.symbol}")
            for row in sleeves_of(database, book)
            for cause in attribute(database, alone, row.id)
        ]
    return compared, causes


def _table(compared: Compared, causes: list[Attribution]) -> dict[str, Any]:
    return {
        "trades_compared": compared.trades,
        "levels_compared": compared.levels,
        "ticks_compared": compared.ticks,
        "differences": [entry._asdict() for entry in compared.differences],
        "against_candles_alone": [
            {**entry._asdict(), "signal": iso_time(entry.signal)} for entry in causes
        ],
    }


def _show(console: Console, compared: Compared, causes: list[Attribution]) -> None:
    count = len(compared.differences)
    console.print(
        f"replay: {number_of(compared.trades, 'trade')}, "
        f"{number_of(compared.levels, 'stop level')} and "
        f"{number_of(compared.ticks, 'tick')} compared, {number_of(count, 'difference')}",
        highlight=False,
    )
    if compared.differences:
        console.print(_differences(compared))
    if not causes:
        console.print("a backtest on the candles alone makes the same trades")
        return
    console.print(_causes(causes))
    for line in _reasons(causes):
        console.print(line, markup=False, highlight=False)


def _differences(compared: Compared) -> Table:
    table = Table(title="where the replay differs from the ledger")
    for name in ("table", "key", "column", "ledger", "replay"):
        table.add_column(name)
    for entry in compared.differences[:_SHOWN]:
        table.add_row(*(safe(value) for value in entry))
    return table


def _causes(causes: list[Attribution]) -> Table:
    """Totals stand in the last row, so that the parts can be seen to add up."""
    title = "what differs from a backtest on the candles alone"
    table = Table(title=title, show_footer=True, box=SIMPLE, padding=(0, 0))
    total = [sum(getattr(entry, name) for entry in causes) for name in ("entry", "exit", "size")]
    of_book = any(entry.sleeve for entry in causes)
    footers = [*[""] * (6 if of_book else 5), *(f"{value:+,.2f}" for value in total)]
    names = ["", *(["sleeve"] if of_book else []), "signal", "side", "session", "backtest"]
    names += ["entry", "exit", "size, costs"]
    for name, footer in zip(names, footers, strict=True):
        justify: JustifyMethod = "left" if name in ("sleeve", "signal", "side") else "right"
        table.add_column(name, footer=footer, justify=justify, no_wrap=True)
    for number, entry in enumerate(causes, 1):
        table.add_row(
            str(number),
            *([entry.sleeve.partition("/")[0]] if of_book else []),
            iso_time(entry.signal)[:16].replace("T", " "),
            "long" if entry.side > 0 else "short",
            _money(entry.session),
            _money(entry.backtest),
            _money(entry.entry),
            _money(entry.exit),
            _money(entry.size),
        )
    return table


def _reasons(causes: list[Attribution]) -> list[str]:
    """Each cause once, with the numbers of its rows: too long for a column."""
    found: dict[str, list[str]] = {}
    for number, entry in enumerate(causes, 1):
        found.setdefault(entry.cause, []).append(str(number))
    return [f"{', '.join(numbers)}: {cause}" for cause, numbers in found.items()]


def _money(value: float | None) -> str:
    return "-" if value is None else f"{value:+,.2f}"
