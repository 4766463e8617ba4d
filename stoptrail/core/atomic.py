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
from stoptrail.core.json import json_bytes


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Make `folder`, see that it can be written, and take it away again where what
    happens inside fails before anything is in it. Raises OutputError."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(
            f"--out {folder} cannot be written ({error.strerror}); name another folder"
        ) from None
    try:
        yield
    except BaseException:
        for path in made:
            with suppress(OSError):  # something is in it: it stays
                path.rmdir()
        raise


def write_whole(path: Path, content: bytes) -> None:
    """Replace `path` by `content` in one step. Raises OutputError where that fails."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written ({error.strerror})") from None


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
