"""Two sessions, each a process of its own, on one ledger."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from stoptrail.live.ledger.check import problems
from stoptrail.live.ledger.database import open_existing
from stoptrail.live.ledger.records import all_sessions, stored_candles
from stoptrail.live.watch.differences import compare
from stoptrail.live.watch.replay import recording_of, replay
from tests.cli.process import STEADY, live, write_config
from tests.exchange.simulator import Simulator
from tests.live.small_market import WARM_UP, small_market

MARKETS = {"BTC/USDT": 3, "ETH/USDT": 8}
"""Seed of each."""
FORMER = "a session of binance BTC/USDT runs in this database already (process "


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_each_trades_as_if_alone(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """None waits for the other for long, loses anything or says that it cannot write; a third of
    a market that one of them has is refused."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    if kind == "postgresql":
        url = request.getfixturevalue("postgres_url")
    with ExitStack() as stack:
        running, simulators, configs = [], [], []
        for symbol, seed in MARKETS.items():
            made = Simulator(small_market(1500, seed), WARM_UP, symbol, pace=STEADY)
            simulator = stack.enter_context(made)
            folder = tmp_path / symbol[:3]
            folder.mkdir()
            changes = {"live": {"ratchet": "tick"}, "data": {"timeframe": "1h", "symbol": symbol}}
            configs.append(write_config(folder, simulator, url, **changes))
            running.append(stack.enter_context(live(configs[-1])))
            simulators.append(simulator)
        for one, simulator in zip(running, simulators, strict=True):
            one.until("kind=state")
            simulator.play()
        with live(configs[0], name="third") as third:
            assert third.end() == 2
            assert FORMER in third.said
        for one in running:
            one.until("kind=exit")
        for one in running:
            assert one.stop() == 0
            assert "trying again" not in one.said
    with closing(open_existing(url)) as database:
        assert list(problems(database)) == []
        sessions = all_sessions(database)
        assert sorted(each.symbol for each in sessions) == sorted(MARKETS)
        for each in sessions:
            times = [row[0] for row in stored_candles(database, each.id)]
            whole = small_market(1500, MARKETS[each.symbol]).time.tolist()
            assert times == whole[: len(times)]
            with closing(replay(recording_of(database, each))) as again:
                compared = compare(database, again, each.id)
            assert compared.differences == []
            assert compared.trades > 0
