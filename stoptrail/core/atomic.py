"""Files that appear whole or not at all."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from stoptrail.core.errors import OutputError
from stoptrail.core.files import reason_of
from stoptrail.core.json import json_bytes


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


def clear_partial(folder: Path) -> None:
    """Take away what processes that are no more have left half written in `folder`."""
    for path in folder.glob(".*.part"):
        process = path.name.split(".")[-2]
        if process.isdigit() and not _is_running(int(process)):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
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


def write_whole(path: Path, content: bytes) -> None:
    """Replace `path` by `content` in one step. Raises OutputError where that fails."""
    require_replaceable(path)
    beside = partial_path(path)
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written ({reason_of(error)})") from None


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
