"""What is written whole is on the disk: at once, or together with its folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoptrail.core.errors import OutputError
from stoptrail.core.files import on_disk_together, write_whole


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names of what was brought to the disk."""
    found: list[str] = []

    def heard(descriptor: int) -> None:
        found.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)

    monkeypatch.setattr(os, "fsync", heard)
    return found


def test_a_file_is_on_the_disk_before_it_takes_its_place(tmp_path: Path, synced: list[str]) -> None:
    write_whole(tmp_path / "one", b"1")
    assert synced == [f".one.{os.getpid()}.part", tmp_path.name]


def test_files_of_a_folder_reach_the_disk_together_and_once(
    tmp_path: Path, synced: list[str]
) -> None:
    with on_disk_together():
        for content in (b"1", b"2"):
            write_whole(tmp_path / "one", content)
        write_whole(tmp_path / "two", b"3")
        assert not synced
        assert (tmp_path / "one").read_bytes() == b"2"
    assert sorted(synced[:2]) == ["one", "two"]
    assert synced[2:] == [tmp_path.name]
    write_whole(tmp_path / "three", b"4")
    assert synced[3:] == [f".three.{os.getpid()}.part", tmp_path.name]


def test_a_disk_that_fails_is_told_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failed(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", failed)
    with (
        pytest.raises(OutputError, match=r"one cannot be written \(Input/output error\)"),
        on_disk_together(),
    ):
        write_whole(tmp_path / "one", b"1")


def test_a_failure_inside_ends_the_waiting(tmp_path: Path, synced: list[str]) -> None:
    with pytest.raises(RuntimeError, match="before"), on_disk_together():
        raise RuntimeError("before the end")
    write_whole(tmp_path / "two", b"2")
    assert synced == [f".two.{os.getpid()}.part", tmp_path.name]
