"""What is sound before it is spoilt: settings, candles, a run, a sweep, a ledger."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import NamedTuple

import pytest
import tomli_w
from rich.console import Console

import runner
import stoptrail.cli.live
from stoptrail.cli.folder import SETTINGS, STATE
from stoptrail.config.settings import as_table
from tests.live.playback import PlaybackStore
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows, ticks_of
from tests.sweep.small import small_market, sweep, write_inputs

SWEEP = (
    *("--no-walk-forward", "--set", 'sweep.grid={"stop.trailing_atr_multiplier" = [2.0, 3.0]}'),
    *("--set", "sweep.pruned_checks=0"),
)


class Material(NamedTuple):
    """Files by name; folders as the bytes of their files."""

    config: Path
    candles: Path
    csv: bytes
    run: dict[str, bytes]
    sweep: dict[str, bytes]
    stopped: dict[str, bytes]
    """What a sweep that was stopped leaves."""
    ledger: bytes


def make(folder: Path) -> Material:
    """Make everything once, in `folder`."""
    config = write_inputs(folder, small_market(days=150))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        command = ["backtest", "--quiet", "--config", str(config), "--out", str(folder / "run")]
        assert runner.main(command) == 0
        assert sweep(config, folder / "sweep", *SWEEP) == 0
    return Material(
        config,
        folder / "candles.parquet",
        _csv(),
        _files(folder / "run"),
        _files(folder / "sweep"),
        {name: (folder / "sweep" / name).read_bytes() for name in (STATE, SETTINGS)},
        _ledger(folder),
    )


def _csv() -> bytes:
    market = small_market(days=60)
    rows = zip(*(column.tolist() for column in market[:6]), strict=True)
    head = "timestamp,open,high,low,close,volume"
    return "\n".join([head, *(",".join(map(repr, row)) for row in rows)]).encode() + b"\n"


def _files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def _ledger(folder: Path) -> bytes:
    """The ledger of a paper session that has ended."""
    table = as_table(settings(database={"url": f"sqlite:///{folder}/ledger.db"}))
    config = folder / "session.toml"
    config.write_text(tomli_w.dumps(table))
    store = PlaybackStore(small_rows(300), WARM_UP, HOUR, ticks_of)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stoptrail.cli.live, "open_store", lambda settings: store)
        code = stoptrail.cli.live.run(config, (), None, 40, Console(file=io.StringIO()))
    assert code == 0
    return (folder / "ledger.db").read_bytes()
