from __future__ import annotations

from threading import Thread

from stoptrail.rules.manage import Moves
from stoptrail.strategies.played_moves import room


def test_moves_of_two_threads_are_played_ahead_in_places_of_their_own() -> None:
    """Compiled code writes there while other threads run: they would trade each other's stops."""
    found: list[Moves] = []
    other = Thread(target=lambda: found.append(room()))
    other.start()
    other.join()
    assert room() is room()
    assert not {id(column) for column in room()} & {id(column) for column in found[0]}
