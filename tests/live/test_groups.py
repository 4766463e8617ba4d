"""Steps that are stored together where the session is behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from peewee import OperationalError

from stoptrail.core.errors import ExchangeError
from stoptrail.live.ledger.database import Ledger
from stoptrail.live.session import Options, Session
from tests.live.books import books_of
from tests.live.playback import PlaybackStore
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows, ticks_of

ROWS = small_rows(700)


class LateStore(PlaybackStore):
    """Everything has come already when the session looks, or breaks off in the end."""

    def __init__(self, *arguments: Any, broken: bool = False) -> None:
        super().__init__(*arguments)
        self.broken = broken

    def getdata(self, **parameters: Any) -> Any:
        feed = super().getdata(**parameters)
        feed.behind = True
        return feed

    def _events(self, *arguments: Any) -> Any:
        yield from super()._events(*arguments)
        if self.broken:
            raise ExchangeError("the market data has broken off")


def play(url: str, store: PlaybackStore, ratchet: str, fail_every: int = 0) -> int:
    """Play the market; the number of transactions that held candles or ticks."""
    count = [0]

    def around(moment: str, kind: str) -> None:
        if moment != "within" or not kind.startswith(("candle", "tick")):
            return
        count[0] += 1
        if fail_every and count[0] % fail_every == 0:
            raise OperationalError("a fault of the database, for the test")

    with Ledger(url, patience=5.0) as ledger:
        ledger.fault = around
        chosen = settings(live={"ratchet": ratchet})
        Session(chosen, lambda: store, ledger, Options()).run()
    return count[0]


@pytest.mark.parametrize("ratchet", ["candle", "tick"])
def test_steps_stored_in_groups_leave_the_ledger_of_steps_stored_singly(
    ratchet: str, tmp_path: Path
) -> None:
    single, grouped = f"sqlite:///{tmp_path}/single.db", f"sqlite:///{tmp_path}/grouped.db"
    one_by_one = play(single, PlaybackStore(ROWS, WARM_UP, HOUR, ticks_of), ratchet)
    together = play(grouped, LateStore(ROWS, WARM_UP, HOUR, ticks_of), ratchet)
    assert together < one_by_one / 2
    books = books_of(grouped)
    assert len(books["PaperTrades"]) > 10
    assert books == books_of(single)


def test_a_group_that_fails_is_stored_again_whole(tmp_path: Path) -> None:
    calm, troubled = f"sqlite:///{tmp_path}/calm.db", f"sqlite:///{tmp_path}/troubled.db"
    play(calm, PlaybackStore(ROWS, WARM_UP, HOUR, ticks_of), "tick")
    play(troubled, LateStore(ROWS, WARM_UP, HOUR, ticks_of), "tick", fail_every=5)
    assert books_of(troubled) == books_of(calm)


def test_what_waits_is_stored_when_the_market_data_breaks_off(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    with pytest.raises(ExchangeError, match="broken off"):
        play(url, LateStore(ROWS, WARM_UP, HOUR, ticks_of, broken=True), "tick")
    assert [row["time"] for row in books_of(url)["StoredCandles"]] == [row[0] for row in ROWS]
