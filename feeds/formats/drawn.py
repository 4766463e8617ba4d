"""Tables as programs draw them for people: with blanks, or bars, between the cells."""

from __future__ import annotations

import re
from pathlib import Path

BLANKS = re.compile(r"[ \t]+")


def one_blank(source: Path | bytes) -> bytes:
    """The text with single blanks between the cells."""
    whole = source if isinstance(source, bytes) else source.read_bytes()
    lines = whole.decode("utf-8-sig", "replace").split("\n")
    return "\n".join(BLANKS.sub(" ", line.strip()) for line in lines).encode()


_RULE = re.compile(r"[-+|:=\s]*|\(?\d+ rows?( in set.*|\))")


def unframed(source: Path | bytes) -> bytes:
    """The text of a table between bars without its frame, as psql and Markdown draw it."""
    whole = source if isinstance(source, bytes) else source.read_bytes()
    lines = (line.strip() for line in whole.decode("utf-8-sig", "replace").split("\n"))
    kept = [
        "" if _RULE.fullmatch(line) else line.removeprefix("|").removesuffix("|") for line in lines
    ]
    return "\n".join(kept).encode()
