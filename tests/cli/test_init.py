from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import runner
from stoptrail.config.load import SHIPPED, load_settings
from stoptrail.config.settings import Settings, as_table
from stoptrail.core.errors import OutputError


def test_init_writes_the_commented_defaults(tmp_path: Path) -> None:
    assert runner.main(["init", str(tmp_path / "new")]) == 0
    file = tmp_path / "new" / "strategy.toml"
    assert file.read_bytes() == SHIPPED.read_bytes()
    assert as_table(load_settings(file)).keys() == as_table(Settings()).keys()


def test_init_leaves_a_file_that_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "strategy.toml"
    file.write_text("[stop]\ntrailing_atr_multiplier = 7.0\n")
    assert runner.main(["init", str(tmp_path)]) == 2
    assert "--force" in capsys.readouterr().err
    assert tomllib.loads(file.read_text()) == {"stop": {"trailing_atr_multiplier": 7.0}}
    assert runner.main(["init", str(tmp_path), "--force"]) == 0
    assert file.read_bytes() == SHIPPED.read_bytes()


def test_a_folder_whose_name_a_terminal_would_obey_is_shown_as_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert runner.main(["init", "a\u202eb"]) == 0
    assert "a\\u202eb/strategy.toml" in capsys.readouterr().out


def test_a_disk_that_is_full_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Path, content: bytes) -> None:
        raise OutputError(f"{file} cannot be written (No space left on device)")

    monkeypatch.setattr("stoptrail.cli.init.write_whole", full)
    assert runner.main(["init", str(tmp_path / "new")]) == 2
    assert list(tmp_path.iterdir()) == []
