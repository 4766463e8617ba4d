"""Of several workers that need the same machine code at once one compiles it, and the others wait
for what it leaves on disk: what takes one of them half a minute would take each of them that."""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stoptrail.rules.jit import numba

_MOST_SECONDS = 300.0
"""Of waiting; who has waited longer compiles as well."""


@contextmanager
def compiled_once(folder: Path) -> Iterator[None]:
    """Inside, Numba's functions that are kept on disk are compiled by one process at a time; the
    locks lie in `folder`, which is that of all workers."""
    core = numba().core
    plain = core.dispatcher.Dispatcher.compile

    def compile_alone(function: Any, signature: Any) -> Any:
        if isinstance(function._cache, core.caching.NullCache):
            return plain(function, signature)
        wanted = f"{function._cache.cache_path} {function.py_func.__qualname__} {signature}"
        with _alone(folder / f"{hashlib.sha256(wanted.encode()).hexdigest()[:16]}.lock"):
            return plain(function, signature)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core.dispatcher.Dispatcher, "compile", compile_alone)
        yield


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    end = time.monotonic() + _MOST_SECONDS
    with lock.open("a") as file:
        while time.monotonic() < end:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                time.sleep(0.05)
        yield
