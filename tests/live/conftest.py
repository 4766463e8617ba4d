"""Databases and packages for the tests of sessions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live import ccxtbt_package


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(params=["stand-in", "real"])
def ccxtbt(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package bt-ccxt-store: a stand-in, and the real one too where it is installed."""
    if request.param == "stand-in":
        ccxtbt_package.installed(monkeypatch)
    else:
        pytest.importorskip("ccxtbt", reason="bt-ccxt-store is on no index, and not installed")
