"""The session of a soak, as a process of its own that notes what it has done and when.

python -m benchmarks.soak_session CONFIG NOTES
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tomli_w

from benchmarks.arguments import Arguments, existing
from stoptrail.cli.live import stopped_by_signals
from stoptrail.config.load import load_settings
from stoptrail.config.settings import Settings
from stoptrail.core.program import collect_seldom
from stoptrail.live.ledger.database import Ledger
from stoptrail.live.market.store import CCXTStore
from stoptrail.live.market.timing import Timing
from stoptrail.live.session import Options, Session
from stoptrail.live.watch.garbage import GarbageCollector
from stoptrail.live.watch.messages import Message

NOTE = "=qqq"
"""Open time of the last candle, moment (monotonic, ns), kind: 0 live, 1 candle stored."""
WAITS = Timing(timeout=0.5, silence=0.6, poll=0.2, backoff=0.05, backoff_cap=0.5, ban=1.0)
"""Shorter than in earnest: market time runs a hundred thousand times faster."""
POLL_ALONE = 0.001
"""Seconds between two polls where there is nothing else: each lets a candle pass."""


def settings_file(
    folder: Path,
    market: tuple[str, str],
    urls: dict[str, Any],
    database: str,
    ratchet: str,
    transport: str,
    warm_up: int,
) -> Path:
    """Settings under which the synthetic market trades every few days; `market` is ccxt's id
    of the exchange and the symbol there."""
    table = {
        "data": {"symbol": market[1]},
        # As the memory's market has them, with which the ledger is compared.
        "market": {"tick": 0.01, "lot": 0.00001, "min_quantity": 0.00001, "min_notional": 5.0},
        "strategy": {"trend_period": 10, "cycle_period": 12.0, "cycle_threshold": 0.1},
        "stop": {"trailing_atr_multiplier": 2.0},
        "live": {
            "ratchet": ratchet,
            "catch_up": "full",
            "warm_up_days": warm_up,
            "transport": transport,
        },
        "exchange": {"id": market[0], "ccxt": {"urls": urls, "enableRateLimit": False}},
        "database": {"url": database},
    }
    file = folder / "strategy.toml"
    file.write_text(tomli_w.dumps(table))
    return file


def open_store(settings: Settings) -> CCXTStore:
    """The session's own store, with the soak's waits."""
    transport = settings.live.transport
    timing = WAITS._replace(poll=POLL_ALONE) if transport == "rest" else WAITS
    options = settings.exchange.options()
    quote = settings.data.symbol.partition("/")[2]
    return CCXTStore(settings.exchange_id, quote, options, 20, transport=transport, timing=timing)


class Notes:
    """Appends what happens to a file; a watcher of the session."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("ab", buffering=0)
        self._session: Session | None = None
        self._live = False

    def happened(self, message: Message) -> None:
        """Say it, for whoever looks into the log."""
        if message.kind in ("notice", "connection", "error", "stopped"):
            print(json.dumps(message._asdict()), flush=True)

    def turned(self, session: Session) -> None:
        """The first turn of a session that decides is when it is live."""
        self._session = session
        if not self._live and session.engine is not None and session.engine.strategy is not None:
            self._live = True
            self.note(0)

    def note(self, kind: int) -> None:
        """Write down that it has happened now."""
        engine = self._session.engine if self._session is not None else None
        after = engine.after if engine is not None else 0
        self._file.write(struct.pack(NOTE, after, time.monotonic_ns(), kind))

    def around(self) -> Callable[[str, str], None]:
        """For the ledger: called before, within and after every transaction."""

        def heard(moment: str, kind: str) -> None:
            if moment == "after" and kind.startswith(("candle", "tick")):
                self.note(1)

        return heard


def main() -> None:
    """Until a signal comes; of memory as much is looked for as by the program."""
    parser = Arguments(description="The session of benchmarks.soak, in a process of its own.")
    parser.add_argument("config", type=existing)
    parser.add_argument("notes", type=Path)
    given = parser.parse_args()
    collect_seldom()
    settings = load_settings(given.config, ())
    written = Notes(given.notes)
    with Ledger(settings.database.url) as ledger:
        ledger.fault = written.around()
        options = Options(watchers=(written, GarbageCollector()))
        session = Session(settings, lambda: open_store(settings), ledger, options)
        with stopped_by_signals(session.stop):
            session.run()


if __name__ == "__main__":
    main()
