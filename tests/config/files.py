"""Configuration files for tests, on a signal that needs no market."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoptrail.config.load import load_settings
from stoptrail.config.settings import Settings
from stoptrail.core.errors import ConfigError

SIGNAL = "tests.config.example_signal:example"
HEAD = f'strategy.signal = "{SIGNAL}"\n'


def example_settings() -> Settings:
    return Settings.model_validate({"strategy": {"signal": SIGNAL}})


def written(folder: Path, text: str) -> Path:
    """A strategy.toml in `folder` with the example signal and `text`."""
    file = folder / "strategy.toml"
    file.write_text(HEAD + text, "utf-8")
    return file


def refusal(folder: Path, text: str, *overrides: str) -> str:
    """The message with which loading `text` is refused; it has to be one line."""
    with pytest.raises(ConfigError) as caught:
        load_settings(written(folder, text), overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message


def said_of(*overrides: str) -> str:
    """The one line that refuses the shipped settings with `overrides`."""
    with pytest.raises(ConfigError) as caught:
        load_settings(None, overrides)
    line = str(caught.value)
    assert "\n" not in line
    return line
