"""What is written whole is on the disk: at once, or together with its folder."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from stoptrail.core.errors import OutputError
from stoptrail.core.files import (
    no_room,
    on_disk_together,
    reason_of,
    require_inside,
    write_whole,
)


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


def test_what_another_thread_writes_meanwhile_is_on_the_disk_by_itself(
    tmp_path: Path, synced: list[str]
) -> None:
    """Its folder may have been moved on, as a finished run is, before these files are kept."""
    with on_disk_together():
        write_whole(tmp_path / "one", b"1")
        other = Thread(target=write_whole, args=(tmp_path / "two", b"2"))
        other.start()
        other.join()
        assert synced == [f".two.{os.getpid()}.part", tmp_path.name]
    assert synced[2:] == ["one", tmp_path.name]


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


def test_a_librarys_many_words_about_a_disk_are_the_systems_few() -> None:
    arrow = OSError(errno.ENOSPC, "Error writing bytes to file. Detail: [errno 28] No space left")
    assert reason_of(arrow) == os.strerror(errno.ENOSPC)
    assert no_room(arrow) == os.strerror(errno.ENOSPC)
    assert no_room(OSError(errno.EACCES, os.strerror(errno.EACCES))) is None


def test_a_link_to_itself_leads_nowhere_and_one_that_leads_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "loop").symlink_to("loop")
    require_inside(tmp_path / "run", OutputError)
    (tmp_path / "run" / "out").symlink_to(tmp_path)
    with pytest.raises(OutputError, match="leads out of the folder"):
        require_inside(tmp_path / "run", OutputError)


def test_what_a_dead_process_left_of_a_file_goes_when_it_is_written_again(tmp_path: Path) -> None:
    dead, alive = 2**22 + 1, os.getppid()
    left = {f".a[1].db.{dead}.part", f".a[1].db.{dead}.part-journal"}
    stays = {f".a[1].db.{alive}.part", f".b.db.{dead}.part", f".a1.db.{dead}.part", ".a[1].db.part"}
    for name in left | stays:
        (tmp_path / name).touch()
    write_whole(tmp_path / "a[1].db", b"whole")
    assert {path.name for path in tmp_path.iterdir()} == {"a[1].db", *stays}
