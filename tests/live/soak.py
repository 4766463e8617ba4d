"""A year of candles and ticks at full speed, with kills and a failing database.

    python -m tests.live.soak [--candles N] [--kills N] [--ratchet tick|candle] [--database URL]

Prints what docs/live.md quotes. Exit code 1 where the ledger is not what an undisturbed
session leaves (candle mode), or its replay differs (both modes).
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from peewee import OperationalError

from benchmarks.arguments import Arguments, count, whole
from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.database import Ledger, open_existing
from stoptrail.live.ledger.records import all_sessions, session_of, stored_candles
from stoptrail.live.market.events import CandleClosed, Event
from stoptrail.live.session import Session
from stoptrail.live.watch.differences import compare
from stoptrail.live.watch.replay import recording_of, replay
from tests.forked import context
from tests.live.books import books_of
from tests.live.playback import PlaybackStore
from tests.live.small_market import HOUR, settings, small_rows, ticks_of

_WARM_UP_DAYS = 250


class Watch(PlaybackStore):
    """Notes when each candle is handed over."""

    handed = 0.0

    def _events(self, past: list[Row], live_from: int) -> Iterator[Event]:
        for event in super()._events(past, live_from):
            if isinstance(event, CandleClosed):
                self.handed = time.perf_counter()
            yield event


def live_once(
    url: str, rows: list[Row], warm_up: int, missed: int, kill_at: int, ratchet: str, report: str
) -> None:
    """One life of the session; `kill_at` candles later it is killed (0: never)."""
    began = time.perf_counter()
    latencies: list[float] = []
    chance = random.Random(kill_at)
    seen = [0]
    with Ledger(url) as ledger:
        found = session_of(ledger.database, "binance", "BTC/USDT")
        known = warm_up if found is None else len(stored_candles(ledger.database, found.id))
        live = min(known + missed, len(rows)) if found is not None else warm_up
        store = Watch(rows, live, HOUR, ticks_of)

        def around(moment: str, kind: str) -> None:
            if "candle" not in kind.split():
                return
            if moment == "after":
                seen[0] += 1
                latencies.append(time.perf_counter() - store.handed)
                if kill_at and seen[0] >= kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
            elif moment == "before" and chance.random() < 0.0002:
                raise OperationalError("a fault of the database, for the test")

        ledger.fault = around
        tables: Any = {"live": {"ratchet": ratchet, "warm_up_days": _WARM_UP_DAYS}}
        session = Session(settings(**tables), lambda: store, ledger)
        first: list[float] = []

        class Begun:
            def happened(self, message: Any) -> None:
                """Nothing to do."""

            def turned(self, session: Session) -> None:
                if not first:
                    first.append(time.perf_counter() - began)

        session._options = session._options._replace(watchers=(Begun(),))
        session.run()
    figures = {
        "seconds": time.perf_counter() - began,
        "to_live": first[0] if first else None,
        "candles": seen[0],
        "p50_ms": float(np.percentile(latencies, 50)) * 1000,
        "p99_ms": float(np.percentile(latencies, 99)) * 1000,
        "max_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    Path(report).write_text(json.dumps(figures))


def main() -> int:
    """Run the soak; the exit code."""
    parser = Arguments(description=__doc__)
    parser.add_argument("--candles", type=whole, default=8_760, help="a year of hours")
    parser.add_argument("--kills", type=count, default=20)
    parser.add_argument("--ratchet", choices=("tick", "candle"), default="candle")
    parser.add_argument("--database", default="")
    chosen = parser.parse_args()
    if chosen.candles < 2 * (chosen.kills + 1):
        parser.error(f"{chosen.candles} candles are too few for {chosen.kills} kills")
    warm_up = _WARM_UP_DAYS * 24
    rows = small_rows(warm_up + chosen.candles)
    warm_up = min(warm_up, len(rows) - 1)
    with tempfile.TemporaryDirectory() as folder:
        report = f"{folder}/report.json"
        url = chosen.database or f"sqlite:///{folder}/ledger.db"
        chance = random.Random(1)
        for _ in range(chosen.kills):
            share = chosen.candles // (chosen.kills + 1)
            kill_at = chance.randrange(share // 2, share)
            missed = chance.randrange(4)
            _alone(url, rows, warm_up, missed, kill_at, chosen.ratchet, report)
        code = _alone(url, rows, warm_up, 0, 0, chosen.ratchet, report)
        print("after the kills:", Path(report).read_text(), "exit code", code)
        calm = f"sqlite:///{folder}/calm.db"
        _alone(calm, rows, warm_up, 0, 0, chosen.ratchet, report)
        print("undisturbed:", Path(report).read_text())
        return _judge(url, calm, chosen.ratchet)


def _alone(*arguments: Any) -> int | None:
    process = context().Process(target=live_once, args=arguments)
    process.start()
    process.join()
    return process.exitcode


def _judge(url: str, calm: str, ratchet: str) -> int:
    database = open_existing(url)
    session = all_sessions(database)[0]
    with closing(replay(recording_of(database, session))) as repeated:
        compared = compare(database, repeated, session.id)
    database.close()
    print(f"replay: {compared.trades} trades, {len(compared.differences)} differences")
    failed = bool(compared.differences)
    if ratchet == "candle":
        equal = books_of(url) == books_of(calm)
        print("equal to the undisturbed ledger:", equal)
        failed = failed or not equal
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
