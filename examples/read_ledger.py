"""A paper session's ledger in pandas: its trades, and every level their stops had."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd

COLUMNS = ["number", "side", "units", "entry_time", "entry", "exit_time", "exit", "pnl"]


def main(file: Path) -> None:
    """Read-only, so that a running session is not disturbed; times are ms, UTC."""
    if not file.exists():
        sys.exit(f"{file} is not there: name the database of a paper session")
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as ledger:
        if not ledger.execute("SELECT 1 FROM sqlite_master WHERE name = 'sessions'").fetchone():
            sys.exit(f"{file} holds no paper session")
        sessions = pd.read_sql("SELECT * FROM sessions", ledger)
        trades = pd.read_sql("SELECT * FROM paper_trades ORDER BY session, number", ledger)
        moves = pd.read_sql("SELECT session, trade, new FROM stop_moves ORDER BY number", ledger)
    for column in ("entry_time", "exit_time"):
        trades[column] = pd.to_datetime(trades[column], unit="ms")
    moved = moves.groupby(["session", "trade"])["new"].agg(["count", "last"])
    table = trades.join(moved, on=["session", "number"])
    for session in sessions.itertuples():
        own = table[table["session"] == session.id]
        closed = own.dropna(subset=["pnl"])
        print(f"session {session.id}: {session.symbol} on {session.exchange}")
        shown = own[[*COLUMNS, "count", "last"]].rename(columns={"count": "levels", "last": "stop"})
        print(shown.to_string(index=False, na_rep="") if len(own) else "no trades yet")
        print(f"closed: {len(closed)}, together {closed['pnl'].sum():.2f}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/read_ledger.py STATE_FILE")
    main(Path(sys.argv[1]))
