"""What of a run folder, which may be somebody else's, counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stoptrail.config.foreign import COUNTED, counted, require_trusted, with_best
from stoptrail.config.load import load_settings
from stoptrail.core.errors import ConfigError
from tests.config.files import written

MARK = "imported.txt"


@pytest.mark.parametrize(
    "key",
    [
        "database.url",
        "live.prometheus_host",
        "live.prometheus_port",
        "exchange.id",
        "exchange.ccxt.httpsProxy",
        "exchange.ccxt",
        "notify.urls",
        "data.path",
        "data.cache",
        "data.symbol",
        "sweep.cluster",
        "sweep.jobs",
        "walk_forward.train_days",
        "stop",
        "stop.",
        "",
        "\x1b[2Jstop",
        "nonsense.key",
    ],
)
def test_a_best_set_that_asks_for_anything_else_is_refused_by_name(key: str) -> None:
    with pytest.raises(ConfigError) as raised:
        with_best(counted({}, "RUN"), {"stop.atr_period": 7, key: 1})
    assert key.replace("\x1b", "\\x1b") in str(raised.value)
    assert "\x1b" not in str(raised.value)


@pytest.mark.parametrize("params", [[], "stop", 5])
def test_a_best_set_that_is_no_table_is_refused(params: Any) -> None:
    with pytest.raises(ConfigError, match=r"best\.params"):
        with_best(counted({}, "RUN"), params)


def test_only_the_counted_sections_are_taken() -> None:
    table = {name: {"x": 1} for name in (*COUNTED, "database", "live", "exchange", "data", "odd")}
    assert set(counted(table, "RUN").sections) == set(COUNTED)


@pytest.fixture
def spy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The import path of a signal whose module leaves a mark where it is imported."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spy_of_a_folder.py").write_text(
        f"open({str(tmp_path / MARK)!r}, 'w').close()\ndef entry(candles): ...\n"
    )
    return "spy_of_a_folder:entry"


@pytest.mark.parametrize(
    "table",
    [
        {"strategy": {"signal": "PATH"}},
        {"strategy": {"exits": "PATH"}},
        {"risk": {"sizing": "PATH"}},
        {"exits": {"rule": "PATH"}},
        {"exits": {"rules": [{"of": "PATH"}]}},
    ],
)
def test_an_import_path_of_a_folder_is_not_imported(
    table: dict[str, Any], spy: str, tmp_path: Path
) -> None:
    key, value = next((f"{a}.{b}", c) for a, t in table.items() for b, c in t.items())
    del value
    section, name = key.split(".")
    table = {section: {name: _planted(table[section][name], spy)}}
    with pytest.raises(ConfigError, match=f"{section}\\.{name}") as raised:
        load_settings(written(tmp_path, ""), (), counted(table, "RUN"))
    assert "--trust" in str(raised.value)
    assert not (tmp_path / MARK).exists()


def _planted(value: Any, path: str) -> Any:
    if isinstance(value, list):
        return [_planted(entry, path) for entry in value]
    if isinstance(value, dict):
        return {name: _planted(entry, path) for name, entry in value.items()}
    return path


def test_an_import_path_that_the_user_names_too_may_be_used(spy: str, tmp_path: Path) -> None:
    taken = counted({"strategy": {"signal": spy}}, "RUN")
    require_trusted(taken, {"strategy": {"signal": spy}}, trust=False)
    require_trusted(taken, {"sweep": {"grid": {"strategy.signal": [spy]}}}, trust=False)
    require_trusted(taken, {}, trust=True)
    with pytest.raises(ConfigError):
        require_trusted(taken, {"strategy": {"signal": "mtf_cycle"}}, trust=False)


def test_a_runs_sections_stand_in_place_of_the_users_and_its_grid_goes(tmp_path: Path) -> None:
    own = written(tmp_path, "[stop]\natr_period = 9\n[sweep.grid]\nstrategy.trend_period = [5, 6]")
    table = {"stop": {"trailing_atr_multiplier": 2.5}, "strategy": {"signal": "donchian_breakout"}}
    found = load_settings(own, (), counted(table, "RUN"))
    assert found.stop.trailing_atr_multiplier == 2.5
    assert found.stop.atr_period == 14
    assert not found.sweep.grid


def test_a_value_out_of_range_is_told_with_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^RUN: stop\.atr_period"):
        load_settings(written(tmp_path, ""), (), counted({"stop": {"atr_period": 0}}, "RUN"))


def test_a_ratchet_along_finer_candles_is_not_taken_over() -> None:
    taken = counted({"stop": {"ratchet": "tick", "atr_period": 20}}, "run")
    assert taken.sections == {"stop": {"atr_period": 20}}
    assert counted({"stop": {"ratchet": "tick"}}, "run").sections == {}
