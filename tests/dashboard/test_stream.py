"""Looks as they come, to everybody who listens."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stoptrail.core.errors import ConfigError
from stoptrail.dashboard.app import make_dashboard
from stoptrail.dashboard.guard import Access
from stoptrail.dashboard.ledgers import Ledgers
from stoptrail.dashboard.runs import RunShelf
from stoptrail.dashboard.server import DashboardServer
from tests.dashboard.served import HERE, served

NO_RUNS = RunShelf([], lambda _: [])


def set_price(ledger: Path, price: float) -> None:
    with closing(sqlite3.connect(ledger)) as database, database:
        later = "(SELECT candle + 2 * interval FROM sessions WHERE id = session)"
        database.execute(f"UPDATE presence SET price = ?, price_time = {later}", (price,))


def test_a_change_in_the_ledger_reaches_every_listener(url: str, ledger: Path) -> None:
    with served(url) as (client, _), client.stream() as one, client.stream() as other:
        first = [next(one), next(other)]
        assert first[0] == first[1]
        set_price(ledger, 12_345.5)
        for looks in (one, other):
            assert next(looks)["sessions"][0]["price"] == 12_345.5


def test_nothing_is_told_twice_and_nobody_looks_where_nobody_listens(url: str) -> None:
    looks: list[float] = []

    class Counted(Ledgers):
        def look(self) -> dict[str, Any]:
            looks.append(time.monotonic())
            return {"same": True}

    made = make_dashboard(Counted([url]), NO_RUNS, Access(HERE), seconds=0.02)
    server = DashboardServer(made, HERE, 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        from tests.dashboard.served import Client

        with Client(server.port).stream() as told:
            assert next(told) == {"same": True}
            until = time.monotonic() + 10.0
            while len(looks) < 5:
                assert time.monotonic() < until
                time.sleep(0.01)
        time.sleep(0.3)
        seen = len(looks)
        time.sleep(0.3)
        assert len(looks) == seen
    finally:
        server.stop()
        thread.join(20)


def test_it_ends_at_once_though_somebody_listens(url: str) -> None:
    with served(url) as (client, server), client.stream() as looks:
        next(looks)
        began = time.monotonic()
        server.stop()
        assert list(looks) == []
        assert time.monotonic() - began < 5.0


def test_an_address_that_is_taken_is_said_in_one_line(url: str) -> None:
    with served(url) as (_, server):
        made = make_dashboard(Ledgers([url]), NO_RUNS, Access(HERE))
        with pytest.raises(ConfigError, match=rf"127.0.0.1:{server.port} cannot be listened on"):
            DashboardServer(made, HERE, server.port)
