"""Reading files that somebody else has written, or damaged."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

MOST_BYTES = 256 * 1024 * 1024
"""A larger file is no text of ours."""

_ERRNO = re.compile(r"\[errno (\d{1,3})\]", re.I)

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
    whole = folder.resolve()
    for path in folder.iterdir():
        if path.is_symlink() and not path.resolve().is_relative_to(whole):
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
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if number := _ERRNO.search(str(error)):  # as Arrow writes it
        return os.strerror(int(number[1]))
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
