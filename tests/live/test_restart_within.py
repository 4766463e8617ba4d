"""A restart within the candle of an entry, in tick mode: trades older than the fill are old."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.books import books_of
from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows, ticks_of

PLACE = 3
"""Of the trade within whose first candle the session ends."""


class Killed(BaseException):
    """Stands for the end of a process."""


def test_a_trade_older_than_the_fill_moves_and_hits_nothing_after_a_restart(
    tmp_path: Path,
) -> None:
    tick_mode: dict[str, Any] = {"live": {"ratchet": "tick"}}
    rows = small_rows(520)
    whole, broken = (f"sqlite:///{tmp_path}/{name}.db" for name in ("whole", "broken"))
    play(settings(**tick_mode), PlaybackStore(rows, WARM_UP, HOUR, ticks_of), whole)
    trade = books_of(whole)["PaperTrades"][PLACE]
    filled, first = trade["entry_time"], trade["entry_time"] // HOUR * HOUR
    at = next(place for place, row in enumerate(rows) if row[0] == first)

    def until_the_fill(row: Any) -> Iterator[Any]:
        for tick in ticks_of(row):
            yield tick
            if tick.time == filled:
                raise Killed

    with pytest.raises(Killed):
        play(settings(**tick_mode), PlaybackStore(rows, WARM_UP, HOUR, until_the_fill), broken)
    assert books_of(broken)["PaperTrades"][PLACE]["exit_time"] is None

    def older_ones_first(row: Any) -> Iterator[Any]:
        if row[0] == first:
            for share in (0.6, 1.6):  # far beyond the stop, and far in favour
                yield ticks_of(row)[0]._replace(time=filled - 1, price=trade["entry"] * share)
        yield from (tick for tick in ticks_of(row) if row[0] != first or tick.time > filled)

    play(settings(**tick_mode), PlaybackStore(rows, at, HOUR, older_ones_first), broken)
    assert books_of(broken)["PaperTrades"][PLACE] == trade
