"""The files behind one name: a file, a folder, an archive or a pattern."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from stoptrail.core.errors import DataError
from stoptrail.core.text import number_of
from stoptrail.feeds.formats.binaries import what_file
from stoptrail.feeds.formats.encodings import HEAD_BYTES, ZERO_BYTES
from stoptrail.feeds.formats.stores import refuse_stores
from stoptrail.feeds.formats.structured import feather_sheet, numpy_sheet, parquet_sheet
from stoptrail.feeds.formats.text import text_sheet
from stoptrail.feeds.layouts.kinds import of_one_kind, timeframe_in_name
from stoptrail.feeds.layouts.lean import lean_day
from stoptrail.feeds.layouts.markets import (
    SeveralError,
    market_in_name,
    same_market,
)
from stoptrail.feeds.layouts.strangers import is_known_otherwise, passed_over, what_text
from stoptrail.feeds.tables.convert import one_line
from stoptrail.feeds.tables.sheets import Sheet

_KINDS = (
    *(".csv", ".tsv", ".txt", ".dat", ".parquet", ".pq", ".feather", ".arrow", ".ipc"),
    *(".json", ".jsonl", ".ndjson", ".npy", ".npz", ".zip", ".gz", ".bz2", ".xz", ".zst"),
    *(".lz4", ".tgz", ".tar", ".arrows"),
)
_BESIDE_PARQUET = ("_metadata", "_common_metadata", "_success")
"""What writers of many Parquet files leave beside them."""
_METATRADER = re.compile(rb"<[A-Za-z]+>[,;\t|]")
_MOST_BYTES = 4 << 30
_LZ4 = b"\x04\x22\x4d\x18"
_FUNDING = "data.funding"


class Member(NamedTuple):
    """One file, perhaps of an archive."""

    label: str
    name: str
    """The path within the archive or folder."""
    source: Path | bytes


def sheets_of(
    path: Path, symbol: str, timeframe: str, unread: list[str] | None
) -> tuple[list[Sheet], list[str]]:
    """The sheets of everything that `path` names, and what was passed over.

    Raises DataError where nothing is there, or where something cannot be read; with a list
    `unread`, what cannot be read of several files is told there instead, as long as one can.
    """
    members, notes = _members(path, unread, "data.path or --data")
    several = len(members) > 1
    if several:
        members, more = _of_market(members, symbol, timeframe)
        notes += more
    keep, said = of_one_kind([f"{path}/{m.name}" if several else m.label for m in members], symbol)
    members = [member for member, kept in zip(members, keep, strict=True) if kept]
    notes += [said] if said else []
    sheets, strange = [], []
    for member in members:
        label = member.label if several or path.is_dir() else str(path)
        try:
            sheets.append(_sheet(label, member))
        except DataError as error:
            if several and _is_a_note(member.name, str(error)):
                notes.append(f"{label} holds no table: passed over")
            elif several and is_known_otherwise(str(error)):
                strange.append(f"{label}: {one_line(str(error), 380)}")
            else:
                _tell(f"{label}: {one_line(str(error), 380)}", unread if several else None)
    require_some(sheets, [*(unread or ()), *strange])
    return sheets, notes + passed_over(strange)


def funding_files(path: Path) -> list[Member]:
    """The files of everything that `path` names, decompressed. Raises DataError where nothing is
    there."""
    if not path.exists() and not _is_pattern(path):
        raise DataError(f"{path}: is not there; check {_FUNDING}")
    return _members(path, None, _FUNDING)[0]


def _tell(text: str, unread: list[str] | None) -> None:
    """DataError, or a line in `unread`."""
    if unread is None:
        raise DataError(text)
    unread.append(text)


def require_some(found: Sequence[object], unread: Sequence[str] | None) -> None:
    """DataError with the first line of `unread` where nothing was found."""
    if not found and unread:
        raise DataError(unread[0])


def _is_a_note(name: str, error: str) -> bool:
    """Whether a file beside others is a text for people, such as readme.txt."""
    text = name.lower().endswith((".txt", ".json", ".dat"))
    return text and error.startswith(("not a candle file: no table", "not a candle file: no list"))


def _is_pattern(path: Path) -> bool:
    return any(letter in str(path) for letter in "*?[")


def _members(path: Path, unread: list[str] | None, key: str) -> tuple[list[Member], list[str]]:
    """The files that `path`, the value of the setting `key`, names."""
    if not path.exists() and _is_pattern(path):
        anchor = Path(path.anchor or ".")
        matching = sorted(anchor.glob(str(path.relative_to(path.anchor))))
        found = [file for file in matching if not file.is_dir()]
        if not found:
            held = ", folders alone" if matching else ""
            raise DataError(f"{path}: no file matches{held}; check {key}")
        refuse_stores(found)
        return _all(found, lambda file: file.name, unread), []
    if path.is_dir():
        inside = sorted(file for file in path.rglob("*") if file.is_file())
        refuse_stores(inside)
        found = [file for file in inside if _may_hold_candles(file.name)]
        if not found:
            raise DataError(f"{path}: is a folder without a file to read; check {key}")
        members = _all(found, lambda file: str(file.relative_to(path)), unread)
        notes = []
        others = len([file for file in inside if not file.name.startswith(".")]) - len(found)
        if others > 0:
            notes.append(f"{number_of(others, 'other file')} of the folder passed over")
        return members, notes
    refuse_stores([path])
    return list(_unpacked(Member(str(path), path.name, path))), []


def _all(
    files: Sequence[Path], name: Callable[[Path], str], unread: list[str] | None
) -> list[Member]:
    members: list[Member] = []
    for file in files:
        own = name(file)
        try:
            members += _unpacked(Member(own, own, file))
        except DataError as error:
            _tell(str(error), unread if len(files) > 1 else None)
    require_some(members, unread)
    return members


def _may_hold_candles(name: str) -> bool:
    lower = name.lower()
    hidden = lower.startswith((".", "__")) or "/." in lower or "__macosx" in lower
    hidden |= lower in _BESIDE_PARQUET
    return not hidden and (lower.endswith(_KINDS) or "." not in lower.rpartition("/")[2])


def _unpacked(member: Member) -> Iterator[Member]:
    """The files of an archive, or the file itself, decompressed."""
    head = _head(member)
    opening = next((opened for magic, opened in _PACKED if head.startswith(magic)), None)
    if head[257:262] == b"ustar":
        opening = _tarred
    if opening is None:
        yield member
        return
    try:
        yield from opening(member)
    except DataError:
        raise
    except Exception as error:  # each format has its own for a damaged file
        reason = "it needs a password" if "password" in str(error) else str(error) or "cut off"
        raise DataError(
            f"{member.label}: not a readable archive ({one_line(reason, 100)}); fetch it again"
        ) from None


def _decompressed(member: Member) -> Iterator[Member]:
    """A file that is compressed on its own."""
    import bz2
    import gzip
    import lzma

    content = _whole(member)
    module: Any = {b"\x1f": gzip, b"B": bz2, b"\xfd": lzma}.get(content[:1])
    with module.open(io.BytesIO(content)) if module else _by_arrow(content) as stream:
        unpacked = stream.read(_MOST_BYTES + 1)
    if len(unpacked) > _MOST_BYTES:
        raise DataError(f"{member.label}: more than 4 GB when unpacked; unpack what is needed")
    yield from _inner(member, unpacked)


def _by_arrow(content: bytes) -> Any:
    """A stream of what zstd or LZ4 has packed."""
    import pyarrow as pa

    kind = "lz4" if content.startswith(_LZ4) else "zstd"
    return pa.CompressedInputStream(pa.BufferReader(content), kind)


def _zipped(member: Member) -> Iterator[Member]:
    import zipfile

    source = member.source if isinstance(member.source, Path) else io.BytesIO(member.source)
    with zipfile.ZipFile(source) as archive:
        names = archive.namelist()
        if any(name.startswith("xl/") for name in names):
            raise DataError(f"{member.label}: is an Excel file; save it as CSV")
        if any(name.endswith(".npy") for name in names) and member.name.endswith(".npz"):
            yield member
            return
        held = [info for info in archive.infolist() if not info.is_dir()]
        wanted = [info for info in held if _may_hold_candles(info.filename)]
        if not wanted:
            raise DataError(f"{member.label}: the archive holds no candle file")
        if sum(info.file_size for info in wanted) > _MOST_BYTES:
            raise DataError(f"{member.label}: more than 4 GB of files; unpack what is needed")
        for info in sorted(wanted, key=lambda info: info.filename):
            yield from _inner(member, archive.read(info), info.filename)


def _tarred(member: Member) -> Iterator[Member]:
    import tarfile

    with tarfile.open(fileobj=io.BytesIO(_whole(member))) as archive:
        held = [info for info in archive.getmembers() if info.isfile()]
        wanted = [info for info in held if _may_hold_candles(info.name)]
        if not wanted:
            raise DataError(f"{member.label}: the archive holds no candle file")
        if sum(info.size for info in wanted) > _MOST_BYTES:
            raise DataError(f"{member.label}: more than 4 GB of files; unpack what is needed")
        for info in sorted(wanted, key=lambda info: info.name):
            content = archive.extractfile(info)
            yield from _inner(member, content.read() if content else b"", info.name)


_PACKED = (
    (b"PK\x03\x04", _zipped),
    (b"PK\x05\x06", _zipped),
    (b"\x1f\x8b", _decompressed),
    (b"BZh", _decompressed),
    (b"\xfd7zXZ", _decompressed),
    (b"\x28\xb5\x2f\xfd", _decompressed),
    (_LZ4, _decompressed),
)


def _inner(member: Member, content: bytes, name: str = "") -> Iterator[Member]:
    own = name or re.sub(r"\.(gz|bz2|xz|zst|lz4)$", "", member.name)
    label = f"{member.label}/{name}" if name else member.label
    yield from _unpacked(Member(label, f"{member.name}/{own}" if name else own, content))


def _of_market(
    members: Sequence[Member], symbol: str, timeframe: str
) -> tuple[list[Member], list[str]]:
    """Of files whose names tell different markets or timeframes, those that are meant."""
    notes = []
    for what, told, meant in (
        ("market", market_in_name, symbol),
        ("timeframe", timeframe_in_name, timeframe),
    ):
        names = {member.name: _told(told, member.name) for member in members}
        kinds = sorted({name for name in names.values() if name})
        if len(kinds) < 2:
            continue
        mine = [kind for kind in kinds if kind == meant or same_market(kind, meant)]
        if len(mine) != 1:
            shown = ", ".join(kinds[:6]) + (" and more" if len(kinds) > 6 else "")
            key = "data.symbol" if what == "market" else "data.timeframe"
            raise SeveralError(
                f"holds files of {len(kinds)} {what}s ({shown}), none of them {meant or 'named'}: "
                f"set {key}, or name the files of one with a pattern",
                key.removeprefix("data."),
                kinds,
            )
        kept = [member for member in members if names[member.name] in ("", mine[0])]
        left = len(members) - len(kept)
        notes.append(
            f"{left} file{'' if left == 1 else 's'} of another {what} than {mine[0]} passed over"
        )
        members = kept
    return list(members), notes


def _told(told: Callable[[str], str], name: str) -> str:
    """What the name of a file tells, else what the folders that it is in tell, the nearest
    first."""
    return next(filter(None, map(told, reversed(name.split("/")))), "")


def _head(member: Member) -> bytes:
    if isinstance(member.source, bytes):
        return member.source[:HEAD_BYTES]
    path = member.source
    if path.exists() and not path.is_file():  # reading one may never end
        raise DataError(f"{path}: is a pipe or a device; write its candles to a file first")
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; check data.path or --data") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def _whole(member: Member) -> bytes:
    return member.source if isinstance(member.source, bytes) else member.source.read_bytes()


def _of_json(label: str, bare: bytes, member: Member) -> Sheet:
    from stoptrail.feeds.formats.json_table import json_sheet

    if told := what_text(bare.decode("utf-8", "replace").partition("\n")[0]):
        raise DataError(told)
    return json_sheet(label, _whole(member))


def _sheet(label: str, member: Member) -> Sheet:
    head = _head(member)
    bare = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not bare:
        raise DataError("the file is empty; fetch it again, or remove it")
    if not bare.strip(b"\0"):
        raise DataError(f"begins with {len(head)} {ZERO_BYTES}; fetch it again")
    if told := what_file(head):
        raise DataError(told)
    if head.startswith(b"PAR1"):
        return parquet_sheet(label, member.source)
    if head.startswith((b"ARROW1", b"FEA1", b"\xff\xff\xff\xff")):
        return feather_sheet(label, member.source)
    if head.startswith(b"\x93NUMPY") or member.name.endswith(".npz"):
        return numpy_sheet(label, member.source)
    if bare[:1] in b"[{":
        return _of_json(label, bare, member)
    if bare[:1] == b"<" and not _METATRADER.match(bare):
        raise DataError("is a web page or an XML message, not candles; fetch the file itself")
    return lean_day(text_sheet(label, member.source, head), member.name)
