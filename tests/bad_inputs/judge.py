"""Runs a case in this process and says what is wrong with its answer, if anything."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import runner
from tests.bad_inputs.cases import Case

PATIENCE_SECONDS = 30
"""A hang; on a busy machine an answer takes a second at most."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_STATES = {3, 4, 5, 6}
"""What `status` says of sessions and of a database that cannot be read."""
_FOUND = {"data", "audit", "replay", "ledger"}
"""Commands for which 1 says that something was found."""


class Answer(NamedTuple):
    """What the user saw."""

    code: int
    out: str
    error: str
    seconds: float


class HangError(BaseException):
    """The command did not end."""


def answer(folder: Path, case: Case) -> Answer:
    """Run the case's command in its folder."""
    out, error = _stream(case.surroundings), io.TextIOWrapper(io.BytesIO(), "utf-8", newline="")
    began = time.monotonic()
    with (
        _inside(folder, case),
        mock.patch.dict(os.environ, dict(case.environment)),
        _alarm(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(error),
    ):
        code = runner.main(case.arguments)
        sys.stderr.flush()
    return Answer(code, _text(out), _text(error), time.monotonic() - began)


def _allowed(case: Case, errors: list[str]) -> set[int]:
    """Exit codes that are no complaint."""
    command = "".join(case.arguments[:1])
    if command == "status":
        return {0, 2} | _STATES
    return {0, 1, 2} if command in _FOUND and not errors else {0, 2}


def complaints(case: Case, before: set[str], folder: Path, found: Answer) -> list[str]:
    """What is wrong with an answer; nothing where it is a good one."""
    wrong = []
    lines = [line for line in found.error.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error: ")]
    if "Traceback" in found.error + found.out:
        wrong.append("a traceback")
    if "STOPTRAIL_DEBUG" in found.error:
        wrong.append("a fault of the program")
    if found.code == 2 and not (lines or found.out.strip()):
        wrong.append("silence")
    if len(errors) > 1 or (errors and lines[-1] != errors[0]):
        wrong.append("more than one line")
    if errors and len(errors[0]) > 1500:
        wrong.append("a line that nobody reads")
    if found.code not in _allowed(case, errors):
        wrong.append(f"exit code {found.code}")
    if _CONTROL.search(found.error) or _CONTROL.search(found.out):
        wrong.append("control characters")
    left = {name for name in _names(folder) - before if not name.startswith(("state", "cache"))}
    if found.code == 2:
        left = {name for name in left if not re.search(r"\.db(-wal|-shm|\.\w+\.lock)?$", name)}
        wrong += [f"left behind: {sorted(left)[:3]}"] if left else []
    elif any(name.endswith((".part", ".unfinished", ".replaced")) for name in left):
        wrong.append("something half done")
    return wrong


def judged(folder: Path, case: Case) -> tuple[list[str], Answer | None]:
    """Run and judge; the folder is taken away."""
    before = _names(folder)
    try:
        found = answer(folder, case)
        return complaints(case, before, folder, found), found
    except HangError:
        return ["a hang"], None
    except BaseException as error:  # what leaves `main` is a traceback to the user
        return [f"{type(error).__name__} came through: {error}"], None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def told(number: int, case: Case, wrong: list[str], found: Answer | None) -> str:
    """What was answered badly, and how to try it again."""
    words = [word if len(word) <= 200 else f"{word[:200]}..." for word in case.arguments]
    said = found.error.strip()[-400:] if found else ""
    around = [*case.environment, case.surroundings] if case.kind == "environment" else ""
    return f"{number} {case.kind}: {'; '.join(wrong)}\n    {words} {around}\n    {said}"


def _names(folder: Path) -> set[str]:
    if not folder.exists():
        return set()
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


class _Failing(io.RawIOBase):
    """A disk that is full, or a reader that has gone."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.is_over = False
        """The command has ended: Python tries what is left once more, and tells of it (3.13)."""

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        if self.is_over:
            return len(content)
        raise OSError(self._number, os.strerror(self._number))


def _stream(surroundings: str) -> Any:
    if surroundings == "closed":
        return None
    if surroundings in ("full", "broken"):
        number = errno.ENOSPC if surroundings == "full" else errno.EPIPE
        stream = io.TextIOWrapper(io.BufferedWriter(_Failing(number)), "utf-8")
        stream.close = lambda: None  # type: ignore[method-assign]  # it would try again
        return stream
    return io.TextIOWrapper(io.BytesIO(), "utf-8", newline="")


def _text(stream: Any) -> str:
    if stream is None:
        return ""
    if isinstance(stream.buffer, io.BufferedWriter):
        stream.buffer.raw.is_over = True  # type: ignore[attr-defined]
        return ""
    stream.flush()
    content: bytes = stream.buffer.getvalue()
    return content.decode("utf-8", "replace")


@contextlib.contextmanager
def _inside(folder: Path, case: Case) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    if case.surroundings == "gone":
        shutil.rmtree(folder)
    path = list(sys.path)
    try:
        yield
    finally:
        os.chdir(before)
        sys.path[:] = path


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    def ring(number: int, frame: Any) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(PATIENCE_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
