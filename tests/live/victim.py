"""A session in a process of its own, which kills itself at a chosen moment."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from unittest.mock import patch

from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.database import Ledger
from stoptrail.live.ledger.records import session_of, stored_candles, stored_ticks
from stoptrail.live.ledger.spoken import Commands
from stoptrail.live.market.events import Tick
from stoptrail.live.session import Options, Session
from stoptrail.live.watch.control import ask
from stoptrail.live.watch.messages import Message
from stoptrail.rules.funding import FundingRow
from stoptrail.rules.margin import Mark
from tests.forked import context
from tests.live.funding_rows import told_between
from tests.live.playback import PlaybackStore, TicksOf
from tests.live.small_market import HOUR, WARM_UP, settings


class Fate:
    """Kills the process at the `count`-th time that a transaction whose kind has all words
    of `kind` comes to `moment` ("before", "within", "after"; any where empty)."""

    def __init__(self, count: int, moment: str = "", kind: str = "") -> None:
        self._left = count
        self._moment, self._words = moment, set(kind.split())

    def __call__(self, moment: str, kind: str) -> None:
        if moment.startswith(self._moment) and self._words <= set(kind.split()):
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Asker:
    """Leaves commands for the session: each verb once the candle of its open time has
    closed, whoever ran the session when the ones before it were asked."""

    def __init__(self, asks: Sequence[tuple[int, str]]) -> None:
        self._asks = asks

    def happened(self, message: Message) -> None:
        """Nothing to do."""

    def turned(self, session: Session) -> None:
        database = session.ledger.database
        asked = Commands.select().bind(database).count()
        assert session.engine is not None
        for time, verb in self._asks[asked : asked + 1]:
            if session.engine.after >= time:
                ask(database, session.control.session, verb)


def run_victim(
    url: str,
    rows: list[Row],
    missed: int,
    fate: Any = None,
    ticks: TicksOf | None = None,
    asks: Sequence[tuple[int, str]] = (),
    funding: Sequence[FundingRow] = (),
    marks: Mapping[int, Mark] | None = None,
    **changes: Any,
) -> None:
    """Start or go on with the session of `rows`; `missed` candles have closed since the
    last one stored. Ticks go on behind the last one stored."""
    with Ledger(url) as ledger, patch("stoptrail.live.session._BEAT_SECONDS", 0.0 if asks else 1.0):
        found = session_of(ledger.database, "binance", "BTC/USDT")
        known = WARM_UP if found is None else len(stored_candles(ledger.database, found.id))
        live = WARM_UP if found is None else min(known + missed, len(rows))
        heard = [] if found is None else stored_ticks(ledger.database, found.id)
        last = heard[-1].time if heard else 0

        def told(row: Row) -> list[Tick]:
            return [] if ticks is None else [tick for tick in ticks(row) if tick.time > last]

        between = told_between(rows, funding)
        store = PlaybackStore(rows, live, HOUR, told, between, bool(asks), funding, marks)
        ledger.fault = fate
        options = Options(watchers=(Asker(asks),) if asks else ())
        Session(settings(**changes), lambda: store, ledger, options).run()


def exit_code(run: Callable[..., None], *arguments: Any, **changes: Any) -> int | None:
    """That of `run` in a process of its own."""
    process = context().Process(target=run, args=arguments, kwargs=changes)
    process.start()
    process.join(120)
    code: int | None = process.exitcode
    return code


in_process = partial(exit_code, run_victim)
