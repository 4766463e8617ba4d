"""Files of programs that are known by how they begin, and are not read."""

from __future__ import annotations

import re
import struct

_TABLE = "write it as Parquet or CSV"
_HISTORY = "a history file of MetaTrader 4 (.hst); export its bars as CSV (History Center)"
_BEGIN = (
    (b"SQLite format 3", "a SQLite database; export its candles as CSV"),
    (
        b"\x89HDF",
        "an HDF5 file; write its table as Parquet (pandas.read_hdf, freqtrade convert-data)",
    ),
    (b"CDF\x01", f"a NetCDF file; {_TABLE}"),
    (b"CDF\x02", f"a NetCDF file; {_TABLE}"),
    (b"CDF\x05", f"a NetCDF file; {_TABLE}"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file; save it as CSV"),
    (b"Rar!", "a RAR archive; unpack it"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it"),
    (b"\x1f\x9d", "compressed by compress; unpack it"),
    (b"Obj\x01", f"an Avro file; {_TABLE}"),
    (b"ORC", f"an ORC file; {_TABLE}"),
    (b"\x90\x01\0\0", _HISTORY),
    (b"\x91\x01\0\0", _HISTORY),
    (b"SCID", "a file of Sierra Chart (.scid); export its bars as text (Edit, Export)"),
    (b"]\0\0", "compressed by LZMA, as Dukascopy's .bi5 of ticks is; give candles as CSV"),
    (b"DBN", "a DBN file; write it as CSV (dbn --csv does)"),
    (b"version https://git-lfs", "a pointer of Git LFS; fetch the file itself (git lfs pull)"),
    (b"<stata_dta>", f"a Stata file; {_TABLE}"),
    (b"$FL2@(#)", f"an SPSS file; {_TABLE}"),
    (b"$FL3@(#)", f"an SPSS file; {_TABLE}"),
    (b"HEADER RECORD*******LIB", f"a SAS transport file; {_TABLE}"),
    (b"MATLAB ", f"a MATLAB file; {_TABLE} (writetable does)"),
    (b"RDX", f"a file of R; {_TABLE} (write.csv does)"),
    (b"X\n\0\0\0", f"a file of R; {_TABLE} (write.csv does)"),
    (b"ID;P", "a SYLK file of a spreadsheet; save it as CSV"),
    (b"TABLE\r\n0,1", "a DIF file of a spreadsheet; save it as CSV"),
    (b"TABLE\n0,1", "a DIF file of a spreadsheet; save it as CSV"),
    (b"kxzipped", f"a file of kdb+; {_TABLE} (save `:candles.csv does)"),
    (b"\xff\x01", f"a file of kdb+; {_TABLE} (save `:candles.csv does)"),
    (b"{\\rtf", "a document (RTF); save it as plain text"),
    (b"%PDF", "a PDF, not candles; fetch the table itself"),
    (b"\x89PNG", "a picture, not candles; fetch the table itself"),
    (b"\xff\xd8\xff", "a picture, not candles; fetch the table itself"),
)
_SAS = bytes.fromhex("c2ea8160b31411cfbd92080009c7318c")
_STATA = re.compile(rb"[\x6f-\x73][\x01\x02]\x01\x00")
_MESSAGE_PACK = re.compile(
    rb"(\xdc..|\xdd....)[\x80-\x9f\xdc-\xdf]|[\x81-\x8f][\xa1-\xbf][A-Za-z_]", re.DOTALL
)
_PICKLE = re.compile(rb"\x80[\x02-\x05][^\x00]")
_DBASE = (0x03, 0x30, 0x83, 0x8B, 0xF5)
_BSON = (b"\x01", b"\x02", b"\x03", b"\x04", b"\x07", b"\x09", b"\x10", b"\x12", b"\x13")
"""Types of the first field of a document: numbers, texts, documents, lists, ids, times."""


def what_file(head: bytes) -> str:
    """What a file is that begins with `head`, and what to give instead; "" where it may be read."""
    for begin, what in _BEGIN:
        if head.startswith(begin):
            return f"is {what}"
    if _PICKLE.match(head):
        return "is a pickle, which is not opened, as it may run code; write Parquet"
    if head[8:12] == b"DUCK":
        return "is a DuckDB database; write its table with COPY ... TO 'candles.parquet'"
    if head[12:28] == _SAS:
        return f"is a SAS file; {_TABLE}"
    if _STATA.match(head):
        return f"is a Stata file; {_TABLE}"
    if _is_dbase(head):
        return "is a dBase table; save it as CSV"
    if _is_bson(head):
        return "is BSON, as mongodump writes it; export the candles as CSV (mongoexport --type=csv)"
    return "is MessagePack; write it as JSON or CSV" if _MESSAGE_PACK.match(head) else ""


def _is_dbase(head: bytes) -> bool:
    if len(head) < 32 or head[0] not in _DBASE or not 1 <= head[2] <= 12 or not head[3]:
        return False
    (length,) = struct.unpack_from("<H", head, 8)
    return head[3] <= 31 and length > 32 and head[length - 1 : length] == b"\r"


def _is_bson(head: bytes) -> bool:
    """Whether `head` begins with a document that says its own length."""
    if len(head) < 8 or head[4:5] not in _BSON:
        return False
    (length,) = struct.unpack_from("<i", head)
    return 8 < length <= len(head) and head[length - 1] == 0 and head[5:6].isalpha()
