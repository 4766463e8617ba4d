"""Columns of words in a table without names: its markets, timeframes or exchanges."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stoptrail.feeds.layouts.strangers import is_trades
from stoptrail.feeds.tables.convert import NULLS, number
from stoptrail.feeds.tables.sheets import Sheet

_OFTEN = 3
"""Rows that each word has, on the average."""


def word_columns(sheet: Sheet) -> list[int]:
    """Positions of columns in which a few words come again and again, as names of markets do;
    sides of trades are none."""
    return [i for i, cells in enumerate(sheet.sample) if _are_words(cells)]


def _are_words(cells: Sequence[object]) -> bool:
    words = {str(cell).strip() for cell in cells}
    few = len(words) * _OFTEN <= len(cells)
    return few and all(map(_is_word, words)) and not is_trades([cells])


def _is_word(word: str) -> bool:
    letters = any(letter.isalpha() for letter in word) and not _DATED.match(word)
    named = number(word) != number(word) or bool(_TIMEFRAME.fullmatch(word))  # 15m is no million
    return letters and named and word.lower() not in NULLS


_TIMEFRAME = re.compile(r"\d{1,3}(m|min|h|d|w)")


_DATED = re.compile(r"\d{1,4}[-/.: ]|\d{1,2}[A-Za-z]{3}\d|[A-Za-z]{3,9}\.? \d")
"""How days and times of day begin."""


def rows_alike(sheet: Sheet, columns: Sequence[int]) -> Sheet:
    """The sheet with those rows of its sample that have the words of the first in `columns`."""
    told = list(zip(*(sheet.sample[i] for i in columns), strict=True))
    mine = [row for row, words in enumerate(told) if words == told[0]]
    return sheet._replace(sample=tuple(tuple(c[row] for row in mine) for c in sheet.sample))


def with_flag(sheet: Sheet, names: Sequence[str]) -> tuple[str, ...]:
    """Names of columns that have none in the file: one of true and false that is true in all rows
    but perhaps the first and the last, as Gate's, tells which candles are finished."""
    told = list(names)
    for i, cells in enumerate(sheet.sample[: len(told)]):
        words = [str(cell).strip().lower() for cell in cells]
        if told[i] in ("", "-") and {*words[1:-1]} == {"true"} and {*words} <= {"true", "false"}:
            told[i] = "closed"
    return tuple(told)
