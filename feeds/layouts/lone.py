"""Columns of unknown names in which the newest candle alone stands apart, as one under way does."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from stoptrail.feeds.tables.convert import NULLS, number, one_line
from stoptrail.feeds.tables.sheets import Sheet
from stoptrail.rules.candles import Times

_FEWEST = 4
"""Rows too few for one of them to stand apart."""
_MOST = 4
"""Columns that are looked at: more that are the same in all rows fill a table."""
_FILLED = "ignore"
"""A column of Binance's that says nothing."""


def said_of_newest(
    sheet: Sheet, used: Collection[int | None], time: Times, rows: NDArray[np.intp]
) -> list[str]:
    """What to say of columns other than `used` that are the same in all candles (`time`, of those
    `rows` of the file) but the newest: they may mark it as not over yet."""
    if len(rows) < _FEWEST or not sheet.names:
        return []
    others = [i for i in range(sheet.width) if i not in used and _may_mark(sheet, i)]
    newest, said = int(np.argmax(time)), []
    for i in others[:_MOST]:
        # Not compared by pyarrow: what it computes with takes longer to load than this.
        values = [None if cell != cell else cell for cell in sheet.read([i]).column(0).to_pylist()]
        kept = [values[row] for row in rows]
        mine, rest = kept.pop(newest), {*kept}
        if len(rest) == 1 and mine not in rest:
            own, other = (
                "nothing" if cell is None else one_line(str(cell).strip(), 40) or "nothing"
                for cell in (mine, *rest)
            )
            said.append(
                f"only the newest candle has {sheet.names[i]} = {own}, the others {other}: where "
                "that marks one that is not over yet, leave its row out"
            )
    return said


def _may_mark(sheet: Sheet, column: int) -> bool:
    """Whether the first rows of a column have one word, or one of 0 and 1, but for a single one at
    an end of them."""
    if not all(isinstance(cell, str | int | float | None) for cell in sheet.sample[column]):
        return False
    cells = [str(cell).strip().lower() for cell in sheet.sample[column]]
    inner = {*cells[1:-1]}
    if sheet.names[column].lower() == _FILLED or len(inner) != 1 or len({*cells}) > len(inner) + 1:
        return False
    word = inner.pop()
    return word not in NULLS and (number(word) != number(word) or number(word) in (0.0, 1.0))
