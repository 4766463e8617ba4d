"""A ledger is where its settings are, whatever folder a command is run in."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoptrail.cli.ledger import ledger_settings
from stoptrail.core.database import place_of


def place(config: Path | None = None, *overrides: str) -> str:
    return place_of(ledger_settings(config, overrides).database.url)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without settings."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "remembered"))
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "mine" / "strategy.toml"
    file.parent.mkdir()
    file.write_text('[data]\nsymbol = "BTC/USDT"\n')
    return file


def test_the_default_lies_beside_the_settings_file(config: Path, elsewhere: Path) -> None:
    assert place(config) == str(config.parent / "state" / "stoptrail.db")


def test_so_does_a_relative_path_in_the_file(config: Path, elsewhere: Path) -> None:
    config.write_text('[database]\nurl = "sqlite:///own.db"\n')
    assert place(config) == str(config.parent / "own.db")


def test_settings_of_the_working_folder_change_nothing(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(config.parent)
    assert place() == str(config.parent / "state" / "stoptrail.db")


def test_without_a_file_it_is_in_the_users_state_folder(elsewhere: Path, tmp_path: Path) -> None:
    expected = tmp_path / "remembered" / "stoptrail" / "state" / "stoptrail.db"
    assert place() == str(expected)


def test_one_given_by_set_counts_from_the_working_folder(config: Path, elsewhere: Path) -> None:
    assert place(config, "database.url=sqlite:///here.db") == str(elsewhere / "here.db")


def test_a_ledger_of_before_in_the_working_folder_is_found_until_there_is_another(
    config: Path, elsewhere: Path
) -> None:
    old = elsewhere / "state" / "stoptrail.db"
    old.parent.mkdir()
    old.write_bytes(b"")
    assert place(config) == str(old)
    new = config.parent / "state" / "stoptrail.db"
    new.parent.mkdir()
    new.write_bytes(b"")
    assert place(config) == str(new)


def test_a_whole_path_and_a_server_are_left_as_they_are(config: Path, elsewhere: Path) -> None:
    config.write_text('[database]\nurl = "sqlite:////var/ledger.db"\n')
    assert place(config) == "/var/ledger.db"
    config.write_text('[database]\nurl = "postgresql://host/ledger"\n')
    assert place(config) == "postgresql://host/ledger"
