"""Moves of a stop that were played ahead, until the run comes to them."""

from __future__ import annotations

from threading import local
from typing import Any, NamedTuple

import numpy as np

from stoptrail.rules.candles import Floats, Times
from stoptrail.rules.journal import RatchetMoves
from stoptrail.rules.manage import Moves, room_for_moves
from stoptrail.rules.stops import Stop


class Room(local):
    """Where moves are played ahead: of each thread its own, since compiled code writes there while
    other threads run."""

    def __init__(self) -> None:
        self.moves = room_for_moves(4_096)


_ROOM = Room()


def room() -> Moves:
    """Where this thread's next moves may be played ahead."""
    return _ROOM.moves


class PlayedAhead(NamedTuple):
    """Rows of rules.manage.Moves: each a move of the level, the last the stop after the last
    close."""

    closes: list[int]
    """When they are known, ms."""
    candles: list[int]
    time: Times
    """As `closes`."""
    level: Floats
    extreme: Floats
    reason: Times

    def stop(self, row: int) -> Stop:
        """The stop from that row on."""
        return Stop(float(self.level[row]), float(self.extreme[row]), int(self.reason[row]))

    def moves(self, first: int, last: int) -> RatchetMoves:
        """Rows [first, last)."""
        return RatchetMoves(self.time[first:last], self.level[first:last], self.reason[first:last])


def played_ahead(moves: Moves, count: int, times: Any, interval: int) -> PlayedAhead:
    """`count` moves and the stop after them; times: open times of the candles."""
    kept = Moves._make(column[: count + 1].copy() for column in moves)
    closes = np.asarray(times[kept.candle] + interval, np.int64)
    rows = closes, kept.level, kept.extreme, kept.reason
    return PlayedAhead(closes.tolist(), kept.candle.tolist(), *rows)
