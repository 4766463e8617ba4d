"""Text from outside on its way to the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment

from stoptrail.core.text import plain, visible


def safe(text: object) -> str:
    """`text` for rich: no part of it is markup, and no character of it is obeyed."""
    line = plain(text)
    return escape(line) if "[" in line else line  # escape doubles a backslash at the end


class Terminal(Console):
    """A console that shows control characters in whatever it prints, and obeys none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, emoji=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """The segments of `renderable`, their text made visible."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(visible(text), style)
