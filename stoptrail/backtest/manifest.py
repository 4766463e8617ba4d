"""What a run's folder holds, so that whoever reads it knows that all of it is there.

The manifest is written last. It names what was computed, with sizes and digests; the report
and the plots are made from that and may be made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stoptrail.core.errors import DataError
from stoptrail.core.files import read_json, reason_of, require_file, write_json

MANIFEST = "manifest.json"
_DERIVED = frozenset({MANIFEST, "report.html", "tearsheet.html"})
"""Beside folders, which hold pictures or runs of their own."""


def write_manifest(folder: Path) -> None:
    """Name every file of the finished run in `folder`. Raises OutputError."""
    files = {path.name: _entry(path) for path in _computed(folder)}
    write_json(folder / MANIFEST, {"files": files})


def remove_manifest(folder: Path) -> None:
    """What is in the folder is written anew, by a sweep that goes on after it was killed between
    its manifest and its end, say: it is whole once there is a manifest again."""
    (folder / MANIFEST).unlink(missing_ok=True)


def require_whole(folder: Path) -> None:
    """Raise DataError where a file that the manifest names is missing or not as it was.

    A folder without a manifest is taken as it is: older versions wrote none.
    """
    path = folder / MANIFEST
    if not path.exists():
        return
    for name, entry in _entries(path):
        file = folder / name
        require_file(file, "file of the run, whose manifest names it", DataError)
        try:
            found = _entry(file)
        except OSError as error:
            raise DataError(f"{file}: cannot be read ({reason_of(error)})") from None
        if found != entry:
            raise DataError(
                f"{file}: is not as the run left it ({_difference(entry, found)}); "
                "restore the folder or run it again"
            )


def named_files(folder: Path) -> list[str]:
    """The files that the folder's manifest names; none where it cannot be read."""
    try:
        return [name for name, _ in _entries(folder / MANIFEST)]
    except DataError:
        return []


def _entries(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each file's name and entry. Raises DataError where the manifest is none."""
    table = read_json(path, "manifest", DataError)
    files = table.get("files") if isinstance(table, dict) else None
    if not isinstance(files, dict):
        raise DataError(f"{path}: not a readable manifest (no table of files)")
    for name, entry in files.items():
        if Path(name).name != name or not isinstance(entry, dict):
            raise DataError(f"{path}: not a readable manifest (a name leads out of the folder)")
        yield name, entry


def _computed(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.name not in _DERIVED and not path.name.startswith(".")
    )


def _entry(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"size": path.stat().st_size, "sha256": digest}


def _difference(entry: dict[str, Any], found: dict[str, Any]) -> str:
    if entry.get("size") != found["size"]:
        return f"{found['size']:,} bytes instead of {entry.get('size')}"
    return "its digest differs"
