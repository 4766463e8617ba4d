"""Numba, when it is wanted, and without what it loads only to look whether it is there.

It takes 0.4 s and 70 MB, which a process that compiles nothing need not have. At its import it
asks for SciPy's linear algebra, another 0.1 s and 15 MB: a function that multiplies matrices
loads that when it is compiled, as ever. It looks for coverage.py too, which is of use to a process
that measures its own coverage, and is loaded there already.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_BLAS = "scipy.linalg.cython_blas"
_COVERAGE = "coverage"


@cache
def numba() -> Any:
    """Numba, and the part of it that asks, which comes with the first compiled function."""
    is_there = _BLAS in sys.modules or find_spec("scipy") is None
    if not is_there:
        sys.modules[_BLAS] = ModuleType(_BLAS)
    is_measured = _COVERAGE in sys.modules
    if not is_measured:
        sys.modules[_COVERAGE] = None  # type: ignore[assignment]  # as if it were not installed
    try:
        import_module("numba.np.arraymath")
        return import_module("numba")
    finally:
        if not is_there:
            del sys.modules[_BLAS]
        if not is_measured:
            del sys.modules[_COVERAGE]
