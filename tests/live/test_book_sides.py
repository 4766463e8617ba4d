"""A book of a spot market and of the swap of the same coin, through ccxt, with a kill."""

from __future__ import annotations

import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stoptrail.config.settings import Settings
from stoptrail.core.time import HOUR_MS
from stoptrail.exchange.rows import Row
from stoptrail.live.book_recovery import Sleeve
from stoptrail.live.book_session import BookSession
from stoptrail.live.ledger.database import Ledger, existing_ledger
from stoptrail.live.ledger.records import rows, sleeves_of
from stoptrail.live.ledger.tables import PaperTrades, StoredCandles, StoredFunding
from stoptrail.live.market.shared import SharedStore
from stoptrail.live.market.store import CCXTStore
from stoptrail.live.session import Options
from stoptrail.live.watch.messages import Message
from tests.exchange import market_answers as answers
from tests.exchange.player import Pace
from tests.forked import context
from tests.live.book_market import replayed
from tests.live.books import columns_of
from tests.live.okx_side import EVERY, SPOT, SWAP, OkxSide, rate_at
from tests.live.scenario import PATIENT
from tests.live.small_market import WARM_UP, small_rows, tables
from tests.live.victim import Fate

HOURS = 90
LOT = float(answers.OKX_SWAP["lotSz"]) * float(answers.OKX_SWAP["ctVal"])


def market_of(seed: int) -> list[Row]:
    return small_rows(WARM_UP + HOURS + 4, seed)


def sleeves(ratchet: str) -> tuple[Settings, list[Sleeve]]:
    found = []
    for symbol, kind in ((SPOT, "spot"), (SWAP, "swap")):
        table = tables(data={"exchange": "okx", "symbol": symbol}, market={"type": kind})
        table["live"] |= {"ratchet": ratchet}
        found.append(Sleeve(symbol, 0.5, Settings.model_validate(table)))
    table.pop("market")
    whole = {**table, "book": {"max_notional": 1.0}}
    return Settings.model_validate(whole), found


def run_book(url: str, urls: Any, ratchet: str, until: int, fate: Any = None) -> None:
    """A life of the book, until its candles of `until` have closed, or `fate` ends it."""
    whole, own = sleeves(ratchet)

    class Ends:
        def happened(self, message: Message) -> None:
            """Nothing to do."""

        def turned(self, session: Any) -> None:
            if session.engine.broker.closes > until:
                session.stop("enough")

    def connect() -> Any:
        timing = PATIENT._replace(forecast=0.02)
        options = {"urls": urls, "enableRateLimit": False}
        return SharedStore(
            CCXTStore("okx", "USDT", options, 3, timing=timing), {SPOT: "spot", SWAP: "swap"}
        )

    with Ledger(url) as ledger:
        ledger.fault = fate
        BookSession(whole, own, connect, ledger, Options(watchers=(Ends(),))).run()


@pytest.mark.parametrize("ratchet", ["candle", "tick"])
def test_spot_and_swap_share_sockets_and_keep_their_own_units_and_costs(
    ratchet: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    markets = {SPOT: market_of(3), SWAP: market_of(8)}
    columns = {name: columns_of(market, HOUR_MS) for name, market in markets.items()}
    first = markets[SPOT][WARM_UP][0]
    wanted = ("kline",) if ratchet == "candle" else ("kline", "trade")
    with OkxSide(columns, first, Pace(wanted=wanted)) as exchange:
        playing = exchange.play()
        until = first + (HOURS - 2) * HOUR_MS
        where = url, exchange.urls(), ratchet, until
        for fate, code in ((Fate(HOURS // 3, "after", "candle"), -signal.SIGKILL), (None, 0)):
            process = context().Process(target=run_book, args=(*where, fate))
            process.start()
            process.join(120)
            assert process.exitcode == code
        assert exchange.streams.opened <= 2 * (1 if ratchet == "candle" else 2)
        del playing
    assert replayed(url).differences == []
    with existing_ledger(url) as database:
        spot, swap = sleeves_of(database, 1)
        of = {row.symbol: partial(rows, database, session=row.id) for row in (spot, swap)}
        for name, market in markets.items():
            known = {row[0]: row for row in market}
            stored = of[name](StoredCandles)
            assert len(stored) > WARM_UP + HOURS - 10
            for row in stored:  # volumes in coins
                assert row["close"] == known[row["time"]][4]
                assert row["volume"] == pytest.approx(known[row["time"]][5])
        booked = of[SWAP](StoredFunding)
        assert of[SPOT](StoredFunding) == []
        closes = {row["time"] + HOUR_MS: row["close"] for row in of[SWAP](StoredCandles)}
        known_to = max(row["time"] for row in booked) + EVERY  # that row may not be published yet
        held = [t for t in of[SWAP](PaperTrades) if (t["exit_time"] or known_to) < known_to]
    assert {row["time"] for row in booked} == {row["time"] // EVERY * EVERY for row in booked}
    assert all(row["rate"] == rate_at(row["time"]) for row in booked)
    assert len(booked) >= HOURS // 8 - 1
    assert len(held) >= 2
    paid, start = 0, first - first % EVERY
    for trade in held:
        assert trade["units"] / LOT == pytest.approx(round(trade["units"] / LOT))
        due = [
            t for t in range(start, until, EVERY) if trade["entry_time"] < t <= trade["exit_time"]
        ]
        expected = -sum(
            trade["side"] * trade["units"] * closes.get(t, closes.get(t - HOUR_MS)) * rate_at(t)
            for t in due
        )
        assert trade["funding"] == pytest.approx(expected)
        paid += len(due)
    assert paid >= 3
