"""A session that goes on takes its stored candles in at once and counts on from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stoptrail.config.settings import Settings
from stoptrail.live.engine import Engine
from tests.live.books import books_of
from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows

ROWS = small_rows(900)
COUNTED: dict[str, Any] = {
    "stop": {"cooldown_candles": 4},
    "protections": {"daily_loss": 0.01, "drawdown": 0.04, "losses": 2, "candles": 9},
}
WITHOUT_STEPPER: dict[str, Any] = {
    "strategy": {"signal": "donchian_breakout", "entry_period": 30, "exit_period": 10}
}


SIZED: dict[str, dict[str, Any]] = {
    "kelly": {"sizing": "kelly", "kelly_trades": 2, "kelly_fraction": 0.1, "risk_per_trade": 0.1},
    "volatility": {"sizing": "volatility", "volatility_days": 3, "risk_per_trade": 0.1},
    "a size of one's own": {"sizing": "tests.sweep.own_code:less", "volatility_days": 3},
}


def chosen(name: str) -> Settings:
    if name in SIZED:
        return settings(risk=SIZED[name])
    if name == "cooldown and protections":
        return settings(**COUNTED)
    tables = settings().model_dump(include={"data", "stop", "live"})
    return Settings.model_validate({**tables, **WITHOUT_STEPPER})


@pytest.mark.parametrize("name", ["cooldown and protections", "a signal without a stepper", *SIZED])
def test_starting_again_many_times_changes_nothing(name: str, tmp_path: Path) -> None:
    calm, restarted = f"sqlite:///{tmp_path}/calm.db", f"sqlite:///{tmp_path}/restarted.db"
    play(chosen(name), PlaybackStore(ROWS, WARM_UP, HOUR), calm)
    for until in (*range(WARM_UP + 20, len(ROWS), 40), len(ROWS)):
        play(chosen(name), PlaybackStore(ROWS[:until], max(WARM_UP, until - 20), HOUR), restarted)
    books = books_of(restarted)
    assert len(books["PaperTrades"]) > 5
    assert {row["outcome"] for row in books["Decisions"]} > {"filled"}
    if name in SIZED:
        risked = {
            round(row["units"] * abs(row["entry"] - row["initial_stop"]), 6)
            for row in books["PaperTrades"]
        }
        assert len(risked) > 5
    assert books == books_of(calm)


def test_stored_candles_are_not_played_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    play(settings(), PlaybackStore(ROWS[:600], WARM_UP, HOUR), url)
    played: list[int] = []
    original = Engine._candle_closed

    def closed(engine: Engine, strategy: Any) -> None:
        played.append(len(strategy))
        original(engine, strategy)

    monkeypatch.setattr(Engine, "_candle_closed", closed)
    play(settings(), PlaybackStore(ROWS[:610], 605, HOUR), url)
    assert len(played) == 11  # the last one known, and the ten new ones
