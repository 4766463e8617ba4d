"""Records are read and filled by field, never by number."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.rules.permuted import RECORDS

ROOT = Path(__file__).parents[2]


def run(*words: str) -> dict[str, Any]:
    # Plain Python: compiled code of records the other way round would only fill the disk.
    done = subprocess.run(
        [sys.executable, "-m", "tests.rules.permuted", *words],
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_records_with_their_fields_the_other_way_round_tell_the_same() -> None:
    usual, other = run(), run("reversed")
    assert set(other.pop("changed")) == RECORDS
    assert usual.pop("changed") == []
    assert other == usual
    assert usual["metrics"]["trades"] > 10
    assert usual["mismatches"] == []
    assert usual["screened"]["trades"] == usual["metrics"]["trades"]
