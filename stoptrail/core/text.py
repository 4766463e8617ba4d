"""Text from outside, as it may be shown: a symbol, a file's name, an exchange's answer."""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's control, format, surrogate, private and unassigned characters, line breaks."""


def plain(text: object) -> str:
    """`text` on one line, without any character that a terminal would obey.

    Whitespace becomes single blanks; control and format characters (escape sequences,
    reversals of the writing direction) become their escapes, such as \\x1b.
    """
    return visible(" ".join(str(text).split()))


def visible(text: str) -> str:
    """`text` with its escapes in place of control and format characters, but for newlines."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if _is_hidden(c) else c for c in text)


def _is_hidden(character: str) -> bool:
    return character != "\n" and unicodedata.category(character) in _HIDDEN


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
