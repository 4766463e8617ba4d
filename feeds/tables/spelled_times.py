"""Times as texts, in every usual spelling, by one pattern.

Where the order of day and month is open, the one that makes the times regular is meant.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from typing import NamedTuple

import numpy as np

from stoptrail.core.time import DAY_MS, HOUR_MS, MINUTE_MS
from stoptrail.feeds.tables.calendars import other_calendar
from stoptrail.feeds.tables.convert import MONTHS, OFFSETS, CellError, bare, number, shown
from stoptrail.rules.candles import Times

_DASHES = re.compile(r"(\d{4}-\d\d?-\d\d?)-(\d\d)-(\d\d)(?:-(\d\d))?")
_TEXT = re.compile(
    r"""(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\ +)?
    (?: (?P<y>\d{4})[-/.\ ]?(?P<m>\d{2}|(?<=[-/.\ ])\d)[-/.\ ]?(?P<d>\d{2}|(?<=[-/.\ ])\d)
      | (?P<a>\d{1,2})[-/.](?P<b>\d{1,2})[-/.](?P<y2>\d{4}|\d{2})
      | (?P<d3>\d{1,2})[-\ ](?P<mon>[a-z]{3,10})[-,\ ]+(?P<y3>\d{4}|\d{2})
      | (?P<mon4>[a-z]{3,10})\.?\ +(?P<d4>\d{1,2}),?\ +(?P<y4>\d{4}) )
    (?: [t,\ -]*(?P<H>\d{1,2})(?::?(?P<M>\d{2})(?::?(?P<S>\d{2})(?:[.,:\ ]?(?P<f>\d{1,9}))?)?)?
        (?:[-\ ]?(?P<ap>[ap])\.?m\.?)? )?
    \ *(?: (?:utc|gmt)?(?P<sign>[+-])(?P<oh>\d{1,2}):?(?P<om>\d{2})? | (?P<abbr>[a-z]{1,4}) )?
    (?:\[(?P<zone>[a-z/_]+)\])?(?:\ \([a-z\ ]+\))?(?:\ (?P<zone2>[a-z]{2,}/[a-z_/]+))?""",
    re.VERBOSE | re.IGNORECASE,
)


_CHARACTERS = str.maketrans("年月년월时時시分분", "----:::::", "秒초\ufeff")
"""Dates and clocks such as 2024年3月1日 9时30分; and marks of byte order between joined files."""
_RESPELLED = (
    (re.compile("^'"), ""),
    (re.compile(r"^(\d{1,4})\. ?(\d{1,2})\. ?(\d{1,4})\.?(?= |$)"), r"\1.\2.\3"),
    (re.compile(r" (?:klo|kl\.|\u0433\.|\u0447\.|Uhr)(?= |$)"), ""),
    (re.compile(r"(?<=\d) ?([ap])\. ?m\.?$", re.IGNORECASE), r" \1m"),
    (re.compile(r"(?<=\d) ?π\.?μ\.?$"), " AM"),
    (re.compile(r"(?<=\d) ?μ\.?μ\.?$"), " PM"),
    (re.compile(r"[日일]"), " "),
    (re.compile(r"(?<=[-:]) +"), ""),
    (re.compile(r"[\s_]+"), " "),
    (re.compile(r"^[\[(]([^,]+), [^,]+[\])]$"), r"\1"),
    (re.compile(r":(?= ?$)"), ""),
    (re.compile(r"(?:上午|午前|오전) ?([\d:.]+)"), r"\1 AM"),
    (re.compile(r"(?:下午|午後|오후) ?([\d:.]+)"), r"\1 PM"),
    (re.compile(r"^(\d{4}):(\d\d):(\d\d)"), r"\1-\2-\3"),
    (re.compile(r"(?<=\d)D(?=\d)"), "T"),
    (re.compile(r"(?<= )(\d{1,2})\.(\d\d)(?:\.(\d\d))?"), r"\1:\2:\3"),
    (re.compile(r":(?= |$)"), ""),
    (re.compile(r"([+-]\d{4})(?: [A-Z]{3,4})?(?: \([^)]*\))?(?: m=.*)?$"), r"\1"),
    (re.compile(r"^(?:\w{3} )?([A-Za-z]{3}) +(\d+) (\d\d:\d\d:\d\d)( [A-Z]{3,4})? (\d{4})$"),
     r"\1 \2 \5 \3\4"),
    (re.compile(r"(?<=\d)\. (?=[a-z])", re.IGNORECASE), " "),
    (re.compile(r" de(?= )"), ""),
)  # fmt: skip
"""Spellings of programs and languages, and what they are in the one that is read."""


def respelled(text: str) -> str:
    """A time of another spelling in the usual one; others as they are."""
    text = bare(text).translate(_CHARACTERS)
    if not text.isascii():
        apart = unicodedata.normalize("NFKD", text)
        kept = "".join(letter for letter in apart if not unicodedata.combining(letter))
        text = unicodedata.normalize("NFC", kept)
    for spelling, usual in _RESPELLED:
        text = spelling.sub(usual, text.strip())
    return text


class ReadTimes(NamedTuple):
    """Times of a column."""

    time: Times
    """Milliseconds since the epoch; of times without an offset as if they were UTC."""
    naive: bool
    """Whether they have no offset and are no epoch numbers."""
    ends: str = ""
    """The first of them that is written as the end of a day, 24:00; "" without one."""


NO_TIME = "is not a time; write ISO 8601 or epoch seconds, ms, us or ns"


def no_time(texts: Sequence[str | None], row: int, name: str) -> str:
    """What to say of a cell that is no time, or none as those before it are."""
    cell = (texts[row] or "").strip()
    if cell.lower() in ("", "nan", "null", "none"):
        return f"{name} is empty; give every row its open time, or remove the row"
    if not row:
        told = other_calendar(cell)
        return f"{name} = {shown(cell)} {NO_TIME}" + (f"; {told}" if told else "")
    remedy = "write all alike, or remove the row"
    if number(cell) > 0 or _TEXT.fullmatch(respelled(cell)):
        remedy = "write all alike"
    elif row == len(texts) - 1:
        remedy = "remove the row if it is a total or the like, else mend it"
    return f"{name} = {shown(cell)} is not a time as those above it ({shown(texts[0])}); {remedy}"


def from_words(texts: list[str], name: str) -> ReadTimes:
    """Texts by the one pattern of all usual spellings; month and day as the column has them."""
    parts = [
        _TEXT.fullmatch(_DASHES.sub(_clocked, text.strip())) or _TEXT.fullmatch(respelled(text))
        for text in texts
    ]
    if bad := [row for row, part in enumerate(parts) if part is None]:
        raise CellError(bad[0], no_time(texts, bad[0], name), bad)
    found = [part for part in parts if part is not None]
    zones = {part["zone"] or part["zone2"] or "none" for part in found if not part["sign"]}
    if len(zones) > 1:
        told = f"{name} holds times of {', '.join(sorted(zones))}; write them in UTC"
        raise CellError(0, told, range(len(texts)))
    if not any(part["a"] for part in found):
        return _assembled(found, texts, name, "dmy")
    dotted = any("." in text[:3] for text in texts[:1])
    tries = []
    for order in ("dmy", "mdy"):
        try:
            tries.append(_assembled(found, texts, name, order))
        except CellError as error:
            failure = error
    with suppress(CellError):
        if all(len(part["y2"] or "") == 2 for part in found):  # 24-03-01
            tries = _year_first(_assembled(found, texts, name, "ymd"), tries)
    if not tries:
        raise failure
    if len(tries) == 1 or dotted:
        return tries[0]
    return _more_regular(tries[0], tries[1], texts[0], name)


def _year_first(tried: ReadTimes, others: list[ReadTimes]) -> list[ReadTimes]:
    """`tried` alone where its steps are more even than those of all others, else the others."""
    if len(tried.time) < 2:
        return others
    spread = [float(np.std(np.diff(one.time))) for one in (tried, *others)]
    return [tried] if spread[0] < min(spread[1:], default=np.inf) else others


def _clocked(dashes: re.Match[str]) -> str:
    """2024-03-01-09-30, whose last two digits are no offset."""
    day, hour, minute, second = dashes.groups()
    return f"{day} {hour}:{minute}:{second or '00'}"


def _more_regular(first: ReadTimes, second: ReadTimes, text: str, name: str) -> ReadTimes:
    """Day first or month first: the one whose steps are the more even."""
    if np.array_equal(first.time, second.time):
        return first
    spread = [
        float(np.std(np.diff(tried.time))) if len(tried.time) > 1 else 0.0
        for tried in (first, second)
    ]
    if spread[0] == spread[1]:
        told = f"{name} = {shown(text)} may be day first or month first; write ISO 8601 times"
        raise CellError(0, told, range(len(first.time)))
    return first if spread[0] < spread[1] else second


def _assembled(parts: list[re.Match[str]], texts: list[str], name: str, order: str) -> ReadTimes:
    """Times; the three numbers of a date come in `order` where neither word nor length tells."""
    out = np.empty(len(parts), np.int64)
    naive, late, bad = False, [], []
    for row, part in enumerate(parts):
        try:
            offset = _offset(part)
            out[row] = _moment(part, order) - (offset or 0) * MINUTE_MS
        except (ValueError, KeyError):
            bad.append(row)
            continue
        naive = naive or offset is None
        if part["H"] == "24":
            late.append(row)
    if bad:
        word, said = parts[bad[0]]["abbr"] or "", NO_TIME
        if word and word.lower() not in OFFSETS:
            said = f"is not told: {word} may be several zones; write its offset, such as +08:00"
        raise CellError(bad[0], f"{name} = {shown(texts[bad[0]])} {said}", bad)
    return _with_midnights(out, texts, naive, late, name) if late else ReadTimes(out, naive)


def _with_midnights(
    time: Times, texts: list[str], naive: bool, late: list[int], name: str
) -> ReadTimes:
    """Times of which the rows `late` are written with an hour 24: the end of their day, or its
    beginning (as JavaScript's toLocaleString writes it) where only that keeps the rows in order."""
    early = time.copy()
    early[late] -= DAY_MS
    if not _ordered(time) and _ordered(early):
        return ReadTimes(early, naive)
    if bad := [row for row in late if time[row] % HOUR_MS]:
        told = f"{name} = {shown(texts[bad[0]])} {NO_TIME}; a day ends at 24:00"
        raise CellError(bad[0], told, bad)
    return ReadTimes(time, naive, texts[late[0]])


def _ordered(time: Times) -> bool:
    steps = np.diff(time)
    return bool(np.all(steps > 0) or np.all(steps < 0))


def _moment(part: re.Match[str], order: str) -> int:
    """Milliseconds of a text's date and clock, its offset left aside."""
    year = part["y"] or part["y2"] or part["y3"] or part["y4"]
    if part["a"]:
        told = dict(zip(order, (part["a"], part["b"], year), strict=True))
        day, month, year = told["d"], told["m"], told["y"]
    else:
        word = part["mon"] or part["mon4"]
        month = part["m"]
        if word:
            month = str(MONTHS.get(word[:4].lower()) or MONTHS[word[:3].lower()])
        day = part["d"] or part["d3"] or part["d4"]
    hour = int(part["H"] or 0)
    if part["ap"]:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if part["ap"] in "pP" else 0)
    whole = 2000 + int(year) if len(year) == 2 else int(year)
    days = date(whole, int(month), int(day)).toordinal() - date(1970, 1, 1).toordinal()
    minute, second = int(part["M"] or 0), int(part["S"] or 0)
    if hour > 24 or minute > 59 or second > 59:
        raise ValueError
    fraction = int((part["f"] or "0")[:3].ljust(3, "0"))
    return days * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS + second * 1000 + fraction


_FARTHEST = 14 * 60
"""Minutes that a zone is ahead of UTC at most."""


def _offset(part: re.Match[str]) -> int | None:
    """Minutes ahead of UTC, None without an offset."""
    if part["sign"]:
        minutes = 60 * int(part["oh"]) + int(part["om"] or 0)
        if minutes > _FARTHEST:
            raise ValueError
        return minutes if part["sign"] == "+" else -minutes
    return OFFSETS[part["abbr"].lower()] if part["abbr"] else None
