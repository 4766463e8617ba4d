"""How far a reader has to jump to follow one step of a session: counted, not believed.

The step: a candle closes at which the stop of an open position moves; the ledger is SQLite, and
one watcher listens. Counted are calls from one file of `live/` into another, from the feed that
has the candle to the last watcher told. What lies between them and runs in a backtest too
(Backtrader, strategy, broker, rules) is passed over: A calling B by way of it is one call.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import stoptrail.live.session
from stoptrail.live.session import Options, Session
from stoptrail.live.watch.messages import Message
from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows

FOLDER = Path(stoptrail.live.session.__file__).resolve().parent
MOST = 24

Call = tuple[str, str]


class Follower:
    """A watcher that writes down the calls of one step after another, until a stop moves."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.told: list[str] = []
        self._seen: set[FrameType] = set()

    @property
    def _is_over(self) -> bool:
        return any(callee.endswith("LiveJournal.moved") for _, callee in self.calls)

    def happened(self, message: Message) -> None:
        if sys.getprofile() is not None:
            self.told.append(message.kind)

    def turned(self, session: Session) -> None:
        sys.setprofile(None)
        assert session.engine is not None
        if session.engine.broker.open is not None and not self._is_over:
            self.calls, self.told, self._seen = [], [], set()
            sys.setprofile(self._heard)

    def _heard(self, frame: FrameType, event: str, _argument: Any) -> None:
        if event != "call" or frame in self._seen or not _is_followed(frame):
            return
        self._seen.add(frame)  # a generator that goes on is not called again
        caller = frame.f_back
        while caller is not None and not _is_followed(caller):
            caller = caller.f_back
        if caller is not None and caller.f_code.co_filename != frame.f_code.co_filename:
            self.calls.append((_name(caller), _name(frame)))


def _is_followed(frame: FrameType) -> bool:
    return Path(frame.f_code.co_filename).resolve().is_relative_to(FOLDER)


def _name(frame: FrameType) -> str:
    return f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_qualname}"


def test_a_step_of_a_session_is_followed_in_under_25_calls_between_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stoptrail.live.session, "_BEAT_SECONDS", 3600.0)
    follower = Follower()
    try:
        store = PlaybackStore(small_rows(WARM_UP + 200), WARM_UP + 30, HOUR)
        play(settings(), store, f"sqlite:///{tmp_path}/ledger.db", Options(None, (follower,)))
    finally:
        sys.setprofile(None)
    callees = [callee for _, callee in follower.calls]
    assert follower.told == ["trail"]
    for reached in ("Session._keep", "SessionLedger.commit", "Statements.together", "messages_of"):
        assert any(callee.endswith(reached) for callee in callees), callees
    assert len(follower.calls) <= MOST, "\n".join(" -> ".join(call) for call in follower.calls)
