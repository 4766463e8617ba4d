"""Years of other calendars than the Gregorian one, which are named and not read."""

from __future__ import annotations

import re

_YEAR = re.compile(r"(?<!\d)(\d{4})(?!\d)|^(\d{4})\d{4}(?!\d{3}$|\d{5}$)")
_REPUBLIC = re.compile(r"(1\d\d)(?P<mark>[-/.\u5e74])\d{1,2}(?:(?P=mark)|\u6708)\d{1,2}\D?.*")
_REIWA = re.compile(r"(?:R|\u4ee4\u548c) ?(\d{1,2})[-/.\u5e74].*")
_CALENDARS = ((2543, 2643, 543, "Buddhist (Thai)"), (1379, 1479, -621, "Persian"))
"""First and last year, years before ours, and whose it is; the Persian one begins in March."""


def other_calendar(text: str) -> str:
    """Which other calendar the year of a time may be of, and which year that is; "" of none."""
    text = text.strip()
    if found := _REIWA.fullmatch(text):
        return f"{found[1]} may be a year of Reiwa, {2018 + int(found[1])}"
    if found := _REPUBLIC.fullmatch(text):
        return f"{found[1]} may be a year of the Minguo calendar, {1911 + int(found[1])}"
    for found in _YEAR.finditer(text):
        year = int(found[1] or found[2])
        for first, last, offset, whose in _CALENDARS:
            if first <= year < last:
                more = " or the one after" if offset < 0 else ""
                return f"{year} may be a year of the {whose} calendar, {year - offset}{more}"
    return ""
