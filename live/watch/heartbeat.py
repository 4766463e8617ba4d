"""An address that is fetched while the session lives, as services for dead man's switches
want it: when the fetches stop, they call somebody."""

from __future__ import annotations

import http.client
import logging
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress

from stoptrail.live.watch.messages import Message
from stoptrail.live.watch.watched import Watched

log = logging.getLogger("stoptrail.live")

_ALIVE_SECONDS = 30.0
"""Age of the session's last turn after which it counts as hung: then nothing is fetched."""
_TIMEOUT_SECONDS = 10.0


class Heartbeat:
    """Fetches `url` every `seconds` from a thread of its own; use it with `with`.

    `missed` gets one line when fetches begin to fail, and one when they succeed again. The
    address is a secret: nothing that is said holds it.
    """

    def __init__(self, url: str, seconds: float, missed: Callable[[str], None]) -> None:
        self._url = url
        self._seconds = seconds
        self._missed = missed
        self._turned = 0.0
        self._over = threading.Event()
        self._first = threading.Event()
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True, name="heartbeat")

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """A fetch that is under way is left to itself."""
        self._over.set()
        self._first.set()

    def happened(self, message: Message) -> None:
        """Nothing: a heart beats whatever happens."""

    def turned(self, session: Watched) -> None:
        """Take notice that the session is alive, and say how the fetches go."""
        self._turned = time.monotonic()
        self._first.set()
        with suppress(queue.Empty):
            self._missed(self._said.get_nowait())

    def _work(self) -> None:
        failed = False
        self._first.wait()
        while not self._over.is_set():
            if time.monotonic() - self._turned < _ALIVE_SECONDS:
                reason = self._fetched()
                if bool(reason) != failed:
                    failed = bool(reason)
                    self._said.put(
                        f"the heartbeat's address cannot be fetched ({reason})"
                        if failed
                        else "the heartbeat's address is fetched again"
                    )
            self._over.wait(self._seconds)

    def _fetched(self) -> str:
        """Fetch once; why it failed, "" where it did not."""
        try:
            with urllib.request.urlopen(self._url, timeout=_TIMEOUT_SECONDS) as answer:
                answer.read(1)
        except urllib.error.HTTPError as error:
            error.close()
            return f"HTTP {error.code}"
        except (OSError, ValueError, http.client.HTTPException) as error:
            cause = getattr(error, "reason", error)  # what it says may quote the address
            return getattr(cause, "strerror", None) or type(cause).__name__
        return ""
