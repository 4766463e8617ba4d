"""What a session prints where there is no terminal: a line for each message."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from stoptrail.core.files import no_room
from stoptrail.core.text import visible
from stoptrail.core.time import iso_moment
from stoptrail.live.watch.messages import Message
from stoptrail.live.watch.view import seen_by, state_line

if TYPE_CHECKING:
    from rich.console import Console

    from stoptrail.live.watch.watched import Watched

_LINE_SECONDS = 60.0


class PlainView:
    """Lines of key=value: every message, and the state once a minute."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = -_LINE_SECONDS

    def __enter__(self) -> PlainView:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left open."""

    def happened(self, message: Message) -> None:
        """Print the message."""
        self._line(time=iso_moment(message.time), kind=message.kind, text=message.text)

    def turned(self, session: Watched) -> None:
        """Print the state, now and then."""
        if time.monotonic() - self._last < _LINE_SECONDS:
            return
        found = seen_by(session)
        if found is not None:
            self._last = time.monotonic()
            self._line(**state_line(found))

    def _line(self, **values: Any) -> None:
        text = " ".join(f"{key}={_quoted(value)}" for key, value in values.items())
        print_line(self._console, text)


def print_line(console: Console, text: str) -> None:
    """Print a line; a full disk costs lines, and nothing else."""
    try:  # by itself: the console keeps what it could not write, and writes it again
        console.file.write(f"{visible(text)}\n")
        console.file.flush()
    except OSError as error:
        if no_room(error) is None:
            raise


def _quoted(value: Any) -> str:
    text = str(value)
    return f'"{text}"' if " " in text or not text else text
