"""What systemd is told of a session through the socket that it names in NOTIFY_SOCKET.

The protocol is that of sd_notify(3): one datagram of lines of KEY=VALUE.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

from stoptrail.live.watch.messages import Message
from stoptrail.live.watch.watched import Watched

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
        if self._every and now - self._beat >= self._every:
            self._beat = now
            self._send("WATCHDOG=1")

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
