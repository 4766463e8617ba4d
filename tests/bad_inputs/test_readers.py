"""Fuzz targets: each reader takes any bytes and answers with candles, settings, a run or a
ledger, or with one error of ours; `make fuzz` tries more of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from stoptrail.config.foreign import counted, with_best
from stoptrail.config.load import load_settings
from stoptrail.core.errors import StopTrailError
from stoptrail.feeds.files import load_candles
from stoptrail.live.ledger.database import existing_ledger
from stoptrail.live.ledger.records import all_sessions
from stoptrail.live.watch.snapshot import snapshot
from stoptrail.reports.run_files import read_run

FUZZ = settings(
    parent=settings(),
    max_examples=settings().max_examples if settings().max_examples > 100 else 25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_tree = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
_csv = st.lists(st.lists(_scalars.map(str), max_size=7), max_size=6).map(
    lambda rows: "\n".join([_HEAD, *(",".join(row) for row in rows)])
)
_HEAD = "timestamp,open,high,low,close,volume"
_KEYS = ("data.start", "stop.atr_period", "sweep.grid", "strategy.signal", "x", "market.tick")
_toml = st.dictionaries(st.sampled_from(_KEYS), _scalars).map(
    lambda table: "\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items())
)


def answered(read: Callable[[], Any]) -> None:
    """Whatever is read, or one line of ours."""
    told = _refusal(read)
    assert told is None or (told and "\n" not in told.strip())


def _refusal(read: Callable[[], Any]) -> str | None:
    try:
        read()
    except StopTrailError as error:
        return str(error)
    return None


@FUZZ
@example(content=f"{_HEAD}\n,{','.join(['None'] * 6)}\n{','.join(['None'] * 6)},0".encode())
@given(content=st.binary(max_size=400) | _csv.map(lambda text: text.encode("utf-8", "replace")))
def test_candles(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "candles.csv"
    file.write_bytes(content)
    answered(lambda: load_candles(file))


@FUZZ
@given(content=st.binary(max_size=200) | _toml.map(lambda text: text.encode("utf-8", "replace")))
def test_settings(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "strategy.toml"
    file.write_bytes(content)
    answered(lambda: load_settings(file))


@FUZZ
@given(name=st.sampled_from(["data", "metrics", "best", "evidence", "x"]), value=_tree, table=_csv)
def test_run_folders(name: str, value: Any, table: str, tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps({name: value}))
    (tmp_path / "trades.csv").write_text(table, "utf-8", "replace")
    answered(lambda: read_run(tmp_path))


@FUZZ
@given(params=_tree, section=_tree)
def test_best_sets(params: Any, section: Any, tmp_path: Path) -> None:
    file = tmp_path / "strategy.toml"
    file.touch()
    answered(lambda: load_settings(file, (), with_best(counted({"stop": section}, "RUN"), params)))


@FUZZ
@given(content=st.binary(max_size=300), version=_scalars, cell=_scalars)
def test_ledgers(content: bytes, version: Any, cell: Any, tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    file.write_bytes(content)
    answered(lambda: _read(file))
    file.unlink()
    database = sqlite3.connect(file)
    database.execute("CREATE TABLE ledger_schema (version)")
    database.execute("CREATE TABLE sessions (id, exchange, symbol)")
    for table, value in (("ledger_schema (version)", version), ("sessions (id)", cell)):
        database.execute(f"INSERT INTO {table} VALUES (?)", (_stored(value),))
    database.commit()
    database.close()
    answered(lambda: _read(file))
    file.unlink()


def _stored(value: Any) -> Any:
    return str(value) if isinstance(value, int) and abs(value) >= 2**63 else value


def _read(file: Path) -> None:
    with existing_ledger(f"sqlite:///{file}") as database:
        for row in all_sessions(database):
            snapshot(database, row)


@pytest.mark.parametrize("reader", ["candles", "settings", "run_folders", "best_sets", "ledgers"])
def test_every_reader_has_its_target(reader: str) -> None:
    assert f"test_{reader}" in globals()
