"""The shipped strategy.toml: complete, documented, valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stoptrail.config.grid import build_grid
from stoptrail.config.load import load_settings, read_table
from stoptrail.config.settings import (
    Settings,
    as_table,
    known_keys,
    value_at,
)

FILE = Path(__file__).resolve().parents[2] / "strategy.toml"
_LINE = re.compile(r"^(?:# )?(?P<name>[a-z_]+) = (?P<value>\S.*?)\s+# (?P<comment>.+)$")


def _documented() -> dict[str, str]:
    """Comment by dotted key of every line "name = value # comment", commented out or not."""
    found, section = {}, ""
    for line in FILE.read_text("utf-8").splitlines():
        if line.startswith("["):
            section = line[1:].partition("]")[0]
        elif match := _LINE.match(line):
            found[f"{section}.{match['name']}"] = match["comment"]
    return found


def test_the_shipped_file_loads() -> None:
    assert 5_000 <= build_grid(load_settings(FILE)).size <= 20_000


@pytest.mark.parametrize("key", known_keys(Settings()))
def test_every_key_is_listed_with_a_comment(key: str) -> None:
    tables = {"sweep.grid", "exchange.ccxt"}
    if key in tables:
        assert f"[{key}]" in FILE.read_text("utf-8")
    elif key != "notify.events":  # its values say it
        assert key in _documented()


@pytest.mark.parametrize("key", known_keys(Settings()))
def test_a_value_that_is_not_the_default_tells_the_default(key: str) -> None:
    shipped, default = load_settings(FILE), Settings()
    if key == "sweep.grid" or value_at(shipped, key) == value_at(default, key):
        return
    assert f"default {value_at(default, key)}" in _documented()[key]


def test_commented_filters_are_those_of_the_shipped_market() -> None:
    settings = load_settings(FILE)
    filters = settings.market.filters(settings.data.symbol)
    for name, value in filters._asdict().items():
        match = re.search(rf"^# {name} = (\S+)", FILE.read_text("utf-8"), re.MULTILINE)
        assert match is not None
        assert float(match[1]) == value


def test_no_key_is_written_that_the_model_does_not_have() -> None:
    written = {f"{section}.{name}" for section, table in read_table(FILE).items() for name in table}
    resolved = {
        f"{section}.{name}"
        for section, table in as_table(load_settings(FILE)).items()
        for name in table
    }
    assert written <= resolved
