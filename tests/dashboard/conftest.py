"""A ledger with a session for the tests of the dashboard."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger whose session was stopped in order; not to be written into."""
    file = tmp_path_factory.mktemp("played") / "ledger.db"
    play(settings(), PlaybackStore(small_rows(420), WARM_UP, HOUR), f"sqlite:///{file}")
    return file


@pytest.fixture
def ledger(played: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copy(played, tmp_path / "ledger.db"))


@pytest.fixture
def url(ledger: Path) -> str:
    return f"sqlite:///{ledger}"
