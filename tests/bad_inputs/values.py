"""Values and spoilt bytes that nobody meant."""

from __future__ import annotations

import io
import random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

CONTROL = "\x1b[2J\x1b]0;owned\x07\x08\u202eevil[/bold][link=x]y"
"""What a terminal would obey, and what rich would take for markup."""
HOSTILE = ("[/]", "[red]", "\\[", "[[/x", CONTROL, "a\nb", "a\tb", "\u202e", "\x9b31m", "{x}", "%s")
WORDS = ("", " ", "x", "nan", "inf", "-0", "None", "null", "True", "../..", "/", ".", "~", "é" * 90)
LONG_NUMBER = "9" * 5000


_TOML = [
    "nan",
    "inf",
    "-inf",
    "-1",
    "0",
    "1e400",
    "true",
    '""',
    "[]",
    "{}",
    "1979-05-27",
    "07:32:00",
    "[[]]",
    "[{a=1}]",
    "{from=1,to=2}",
    "{from=1,to=1e9,step=1e-9}",
    "{from=1,to=2,step=0}",
    '"\\u0000"',
    '"\\u001b[2J"',
    "'[/x]'",
    "0x",
    "'''",
    '"',
    "=",
    "1__0",
    "18446744073709551616",
    "-9223372036854775809",
    "[1,'a',{}]",
    "['x','x']",
    "[1,1]",
    "1e-400",
    "2024-02-30",
    "0.1.2",
    "'9999-12-31'",
    "'0001-01-01'",
    "'2024-01-01T00:00:00+23:59'",
    "'15m'",
    "'7m'",
    "'0d'",
    "'os:system'",
    "'no.such:thing'",
    "'json:loads'",
    "':'",
    "'a:'",
    "'../x:y'",
    "'99999999d'",
]


def toml_value(random_: random.Random) -> str:
    """The text of some TOML value, or of none."""
    return random_.choice(
        [
            *_TOML,
            *(LONG_NUMBER, "[" * 3000 + "]" * 3000, "[" * 50 + "]" * 50, f"'{'y' * 9000}'"),
            str(random_.randint(-(10**30), 10 ** random_.randint(1, 30))),
            repr(random_.uniform(-10, 10) * 10.0 ** random_.randint(-300, 300)),
            *(repr(text) for text in (*HOSTILE, *WORDS)),
        ]
    )


def json_value(random_: random.Random) -> Any:
    """Some JSON value of the wrong kind."""
    deep: Any = 0
    for _ in range(400):
        deep = [deep]
    return random_.choice(
        [
            *(None, True, False, 0, -1, 1e308, -1e308, 10**400),
            *([], {}, [[]], {"": {}}, deep, [None]),
            *(["x", 1], {"a": {"b": []}}, "9" * 400, "x" * 9000, *HOSTILE, *WORDS),
            *("2024-13-01", "2024-01-01T00:00:00Z", "0001-01-01", "99999-01-01"),
        ]
    )


def spoilt(random_: random.Random, content: bytes) -> bytes:
    """`content` cut, flipped, doubled, or something else altogether."""
    at = random_.randrange(len(content) + 1)
    some = bytes(random_.randrange(256) for _ in range(random_.choice([1, 4, 300])))
    flipped = bytes([content[at % len(content)] ^ 1 << random_.randrange(8)])
    return random_.choice(
        [
            content[:at],
            content[at:],
            content[:at] + some + content[at + len(some) :],
            content[:at] + some + content[at:],
            content[:at] + flipped + content[at + 1 :],
            content + content,
            content.replace(b"\n", b"\r"),
            content.replace(b",", random_.choice([b";", b"\t", b",,", b" , ", b"|"])),
            b"\xef\xbb\xbf" + content,
            content.decode("latin-1").encode("utf-16"),
            b"",
            b"\0" * 100,
            b"\n" * 100,
            b"PAR1" + some + b"PAR1",
            b"\x1f\x8b" + some,
            b"PK\x03\x04" + some,
            b"[" * 100_000,
            b'{"a":' * 20_000,
            CONTROL.encode() + b"\n" + content,
            LONG_NUMBER.encode(),
        ]
    )


def spoilt_cell(random_: random.Random, table: bytes) -> bytes:
    """A CSV with one cell, row or column changed."""
    rows = [line.split(b",") for line in table.split(b"\n") if line]
    row = random_.choice(rows[random_.choice([0, 1]) :])
    column = random_.randrange(len(row))
    what = random_.randrange(8)
    if what == 0:
        rows = [[cell for k, cell in enumerate(r) if k != column] for r in rows]
    elif what == 1:
        random_.shuffle(rows)
    elif what == 2:
        del row[column]
    elif what == 3:
        row.append(b"1")
    elif what == 4:
        rows = rows[: random_.randrange(4)]
    else:
        row[column] = random_.choice(_CELLS).encode()
    return b"\n".join(b",".join(r) for r in rows) + b"\n"


_CELLS = (
    *[
        "nan",
        "inf",
        "-inf",
        "-1",
        "0",
        "1e400",
        "1e308",
        "-1e308",
        "1e-320",
        "x",
        "1e30",
        "0x10",
        "1,5",
        '"',
        "'",
        "-0",
        "12:00",
        "NULL",
        "None",
    ],
    *["2024-13-45", "9999-12-31T23:59:59Z", "0001-01-01", "1_000", "open", "long", "١٢"],
    *("", " ", LONG_NUMBER, *HOSTILE),
)


def spoilt_column(random_: random.Random, content: bytes) -> bytes:
    """A Parquet file with one column missing, of another type, empty, or no rows at all."""
    table = pq.read_table(io.BytesIO(content))
    name = random_.choice(table.column_names)
    at, count = table.column_names.index(name), len(table)
    others = [pa.array(["x"] * count), pa.nulls(count, pa.float64()), pa.array([[1]] * count)]
    changed = [table.set_column(at, name, column) for column in others]
    changed += [table.drop_columns([name]), table.slice(0, 0), table.append_column("x", others[0])]
    file = io.BytesIO()
    pq.write_table(random_.choice(changed), file)
    return file.getvalue()


def spoilt_table(random_: random.Random, table: Any) -> Any:
    """Nested JSON with one value somewhere of another kind."""
    holder, key = random_.choice(list(_places(table)) or [({"": table}, "")])
    if random_.random() < 0.2:
        del holder[key]
    else:
        holder[key] = json_value(random_)
    return table


def _places(value: Any) -> Any:
    if isinstance(value, dict | list):
        entries = list(value.items()) if isinstance(value, dict) else list(enumerate(value[:3]))
        for key, entry in entries:
            yield value, key
            yield from _places(entry)
