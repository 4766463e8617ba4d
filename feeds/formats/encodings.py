"""Text of any encoding as UTF-8."""

from __future__ import annotations

import codecs
import io
import re
from pathlib import Path

from stoptrail.core.errors import DataError
from stoptrail.feeds.tables.names import field_of

HEAD_BYTES = 65_536
NO_CANDLES = "not a candle file; give Parquet, CSV, JSON or Feather with open time, prices, volume"
_MARKED = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as the mark of UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDE = (
    ("utf-32-le", 4, (1, 2, 3)),
    ("utf-32-be", 4, (0, 1, 2)),
    ("utf-16-le", 2, (1,)),
    ("utf-16-be", 2, (0,)),
)
"""Encodings without a mark: bytes of a letter, and which of them are zero in ASCII."""
_EIGHT_BITS = ("cp1252", "gb18030", "shift_jis", "cp949", "big5", "cp1251", "cp1250", "cp1254")
"""Encodings of spreadsheets and brokers elsewhere."""
_CELLS = re.compile(r"[,;\t|\uff0c]")
_FULL_WIDTH = str.maketrans("\uff0c\uff1b\uff1a\uff0e\uff0f\uff0d\u3000\uff08\uff09", ",;:./- ()")
_MOST_STRANGE = 20


def decoded(source: Path | bytes, head: bytes) -> tuple[Path | bytes, bytes]:
    """Source and head as UTF-8 with plain line ends and plain commas; DataError for what is no
    text."""
    if _end(source) == bytes(_BLOCK):
        raise DataError(zero_bytes(whole(source)) or NO_CANDLES)
    marked = next((name for mark, name in _MARKED if head.startswith(mark)), "")
    if marked:
        return _as_utf_8(source, marked)
    if b"\r" in head and b"\n" not in head:
        source = whole(source).replace(b"\r", b"\n")
        head = source[:HEAD_BYTES]
    cut = head[: head.rfind(b"\n") + 1 or len(head)]
    if b"\0" in cut:
        wide = next(
            (name for name, size, zero in _WIDE if not any(any(cut[at:400:size]) for at in zero)),
            "",
        )
        if not wide:
            raise DataError(zero_bytes(whole(source)) or NO_CANDLES)
        return _as_utf_8(source, wide)
    try:
        text = cut.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _as_utf_8(source, _of_eight_bits(cut))
    return _as_utf_8(source, "utf-8-sig") if _is_full_width(text) else (source, head)


def _end(source: Path | bytes) -> bytes:
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as stream:
        stream.seek(0, io.SEEK_END)
        stream.seek(max(0, stream.tell() - _BLOCK))
        return stream.read()


def zero_bytes(content: bytes) -> str:
    """What to say of a text with a block of zero bytes in it, as a file system leaves it where the
    power failed; "" where there is none, or no text before it."""
    first = content.find(b"\0" * _BLOCK)
    before = content[: max(first, 0)]
    if not before.strip() or not _is_plain(before[:_FIRST]):
        return ""
    after = content[first:].lstrip(b"\0")
    count = len(content) - first - len(after)
    line = before.count(b"\n") + 1
    keep = line > 1 and not after.strip()
    return (
        f"line {line} holds {count} {ZERO_BYTES}; "
        f"{f'keep the {line - 1} lines before, or ' * keep}fetch it again"
    )


def _is_plain(content: bytes) -> bool:
    """Whether bytes are text."""
    text = content.decode("utf-8", "replace")
    return "\ufffd" not in text[:-1] and all(map(str.isprintable, "".join(text.split())))


ZERO_BYTES = "zero bytes, as are left where the power failed while a file was written"
_BLOCK = 4
"""Zero bytes in a row that are no text of any encoding."""
_FIRST = 2000
"""Bytes by which a text is known."""


def _as_utf_8(source: Path | bytes, encoding: str) -> tuple[bytes, bytes]:
    text = whole(source).decode(encoding, "replace")
    if _is_full_width(text[:HEAD_BYTES]):
        text = text.translate(_FULL_WIDTH)
    content = text.encode()
    return content, content[:HEAD_BYTES]


def _of_eight_bits(cut: bytes) -> str:
    """The encoding in which most names of prices are read; DataError for what is no text."""
    best = (-1, "")
    for encoding in _EIGHT_BITS:
        try:
            text = cut.decode(encoding)
        except UnicodeDecodeError:
            continue
        if sum(not letter.isprintable() for letter in "".join(text[:999].split())) < _MOST_STRANGE:
            lines = text.split("\n")[:30]
            named = [
                len({field_of(cell) for cell in _CELLS.split(line)} - {None}) for line in lines
            ]
            best = max(best, (max(named), encoding), key=lambda each: each[0])
    if not best[1]:
        raise DataError(NO_CANDLES)
    return best[1]


def _is_full_width(text: str) -> bool:
    """Whether the commas of a table are those of Chinese and Japanese keyboards."""
    lines = [line for line in text.split("\n")[:100] if line.strip()]
    full = sum(line.count("\uff0c") > 3 and line.count(",") < 2 for line in lines)
    return bool(full > len(lines) / 2)


def whole(source: Path | bytes) -> bytes:
    """The content of a file, or of a member of an archive."""
    return source if isinstance(source, bytes) else source.read_bytes()
