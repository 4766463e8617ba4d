"""Who is told that the session lives: an address of a dead man's switch, and systemd.

The protocol is that of sd_notify(3): one datagram of lines of KEY=VALUE.
"""

from __future__ import annotations

import http.client
import logging
import os
import queue
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
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


_LONGEST_STATUS = 200


class Supervisor:
    """Says READY when the session first turns, WATCHDOG at half the watchdog's time while it
    goes on turning, and STOPPING at its end; use it with `with`. Without a socket in
    `environment` it says nothing. What cannot be sent is left out: nothing waits for it."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):  # an address in Linux's abstract name space
            self._address = "\0" + self._address[1:]
        self._every = _watchdog_seconds(environment) / 2
        self._ready = False
        self._beat = 0.0
        self._socket: socket.socket | None = None

    def __enter__(self) -> Supervisor:
        if self._address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
        return self

    def __exit__(self, *_: object) -> None:
        self._send("STOPPING=1")
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def happened(self, message: Message) -> None:
        """Let `systemctl status` show it."""
        text = f"{message.kind}: {message.text}".replace("\n", " ")
        self._send(f"STATUS={text[:_LONGEST_STATUS]}")

    def turned(self, session: Watched) -> None:
        """The session is alive."""
        if not self._ready:
            self._ready = self._send("READY=1")
        now = time.monotonic()
        due = self._every and now - self._beat >= self._every
        if due and self._send("WATCHDOG=1"):  # else at the next turn: a second one comes late
            self._beat = now

    def _send(self, text: str) -> bool:
        """Whether it was taken."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.sendto(text.encode(), self._address)
                return True
        return False


def _watchdog_seconds(environment: Mapping[str, str]) -> float:
    """Silence after which systemd ends this process; 0 where it does not watch it."""
    text = environment.get("WATCHDOG_USEC", "")
    process = environment.get("WATCHDOG_PID", "")
    if not text.isdecimal() or (process and process != str(os.getpid())):
        return 0.0
    return int(text) / 1e6
