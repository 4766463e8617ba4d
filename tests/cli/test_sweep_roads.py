"""A whole sweep on the quick roads and on the plain one: the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stoptrail.core.program import PLAIN
from tests.sweep.small import RESULTS, sweep, write_inputs


def test_a_sweep_writes_the_same_on_both_roads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []
    for name in ("quick", "plain"):
        folder = tmp_path / name
        folder.mkdir()
        if name == "plain":
            monkeypatch.setenv(PLAIN, "1")
        assert sweep(write_inputs(folder), folder / "run", "--permutations", "1") == 0
        runs.append(folder / "run")
    for file in RESULTS:
        if file != "config.toml":  # names its own folder
            assert (runs[0] / file).read_bytes() == (runs[1] / file).read_bytes(), file
    quick, plain = (json.loads((run / "summary.json").read_text()) for run in runs)
    for part in ("metrics", "baseline", "best", "finalists", "evidence"):
        assert quick[part] == plain[part], part
    assert quick["parity"]["mismatches"] == plain["parity"]["mismatches"] == 0
