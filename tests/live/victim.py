"""A session in a process of its own, which kills itself at a chosen moment."""

from __future__ import annotations

import multiprocessing
import os
import signal
from typing import Any

from live.ledger import Ledger
from live.records import session_of, stored_candles
from live.session import Session
from live.step import Row
from tests.live.playback import PlaybackStore, TicksOf
from tests.live.small_market import HOUR, WARM_UP, settings

_PRELOAD = ["live.session", "playhouse.db_url", "psycopg2", "tests.live.victim"]


class Fate:
    """Kills the process at the `count`-th time that a transaction of `kind` (any where
    empty) comes to `moment` ("before", "within", "after"; any where empty)."""

    def __init__(self, count: int, moment: str = "", kind: str = "") -> None:
        self._left = count
        self._moment, self._kind = moment, kind

    def __call__(self, moment: str, kind: str) -> None:
        if moment.startswith(self._moment) and kind.startswith(self._kind):
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def run_victim(
    url: str,
    rows: list[Row],
    missed: int,
    fate: Fate | None,
    ticks: TicksOf | None = None,
    **changes: Any,
) -> None:
    """Start or go on with the session of `rows`; `missed` candles have closed since the
    last one stored."""
    with Ledger(url) as ledger:
        found = session_of(ledger.database, "binance", "BTC/USDT")
        known = WARM_UP if found is None else len(stored_candles(ledger.database, found.id))
        live = WARM_UP if found is None else min(known + missed, len(rows))
        store = PlaybackStore(rows, live, HOUR, ticks)
        ledger.fault = fate
        Session(settings(**changes), lambda: store, ledger).run()


def in_process(*arguments: Any, **changes: Any) -> int | None:
    """`run_victim` in a process of its own; its exit code."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    process = context.Process(target=run_victim, args=arguments, kwargs=changes)
    process.start()
    process.join(120)
    return process.exitcode
