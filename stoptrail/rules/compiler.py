"""Numba, when it is wanted, and without what it loads only to look whether it is there.

It takes 0.4 s and 70 MB, which a process that compiles nothing need not have. At its import it
asks for SciPy's linear algebra, another 0.1 s and 15 MB: a function that multiplies matrices
loads that when it is compiled, as ever.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_BLAS = "scipy.linalg.cython_blas"


@cache
def numba() -> Any:
    """Numba, and the part of it that asks, which comes with the first compiled function."""
    is_there = _BLAS in sys.modules or find_spec("scipy") is None
    if not is_there:
        sys.modules[_BLAS] = ModuleType(_BLAS)
    try:
        import_module("numba.np.arraymath")
        return import_module("numba")
    finally:
        if not is_there:
            del sys.modules[_BLAS]
