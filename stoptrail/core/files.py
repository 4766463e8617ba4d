"""Files: read with a clear word where they are damaged, written whole or not at all."""

from __future__ import annotations

import csv
import errno
import glob
import io
import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from stoptrail.core.errors import OutputError
from stoptrail.core.json import json_bytes

MOST_BYTES = 256 * 1024 * 1024
"""A larger file is no text of ours."""

_ERRNO = re.compile(r"\[errno (\d{1,3})\]", re.I)

_PARTIAL = re.compile(r"\.(\d+)\.part(-journal|-wal|-shm)?$")
"""Ends the name of a file that is being written, or of a log that SQLite has beside it."""

_NO_ROOM = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}

_TOGETHER: ContextVar[set[Path] | None] = ContextVar("_TOGETHER", default=None)
"""Files that are to be on the disk at the end of the `on_disk_together` under way in this thread:
another one's may be elsewhere by then."""

Refusal = Callable[[str], Exception]
"""Makes the error of one line."""


def require_file(path: Path, what: str, refusal: Refusal) -> None:
    """Raise `refusal` unless `path` is a file: reading a pipe or a device may never end."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise refusal(f"{path}: there is no such {what}") from None
    except (OSError, ValueError) as error:
        raise refusal(f"{path}: cannot be read ({reason_of(error)})") from None
    if stat.S_ISDIR(mode):
        raise refusal(f"{path}: cannot be read (it is a folder, not a {what})")
    if not stat.S_ISREG(mode):
        raise refusal(f"{path}: is a pipe or a device, not a {what}; write it to a file first")


def require_inside(folder: Path, refusal: Refusal) -> None:
    """Raise `refusal` for a link in `folder`, which may be somebody else's, that leads out."""
    whole = os.path.realpath(folder)
    for path in folder.iterdir():
        if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(whole):
            raise refusal(f"{path}: leads out of the folder of the run; remove the link")


def read_text(path: Path, what: str, refusal: Refusal) -> str:
    """The text of a file; `refusal` makes the error where it is none."""
    require_file(path, what, refusal)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise refusal(f"{path}: is too large for a {what}")
        return path.read_text("utf-8")
    except OSError as error:
        raise refusal(f"{path}: cannot be read ({reason_of(error)})") from None
    except UnicodeDecodeError:
        raise refusal(f"{path}: is not a text in UTF-8") from None


def read_json(path: Path, what: str, refusal: Refusal) -> Any:
    """What a JSON file holds; `refusal` makes the error where it holds none."""
    text = read_text(path, what, refusal)
    try:
        return json.loads(text)
    except RecursionError:
        raise refusal(f"{path}: not a readable {what} (nested too deeply)") from None
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise refusal(f"{path}: not a readable {what} ({reason})") from None


def reason_of(error: BaseException) -> str:
    """An operating system's reason in a few words."""
    told = error.strerror if isinstance(error, OSError) and error.strerror else ""
    if number := _ERRNO.search(told or str(error)):  # as Arrow writes it, in many words
        return os.strerror(int(number[1]))
    if told:
        return told
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def no_room(error: BaseException | None) -> str | None:
    """Why `error` says that nothing more can be written: a full disk, a limit of `ulimit -f`,
    a quota; None where it says something else."""
    number = _ERRNO.search(str(error))
    code = int(number[1]) if number else None
    return os.strerror(code) if code in _NO_ROOM else None


@contextmanager
def claimed(folder: Path, name: str = "") -> Iterator[None]:
    """Make `folder`, see that it can be written, and take it away again where what
    happens inside fails before anything is in it. Raises OutputError, which calls the
    folder `name`."""
    try:
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        probe = partial_path(folder / "probe")
        probe.touch()
        probe.unlink()
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{name or f'--out {folder}'} cannot be written ({reason_of(error)}); "
            "name another folder"
        ) from None
    try:
        yield
    except BaseException:
        for path in made:
            with suppress(OSError):  # something is in it: it stays
                path.rmdir()
        raise


def partial_path(path: Path) -> Path:
    """Where `path` is written before it is whole; the name says by which process."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def clear_partial(folder: Path, name: str = "") -> None:
    """Take away what processes that are no more have left half written in `folder`: of the
    file `name`, or of all."""
    for path in folder.glob(f".{glob.escape(name) or '*'}.*.part*"):
        found = _PARTIAL.search(path.name)
        if found and not is_running(int(found[1])):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def is_running(process: int) -> bool:
    """Whether there is a process of that number."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass
    return True


def require_replaceable(path: Path) -> None:
    """Raise OutputError where `path` is a pipe or a device, which a file would take away."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OutputError(f"{path} is a pipe or a device; name a file to write")


@contextmanager
def written_whole(path: Path, remedy: str = "") -> Iterator[Path]:
    """Where to write what takes the place of `path` in one step, on the disk, once that went
    well. Raises OutputError, which ends with `remedy`, where it does not."""
    require_replaceable(path)
    clear_partial(path.parent, path.name)
    beside = partial_path(path)
    try:
        yield beside
        together = _TOGETHER.get()
        if together is not None:
            beside.replace(path)
            together.add(path)
        else:
            _sync(beside)
            beside.replace(path)
            with suppress(OSError):  # not every file system can
                _sync(path.parent)
    except OSError as error:
        advice = f"; {remedy}" if remedy else ""
        raise OutputError(f"{path} cannot be written ({reason_of(error)}){advice}") from None
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


@contextmanager
def on_disk_together() -> Iterator[None]:
    """Whatever is written whole inside is on the disk when this ends, not one after the other:
    for files of a folder that is nothing before all of them are there. Raises OutputError."""
    files: set[Path] = set()
    before = _TOGETHER.set(files)
    try:
        yield
    finally:
        _TOGETHER.reset(before)
    with ThreadPoolExecutor(len(files) + 1) as waiting:
        list(waiting.map(_kept, files))
    for folder in {file.parent for file in files}:
        with suppress(OSError):
            _sync(folder)


def _kept(path: Path) -> None:
    try:
        _sync(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({reason_of(error)})") from None


def _sync(path: Path) -> None:
    """Let a file, or the names in a folder, outlive a crash of the machine."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes) -> None:
    """Replace `path` by `content` in one step. Raises OutputError where that fails."""
    with written_whole(path) as beside:
        beside.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Strict JSON, indented. Raises OutputError."""
    write_whole(path, json_bytes(value, indent=True) + b"\n")


def write_rows(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A CSV file; floats in full precision, None as an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    write_whole(path, text.getvalue().encode())
