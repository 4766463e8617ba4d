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
    line = " ".join(str(text).split())
    if line.isascii() and line.isprintable():
        return line
    return "".join(_escaped(c) if unicodedata.category(c) in _HIDDEN else c for c in line)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
