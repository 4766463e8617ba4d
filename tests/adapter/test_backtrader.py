"""TA-Lib and what it loads come when somebody asks for Backtrader's indicators of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
LATER = """
import sys
import stoptrail.backtest.engine
import stoptrail.live.engine
from stoptrail.adapter.backtrader import bt
assert not {"talib", "pandas"} & set(sys.modules), "loaded without need"
import backtrader
assert backtrader is bt
from backtrader import talib
assert issubclass(talib.SMA, bt.Indicator) and talib is bt.talib
import talib
assert talib.SMA is not bt.talib.SMA
print(hasattr(bt, "nothing"))
"""
BEFORE = """
import backtrader
import stoptrail.backtest.engine
from stoptrail.adapter.backtrader import bt
print(bt is backtrader and hasattr(backtrader, "talib"))
"""


@pytest.mark.parametrize(("script", "said"), [(LATER, "False"), (BEFORE, "True")])
def test_backtraders_indicators_of_talib_are_there(script: str, said: str, tmp_path: Path) -> None:
    pytest.importorskip("talib")
    file = tmp_path / "script.py"
    file.write_text(script)
    command = [sys.executable, "-W", "ignore", str(file)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert (found.stdout.strip(), found.stderr) == (said, "")


def test_what_python_says_of_its_source_when_it_is_first_compiled_is_not_shown(
    tmp_path: Path,
) -> None:
    environment = {**ENVIRONMENT, "PYTHONPYCACHEPREFIX": str(tmp_path)}  # nothing is compiled yet
    command = [sys.executable, "-W", "default", "-c", "import stoptrail.adapter.backtrader"]
    found = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (found.returncode, found.stderr) == (0, "")
