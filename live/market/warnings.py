"""Trouble with the market data: said once for each kind, counted always, without secrets."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from stoptrail.config.secrets import redacted
from stoptrail.core.text import HIDDEN, plain
from stoptrail.live.market.events import Notice

_SHORT = 4
"""Secrets below this length are only replaced as whole words."""


class Redaction:
    """Replaces every secret of an exchange configuration in a text by ***."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        found: dict[str, str] = {}
        shown = redacted(dict(config), "exchange.ccxt")
        for secret, text in _hidden(dict(config), shown):
            for form in {secret, quote(secret, safe=""), repr(secret)[1:-1]}:
                found[form] = text
        self._forms = sorted(found.items(), key=lambda item: -len(item[0]))

    def __repr__(self) -> str:
        return f"Redaction({len(self._forms)} forms)"

    def clean(self, text: object) -> str:
        """`text` on one line, without any secret or control character."""
        line = plain(text)
        for secret, shown in self._forms:
            if len(secret) < _SHORT:
                line = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", shown, line)
            else:
                line = line.replace(secret, shown)
        return line


def _hidden(original: Any, shown: Any) -> Iterator[tuple[str, str]]:
    """(secret, what to show instead) of every entry that must not be shown as it is."""
    if isinstance(original, dict) and isinstance(shown, dict):
        for key, value in original.items():
            yield from _hidden(value, shown[key])
    elif isinstance(original, list | tuple) and isinstance(shown, list):
        for one, other in zip(original, shown, strict=True):
            yield from _hidden(one, other)
    elif original != shown and str(original).strip():
        yield str(original), shown if isinstance(shown, str) else HIDDEN


log = logging.getLogger("stoptrail.live")


class WarningLog:
    """Says each kind of trouble once, in clear words and without secrets."""

    def __init__(self, redaction: Redaction, heard: Callable[[Notice], None] | None = None) -> None:
        self.counts: Counter[str] = Counter()
        """How often each kind has happened."""
        self.redaction = redaction
        self.heard = heard
        """Called with every notice, in the transport's thread."""
        self._said: set[str] = set()
        self.why = ""
        """What last kept data from coming, since it last was complete."""

    def say(self, kind: str, text: str, again: bool = False, why: str = "") -> None:
        """Count a trouble of `kind`; log and pass on `text` the first time, and `again`. `why`:
        what keeps data from coming, in a few words."""
        self.counts[kind] += 1
        self.why = self.redaction.clean(why) or self.why
        if kind in self._said and not again:
            return
        self._said.add(kind)
        clean = self.redaction.clean(text)
        log.warning("%s", clean)
        if self.heard is not None:
            self.heard(Notice(kind, clean))

    def start_is_over(self) -> None:
        """What came during the start is said once more when it comes again."""
        self._said.clear()
