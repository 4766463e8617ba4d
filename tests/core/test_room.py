"""Arrays whose numbers lie in a file instead of memory."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from stoptrail.core import room
from stoptrail.core.errors import OutputError
from stoptrail.core.room import give_memory_back, zeros


def resident() -> float:
    """MB of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_a_large_array_leaves_memory_and_keeps_its_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MOST_BYTES", 1_000_000)
    values = zeros((100_000, 50, 2), tmp_path)  # 80 MB
    before = resident()
    assert not values.any()
    values[:] = np.arange(10_000_000.0).reshape(values.shape)
    assert resident() > before + 60
    give_memory_back(values[7:9])  # a view knows where its numbers lie
    assert resident() < before + 20
    assert np.array_equal(values.ravel(), np.arange(10_000_000.0))
    assert list(tmp_path.iterdir()) == []


def test_what_fits_is_an_array_like_any_other(tmp_path: Path) -> None:
    for folder in (tmp_path, None):
        values = zeros((10, 2), folder)
        assert type(values) is np.ndarray
        give_memory_back(values)
        assert not values.any()


def test_without_room_on_the_disk_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(room, "MOST_BYTES", 0)
    monkeypatch.setattr(room.os, "posix_fallocate", full)
    with pytest.raises(OutputError, match=r"no room for 0\.0 GB .*No space left on device") as seen:
        zeros((10, 2), tmp_path)
    assert "\n" not in str(seen.value)
