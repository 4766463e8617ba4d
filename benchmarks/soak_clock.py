"""How long a session takes from the end of a candle to its commit."""

from __future__ import annotations

import time

from benchmarks.soak_judge import INTERVAL
from tests.exchange.script import Message
from tests.exchange.simulator import Simulator


class Clock:
    """Notes when the simulator shows the first event that is later than a candle."""

    def __init__(self, simulator: Simulator) -> None:
        self.over: dict[int, int] = {}
        player = simulator.player
        original = player._send

        async def send(message: Message) -> None:
            opened = message.time - message.time % INTERVAL - INTERVAL
            if not message.closes and opened not in self.over:
                self.over[opened] = time.monotonic_ns()
            await original(message)

        player._send = send  # type: ignore[method-assign]


def latencies(notes: list[tuple[int, int, int]], over: dict[int, int]) -> list[float]:
    """Milliseconds from the first event after a candle to its commit, in live operation."""
    commits: dict[int, int] = {}
    for at, moment, kind in notes:
        if kind == 1:  # by ticks later steps have the same candle behind them
            commits.setdefault(at, moment)
    found = [(moment - over[at]) / 1e6 for at, moment in commits.items() if at in over]
    return [value for value in found if value > 0]
