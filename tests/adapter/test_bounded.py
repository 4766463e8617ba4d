"""What a run without an end lets go of Backtrader's, and what it keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stoptrail.adapter.backtrader import KEPT
from stoptrail.live.session import Options, Session
from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows, ticks_of

COUNT = WARM_UP + 3 * KEPT


class Sizes:
    """How much the engine's Backtrader holds, and what its newest values are."""

    def __init__(self) -> None:
        self.most: dict[str, int] = {}
        self.closes: dict[int, float] = {}

    def happened(self, message: Any) -> None:
        pass

    def turned(self, session: Session) -> None:
        engine = session.engine
        if engine is None or engine.strategy is None:
            return
        strategy = engine.strategy
        trades = [t for by_id in strategy._trades.values() for ts in by_id.values() for t in ts]
        now = {
            "orders": len(strategy._orders),
            "trades": len(trades),
            **{f"line {k}": len(line.array) for k, line in enumerate(strategy.data.lines)},
            "zone": len(strategy.zone.array),
            "atr": len(strategy.atr.array),
        }
        self.most = {name: max(size, self.most.get(name, 0)) for name, size in now.items()}
        self.closes[len(strategy.data)] = strategy.data.close[0]


def test_a_session_keeps_few_values_orders_and_trades_however_long_it_lasts(
    tmp_path: Path,
) -> None:
    rows, sizes = small_rows(COUNT), Sizes()
    store = PlaybackStore(rows, WARM_UP, HOUR, ticks_of)
    play(
        settings(live={"ratchet": "tick"}),
        store,
        f"sqlite:///{tmp_path}/ledger.db",
        Options(watchers=(sizes,)),
    )
    assert sizes.most.pop("orders") < 10
    assert sizes.most.pop("trades") <= 2
    assert max(sizes.most.values()) <= 2 * KEPT
    last = max(sizes.closes)
    assert last > 2 * KEPT  # lengths go on counting
    assert sizes.closes[last] == rows[-1][4]
