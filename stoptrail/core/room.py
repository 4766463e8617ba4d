"""Room for numbers that memory need not hold: a file without a name, which the system writes out
and reads back as it sees fit, and which goes with the array."""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.errors import OutputError
from stoptrail.core.files import reason_of

MOST_BYTES = 1 << 30
"""A larger array lies in a file."""


def zeros(shape: tuple[int, ...], folder: Path | None) -> NDArray[np.float64]:
    """Zeros: in memory where they take at most MOST_BYTES, or where there is no `folder`; else in
    a file there. Raises OutputError where it has no room for them."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(np.float64).itemsize
    if folder is None or size <= MOST_BYTES:
        return np.zeros(shape)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            if hasattr(os, "posix_fallocate"):  # else a disk that is full later ends the process
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, np.float64, "r+", shape=shape)
    except OSError as error:
        raise OutputError(
            f"{folder}: no room for {size / 1e9:.1f} GB beside the results ({reason_of(error)}); "
            "name another folder, or search a smaller grid"
        ) from None


def give_memory_back(values: NDArray[Any]) -> None:
    """Let what was read or written of `values` leave memory where a file has it: other views of
    the same numbers find them there again."""
    under: Any = values
    while under is not None and not isinstance(under, mmap.mmap):
        under = getattr(under, "base", None)
    if under is not None:
        under.madvise(mmap.MADV_DONTNEED)
