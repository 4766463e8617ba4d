"""A position left at a price that a person names: for a market that trades no more."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import stoptrail.live.session
from stoptrail.core.errors import ConfigError, StoreError
from stoptrail.core.time import iso_time
from stoptrail.live.ledger.database import existing_ledger
from stoptrail.live.ledger.records import find_session, open_trade, rows, settings_rows
from stoptrail.live.ledger.spoken import Commands
from stoptrail.live.ledger.tables import PaperOrders, PaperTrades
from stoptrail.live.market.events import Connection
from stoptrail.live.session import Options, Session
from stoptrail.live.watch import control
from stoptrail.live.watch.control import answer_of, ask, set_aside
from stoptrail.live.watch.remote_control import answered
from tests.live.books import with_replay
from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows, ticks_of

ROWS = small_rows(420)
NAMED = 12_345.678
WIDE: Any = {"stop": {"trailing_atr_multiplier": 50.0}}


def chosen(ratchet: str) -> Any:
    return settings(live={"ratchet": ratchet}, **WIDE)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ledger.db"


class Asks:
    """Asks for `NAMED` as soon as a position is open; before that, at market, if `twice`."""

    def __init__(self, twice: bool = False) -> None:
        self.numbers: list[int] = []
        self._twice = twice

    def happened(self, message: Any) -> None:
        pass

    def turned(self, session: Session) -> None:
        engine = session.engine
        if self.numbers or engine is None or engine.broker.open is None:
            return
        database, number = session.ledger.database, session.number
        if self._twice:
            ask(database, number, "close")
        self.numbers.append(ask(database, number, "close", NAMED))


def left(url: str) -> dict[str, Any]:
    with existing_ledger(url) as database:
        (trade,) = [t for t in rows(database, PaperTrades, 1) if t["reason"] == "manual_price"]
        (order,) = [o for o in rows(database, PaperOrders, 1) if o["kind"] == "exit"]
    assert (order["price"], order["fill"], order["status"]) == (NAMED, trade["exit"], "filled")
    return trade


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("ratchet", ["candle", "tick"])
def test_a_running_session_leaves_at_the_named_price_at_once(
    ratchet: str, twice: bool, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stoptrail.live.session, "_BEAT_SECONDS", 0.0)
    asks = Asks(twice)
    store = PlaybackStore(ROWS, WARM_UP, HOUR, ticks_of)
    play(chosen(ratchet), store, url, Options(watchers=(asks,)))
    trade = left(url)
    side = trade["side"]
    assert trade["exit"] == (12_345.67 if side > 0 else 12_345.68)  # on the tick, against it
    costs = trade["fees"] + trade["borrow"]
    gross = side * trade["units"] * (trade["exit"] - trade["entry"])
    assert trade["pnl"] == pytest.approx(gross - costs)
    with existing_ledger(url) as database:
        answer = answer_of(database, asks.numbers[0]) or ""
    assert answer.startswith(f"left at {trade['exit']:,.2f}, the price that was named")
    assert with_replay(url).differences == []


def until_open(url: str, ratchet: str) -> int:
    """Play until a position is open; how many candles that took."""
    end = WARM_UP
    while True:
        end += 5
        play(chosen(ratchet), PlaybackStore(ROWS[:end], end - 5, HOUR, ticks_of), url)
        with existing_ledger(url) as database:
            if open_trade(database, 1) is not None:
                return end


@pytest.mark.parametrize("ratchet", ["candle", "tick"])
def test_a_session_that_does_not_run_leaves_without_its_market(ratchet: str, url: str) -> None:
    end = until_open(url, ratchet)
    with existing_ledger(url) as database:
        ask(database, 1, "close")  # at market: nobody heard it
        answer = set_aside(database, find_session(database, "1"), "close", NAMED)
    assert "the price that was named" in answer
    left(url)
    with existing_ledger(url) as database:
        assert open_trade(database, 1) is None
        trades = rows(database, PaperTrades, 1)
        balance = find_session(database, "1").balance
        commands = list(Commands.select().dicts().execute(database))
    cash = chosen(ratchet).account.cash
    assert balance == pytest.approx(cash + sum(t["pnl"] for t in trades))
    assert commands[-1]["price"] == NAMED
    assert commands[-1]["result"] == answer
    assert with_replay(url).differences == []
    play(chosen(ratchet), PlaybackStore(ROWS, end, HOUR, ticks_of), url)  # it goes on, flat
    assert with_replay(url).differences == []


@pytest.mark.parametrize("ratchet", ["candle", "tick"])
@pytest.mark.parametrize("behind", [-7200.0, 30.0, 3600.0])
def test_a_machine_whose_clock_is_behind_the_ledger_leaves_nothing(
    behind: float, ratchet: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some seconds are none; how far it is ahead of the ledger is told."""
    end = until_open(url, ratchet)
    last = ROWS[end - 1][0] + HOUR
    now = last / 1000 - behind
    monkeypatch.setattr(control, "time", SimpleNamespace(time=lambda: now))
    with existing_ledger(url) as database:
        row = find_session(database, "1")
        if behind > 60.0:
            words = f"clock says {iso_time(last - 3_600_000)}, but .* up to {iso_time(last)}: set"
            with pytest.raises(StoreError, match=words):
                set_aside(database, row, "close", NAMED)
            assert open_trade(database, 1) is not None
            assert rows(database, PaperOrders, 1, kind="exit") == []
            assert list(Commands.select().dicts().execute(database)) == []
            return
        answer = set_aside(database, row, "close", NAMED)
    assert left(url)["exit_time"] == max(last, int(now * 1000))
    said = f", at {iso_time(left(url)['exit_time'])} by this machine's clock"
    ahead = f" (the ledger knows the market up to {iso_time(last)})"
    assert answer.endswith(said + (ahead if behind < 0.0 else ""))
    assert with_replay(url).differences == []


def test_without_a_position_nothing_is_left(url: str) -> None:
    play(chosen("candle"), PlaybackStore(ROWS[: WARM_UP + 1], WARM_UP, HOUR), url)
    with existing_ledger(url) as database:
        row = find_session(database, "1")
        assert set_aside(database, row, "close", NAMED) == "there is no position"
        assert rows(database, PaperOrders, 1) == []


class Delisted(PlaybackStore):
    """A market that the exchange has taken from its list; nothing of it can be read."""

    def market(self, symbol: str) -> Any:
        raise ConfigError(f"data.symbol {symbol!r} is not traded")

    def held_market(self, symbol: str) -> None:
        """None: there are no filters of it any more."""


def test_a_session_begins_again_on_a_market_that_is_gone_and_its_position_is_left(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stoptrail.live.session, "_BEAT_SECONDS", 0.0)
    end = until_open(url, "tick")
    asks, began = Asks(), time.monotonic()

    def unanswered() -> bool:
        """Whether the last candle, with which the test ends, does not come yet."""
        assert time.monotonic() < began + 60.0
        if not asks.numbers:
            return True
        with existing_ledger(url) as database:
            return answer_of(database, asks.numbers[0]) is None

    store = Delisted(ROWS[: end + 1], end, HOUR, unhurried=True)
    store.connection = Connection("stale", 0.0, "binance lists BTC/USDT no more (delisted?)")
    store.waits = unanswered
    play(chosen("tick"), store, url, Options(watchers=(asks,)))
    assert left(url)["exit_time"] > 0
    with existing_ledger(url) as database:
        assert len(settings_rows(database, 1)) == 1  # its filters are those that were kept
    assert with_replay(url).differences == []


def test_a_new_session_on_such_a_market_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="not traded"):
        play(chosen("tick"), Delisted(ROWS, WARM_UP, HOUR), url)


@pytest.mark.parametrize("times", [100.0, 1e290, 0.01, 1e-300])
def test_a_price_that_no_market_has_is_a_slip_of_the_hand_and_leaves_nothing(
    times: float, url: str
) -> None:
    """The account would be lost by it, and nothing takes an exit back."""
    end = until_open(url, "tick")
    close = ROWS[end - 1][4]
    with pytest.raises(StoreError, match=r"its last close of .*was another price meant\?$"):
        answered(url, "1", "close", close * times)
    with existing_ledger(url) as database:
        assert open_trade(database, 1) is not None
        assert list(Commands.select().dicts().execute(database)) == []
    assert "the price that was named" in answered(url, "1", "close", close * 0.02)[1]
