"""Files of other programs are named, and blocks of zero bytes are told with their line."""

from __future__ import annotations

import json
import lzma
import struct
from pathlib import Path

import pytest

from stoptrail.core.errors import DataError
from stoptrail.feeds.files import load_candles

STEP = 900_000
START = 1_704_067_200_000
ROWS = [[START + k * STEP, 100.25, 101.5, 99.75, 100.5 + k % 3 / 4, 12.5] for k in range(200)]
HEADER = "timestamp,open,high,low,close,volume\n"
TABLE = HEADER + "".join(",".join(map(str, row)) + "\n" for row in ROWS)
DBASE = b"\x03\x7c\x01\x01" + struct.pack("<IHH", 1, 65, 9) + bytes(52) + b"\r 1704067 "
FIELDS = b"\x12t\0" + struct.pack("<q", START) + b"\x01c\0" + struct.pack("<d", 100.5)
BSON = struct.pack("<i", len(FIELDS) + 5) + FIELDS + b"\0"
SAS = bytes(12) + bytes.fromhex("c2ea8160b31411cfbd92080009c7318c") + bytes(200)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x72\x02\x01\x00" + bytes(200), "is a Stata file"),
        (b"<stata_dta><header>", "is a Stata file"),
        (SAS, "is a SAS file"),
        (b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!", "is a SAS transport file"),
        (b"$FL2@(#) SPSS DATA FILE", "is an SPSS file"),
        (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "is a MATLAB file"),
        (b"RDX3\nX\n\0\0\0\3", "is a file of R"),
        (DBASE, "is a dBase table"),
        (BSON * 3, "is BSON"),
        (b"\xdd\0\0\0\2\x96\xcf" + bytes(60), "is MessagePack"),
        (b"\x86\xa1t\xcf" + bytes(60), "is MessagePack"),
        (b'ID;PWXL;N;E\r\nC;Y1;X1;K"timestamp"\r\n', "is a SYLK file"),
        (b'TABLE\r\n0,1\r\n"EXCEL"\r\n', "is a DIF file"),
        (b"[[candle]]\nt = 1704067200000\n", "is TOML or the like"),
        (b"%PDF-1.7\n", "is a PDF"),
        (b"SCID\x38\0\0\0\x28\0\0\0\1\0" + bytes(100), "is a file of Sierra Chart"),
        (lzma.compress(bytes(4000), lzma.FORMAT_ALONE), "compressed by LZMA, as Dukascopy's"),
    ],
)
def test_files_of_other_programs_are_named(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "candles.bin"
    path.write_bytes(content)
    with pytest.raises(DataError, match=told):
        load_candles(path, STEP)


@pytest.mark.parametrize("cut", [0, 1, 25, 4000])
@pytest.mark.parametrize("zeros", [512, 100_000])
def test_zero_bytes_at_the_end_are_told_with_their_line(
    cut: int, zeros: int, tmp_path: Path
) -> None:
    path, text = tmp_path / "candles.csv", TABLE[: len(TABLE) - cut]
    path.write_bytes(text.encode() + bytes(zeros))
    line = text.count("\n") + 1
    with pytest.raises(DataError, match=f"line {line} holds {zeros} zero bytes") as told:
        load_candles(path, STEP)
    assert f"keep the {line - 1} lines before, or fetch it again" in str(told.value)
    path.write_text("".join(text.splitlines(keepends=True)[: line - 1]))
    assert len(load_candles(path, STEP).time) == line - 2


def test_zero_bytes_in_the_middle_or_in_json_are_told_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "candles"
    at = TABLE.index(str(ROWS[50][0]))
    path.write_bytes(TABLE[:at].encode() + bytes(64) + TABLE[at + 64 :].encode())
    with pytest.raises(DataError, match=r"line 52 holds 64 zero bytes.*; fetch it again"):
        load_candles(path, STEP)
    path.write_bytes(json.dumps(ROWS).encode() + bytes(700))
    with pytest.raises(DataError, match=r"line 1 holds 700 zero bytes.*; fetch it again"):
        load_candles(path, STEP)
    path.write_bytes(bytes(8192))
    with pytest.raises(DataError, match="begins with 8192 zero bytes"):
        load_candles(path, STEP)


@pytest.mark.parametrize("end", [",]", ",\n]\n", " , ]"])
def test_a_comma_behind_the_last_candle_of_json_does_not_matter(end: str, tmp_path: Path) -> None:
    path = tmp_path / "candles.json"
    path.write_text(json.dumps(ROWS)[:-1] + end)
    assert load_candles(path, STEP).time.tolist() == [row[0] for row in ROWS]
