"""The program's log: a file that rotates, and with -v the terminal; never what libraries
print by themselves."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, NamedTuple

from stoptrail.core.errors import OutputError
from stoptrail.core.files import reason_of

MESSAGES = "stoptrail.live.messages"
"""The logger of what the session's view shows anyway."""
_OWN = "stoptrail"
_LIBRARIES = ("ccxt", "asyncio", "aiohttp", "websockets", "urllib3", "apprise")
"""Loggers whose texts are for the file alone: they know nothing of the view."""


class LogSettings(NamedTuple):
    """Where the log goes."""

    path: str
    """The file; "" for none."""
    megabytes: float
    """Size after which a new file is begun."""
    files: int
    """Older files that are kept."""
    show: Callable[[str], None] | None
    """Gets every line of the program's own that no view shows; None without -v."""
    clean: Callable[[str], str]
    """Takes secrets out of a line, and line breaks."""


@contextmanager
def logged(wanted: LogSettings) -> Iterator[None]:
    """Log for as long as this lasts. Raises OutputError where the file cannot be written."""
    handlers = list(_handlers(wanted))
    loggers = [logging.getLogger(name) for name in (_OWN, *_LIBRARIES)]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        own = logger.name == _OWN
        logger.setLevel(min(logging.INFO if own else logging.WARNING, logger.level or 50))
        logger.propagate = own and logger.propagate
        for handler in handlers:
            logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.setLevel(level)
            logger.propagate = propagate
            for handler in handlers:
                logger.removeHandler(handler)
        for handler in handlers:
            handler.close()


def _handlers(wanted: LogSettings) -> Iterator[logging.Handler]:
    yield logging.NullHandler()  # without one Python prints warnings by itself
    lines = _LogLine(wanted.clean)
    if wanted.path:
        try:
            Path(wanted.path).parent.mkdir(parents=True, exist_ok=True)
            size = int(wanted.megabytes * 1e6)
            file = _File(wanted.path, "a", size, wanted.files, "utf-8")
        except (OSError, ValueError) as error:
            raise OutputError(
                f"live.log_file {wanted.path} cannot be written ({reason_of(error)})"
            ) from None
        file.setFormatter(lines)
        yield file
    if wanted.show is not None:
        shown = _Shown(wanted.show)
        shown.setFormatter(lines)
        yield shown


class _LogLine(logging.Formatter):
    """One line a record: time in ISO 8601 with its zone, level, text."""

    def __init__(self, clean: Callable[[str], str]) -> None:
        super().__init__("%(message)s")
        self._clean = clean

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        text = self._clean(super().format(record))
        return f"{time} {record.levelname} {record.name} {text}"


class _File(RotatingFileHandler):
    """A full disk costs lines, and nothing else. A file that was moved or deleted, as by logrotate,
    is made anew."""

    def shouldRollover(self, record: logging.LogRecord) -> int:  # noqa: N802  # the library's
        """Whether a new file is due before this record, by its size."""
        if self.stream is not None and not _is_at(self.stream, Path(self.baseFilename)):
            self.stream.close()
            self.stream = None  # the library opens it below
        return int(super().shouldRollover(record))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the library's
        """Leave the record out."""

    def close(self) -> None:
        """Leave out what cannot be written any more."""
        with suppress(OSError):
            super().close()


def _is_at(stream: IO[str], path: Path) -> bool:
    """Whether the open file is that at `path`."""
    try:
        return os.path.samestat(path.stat(), os.fstat(stream.fileno()))
    except FileNotFoundError:
        return False


class _Shown(logging.Handler):
    """Hands lines to the terminal's console."""

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._show = show

    def filter(self, record: logging.LogRecord) -> bool:
        own = record.name == _OWN or record.name.startswith(f"{_OWN}.")
        return own and record.name != MESSAGES and bool(super().filter(record))

    def emit(self, record: logging.LogRecord) -> None:
        """Show the line."""
        self._show(self.format(record))
