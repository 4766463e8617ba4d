"""Messages through Apprise, from threads of their own: a slow service delays nothing."""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any

from stoptrail.core.text import number_of
from stoptrail.live.watch.messages import Message
from stoptrail.live.watch.watched import Watched

log = logging.getLogger("stoptrail.live")

_ROOM = 100
_LONGEST = 1500
"""Characters of a message: Telegram takes 4,096, and less once they are escaped."""
_FAREWELL_SECONDS = 1.5
"""How long the end of a session waits for messages that are on their way."""
_EVENTS = {"alarm": {"exit"}, "started": {"session"}, "stopped": {"session", "error"}}
"""Kinds of message that go with other events of [notify]: with any of them."""


class Notifier:
    """Sends messages of the chosen `events` to each of `urls`; use it with `with`.

    What a full queue has no room for is dropped and counted, never waited for. At the end
    `missed` gets one line about what could not be delivered, if anything.
    """

    def __init__(
        self,
        urls: Sequence[str],
        events: Collection[str],
        title: str,
        missed: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._events = set(events)
        self._missed = missed
        self._numbers = itertools.count()
        self._services = [_Service(url, title) for url in urls]

    def __enter__(self) -> Notifier:
        for service in self._services:
            service.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Wait a little for what is still to be sent; say what was not."""
        until = time.monotonic() + _FAREWELL_SECONDS
        for service in self._services:
            service.finish()
        for service in self._services:
            service.join(until)
        left: dict[int, Message] = {}
        for service in self._services:
            left |= service.undelivered()
        if left:
            self._missed(f"[notify] could not deliver {_listed(left.values())}")

    @property
    def dropped(self) -> int:
        """How many messages found no room, at the service that took the fewest."""
        return max((service.dropped for service in self._services), default=0)

    def happened(self, message: Message) -> None:
        """Queue the message, if somebody wants it."""
        if _EVENTS.get(message.kind, {message.kind}) & self._events:
            number = next(self._numbers)
            for service in self._services:
                service.take(number, message)

    def turned(self, session: Watched) -> None:
        """Nothing: the threads work by themselves."""


class _Service:
    """One address, with a thread and a queue, so that none waits for another."""

    def __init__(self, url: str, title: str) -> None:
        self._url = url
        self._title = title
        self._queue: queue.Queue[tuple[int, Message] | None] = queue.Queue(_ROOM)
        self._waiting: dict[int, Message] = {}
        """What was taken and is not delivered, by number; the newest of it."""
        self._thread = threading.Thread(target=self._work, daemon=True, name="notify")
        self._closing, self._over = threading.Event(), threading.Event()
        self.dropped = 0

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def take(self, number: int, message: Message) -> None:
        """Queue the message, or drop it."""
        self._waiting[number] = message
        try:
            self._queue.put_nowait((number, message))
        except queue.Full:
            del self._waiting[number]
            self.dropped += 1
            if self.dropped == 1:
                log.warning("messages come faster than they can be sent: some are left out")
        if len(self._waiting) > 2 * _ROOM:  # of a service that has failed for long
            del self._waiting[next(iter(self._waiting))]

    def finish(self) -> None:
        """Let the thread end when everything is sent."""
        self._closing.set()
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            return  # the thread ends when it has emptied the queue

    def join(self, until: float) -> None:
        """Wait for the thread, at most until this moment of the monotonic clock; what it
        has not begun to send by then is left."""
        self._thread.join(max(0.0, until - time.monotonic()))
        self._over.set()

    def undelivered(self) -> dict[int, Message]:
        """What was taken and has not been delivered."""
        return dict(self._waiting)

    def _work(self) -> None:
        failed = False
        send = self._sender()
        while not (self._closing.is_set() and self._queue.empty()):
            entry = self._queue.get()
            if entry is None or self._over.is_set():
                return
            try:
                sent = send(f"{entry[1].kind}: {entry[1].text}")
            except Exception:  # a service's plugin may raise anything
                sent = False
            if sent:
                self._waiting.pop(entry[0], None)
            elif not failed:
                log.warning("a message could not be sent; trading goes on")
            failed = not sent

    def _sender(self) -> Callable[[str], bool]:
        """What sends a text, by the plugin that Apprise has for the url; Apprise loads
        slowly, so only here. An Apprise object would send from threads of its own, for
        which the program's exit waits however long a service takes."""
        import apprise
        from apprise import conversion

        plugin: Any = apprise.Apprise.instantiate(self._url)
        if plugin is None:
            log.warning("[notify] one of the urls is not understood by Apprise")
            return lambda text: False
        formats: Any = plugin.notify_format  # where a service takes several, its own is the first
        own = formats[0] if isinstance(formats, tuple | list) else formats
        how = {"title": self._title, "notify_type": apprise.NotifyType.INFO, "body_format": own}

        def send(text: str) -> bool:
            cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
            # A plugin takes what it is given for its own kind of text: Telegram refuses "a < b".
            convert: Any = conversion.convert_between
            body = convert(apprise.NotifyFormat.TEXT, own, cut)
            return bool(plugin.notify(body=body, **how))

        return send


def _listed(messages: Collection[Message]) -> str:
    """How many messages of which kinds: "3 messages (2 entry, 1 stopped)"."""
    kinds = Counter(message.kind for message in messages)
    parts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return f"{number_of(len(messages), 'message')} ({parts})"
