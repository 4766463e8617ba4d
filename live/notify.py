"""Messages through Apprise, from a thread of their own: a slow service delays nothing."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from live.messages import Message

if TYPE_CHECKING:
    from live.session import Session

log = logging.getLogger("stoptrail.live")

_ROOM = 100
_PATIENCE_SECONDS = 5.0
_EVENT = {"alarm": "exit", "stopped": "error"}
"""Kinds of message that go with another event of [notify]."""


class Notifier:
    """Sends messages of the chosen `events` to `urls`; use it with `with`.

    What a full queue has no room for is dropped and counted, never waited for.
    """

    def __init__(self, urls: Sequence[str], events: Collection[str], title: str) -> None:
        self._urls = urls
        self._events = events
        self._title = title
        self._queue: queue.Queue[Message | None] = queue.Queue(_ROOM)
        self._thread = threading.Thread(target=self._work, daemon=True, name="notify")
        self.dropped = 0

    def __enter__(self) -> Notifier:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Wait a little for what is still to be sent."""
        try:
            self._queue.put(None, timeout=_PATIENCE_SECONDS)
        except queue.Full:
            return
        self._thread.join(_PATIENCE_SECONDS)

    def happened(self, message: Message) -> None:
        """Queue the message, if somebody wants it."""
        if _EVENT.get(message.kind, message.kind) not in self._events:
            return
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            self.dropped += 1
            if self.dropped == 1:
                log.warning("messages come faster than they can be sent: some are left out")

    def turned(self, session: Session) -> None:
        """Nothing: the thread works by itself."""

    def _work(self) -> None:
        failed = False
        sender = self._sender()
        while (message := self._queue.get()) is not None:
            body = f"{message.kind}: {message.text}"
            try:
                sent = bool(sender.notify(body=body, title=self._title))
            except Exception:  # a service's plugin may raise anything
                sent = False
            if not sent and not failed:
                log.warning("a message could not be sent; trading goes on")
            failed = not sent

    def _sender(self) -> Any:
        """Apprise with the urls that it understands; it loads slowly, so only here."""
        import apprise

        sender = apprise.Apprise()
        for url in self._urls:
            if not sender.add(url):
                log.warning("[notify] one of the urls is not understood by Apprise")
        return sender
