"""Numba loads no linear algebra before somebody multiplies matrices."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
SCRIPT = """
import sys
from stoptrail.rules.jit import compiled
import numpy as np

def total(a):
    return a.sum() + np.sqrt(a.max())

assert compiled(total)(np.array([[4.0, 2.0]])) == 8.0
assert not {"scipy.linalg", "coverage"} & set(sys.modules), "loaded without need"
assert "scipy.linalg.cython_blas" not in sys.modules, "a stub was left"

def product(a, b):
    return a @ b

found = compiled(product)(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
print(found[0, 0])
"""


def test_linear_algebra_is_loaded_by_the_function_that_needs_it(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-W", "ignore", str(script)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert (found.stdout.strip(), found.stderr) == ("11.0", "")
