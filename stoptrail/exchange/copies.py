"""Candles of which several answers have a copy: which one is kept, and what answers leave out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import ceil, isclose, log

from stoptrail.core.time import iso
from stoptrail.exchange.rows import Row

_SAME_VOLUME = 1e-9
"""Volumes that differ by less, as part of themselves, are one number written in two ways."""
_NOTHING_NEW = (3, 20)
"""Least and most answers in a row without a new candle that make a hole of such an exchange."""
_OVERLOOKED = 1e-5  # how often a candle may be in none of them, by the share that is left out


def same_candle(one: Row, other: Row) -> bool:
    """Whether two copies of a candle tell the same, however their volume is written."""
    return one[:5] == other[:5] and isclose(one[5], other[5], rel_tol=_SAME_VOLUME)


class CandleCopies:
    """Copies of one candle that differ: the first or last one of an answer, or one that has only
    just closed, may be a part of it. A part has less volume than the whole."""

    def __init__(self) -> None:
        self.differing: set[int] = set()
        """Open times of candles that were given with different values."""

    def whole(self, one: Row, later: Row) -> Row:
        """Of two copies the one with more volume; of equal ones the one that came later."""
        if not same_candle(one, later):
            self.differing.add(one[0])
        same_volume = isclose(one[5], later[5], rel_tol=_SAME_VOLUME)
        return later if same_volume or later[5] > one[5] else one

    def lines(self, exchange_id: str, end: int) -> Iterator[str]:
        """What to say of those that opened before `end`, if anything."""
        times = sorted(time for time in self.differing if time < end)
        if times:
            some = f"the first at {iso(times[0])}" if len(times) > 1 else f"at {iso(times[0])}"
            yield (
                f"{exchange_id} gave {len(times)} candle{'s' * (len(times) > 1)} with different "
                f"values, {some}: the copy with more volume is kept, the later one of equal ones"
            )

    def merged(self, *tables: Iterable[Row]) -> list[Row]:
        """All candles of `tables`, the later ones last, each once and ascending."""
        found: dict[int, Row] = {}
        for table in tables:
            for row in table:
                known = found.get(row[0])
                found[row[0]] = row if known is None else self.whole(known, row)
        return [found[time] for time in sorted(found)]


class Losses:
    """What answers left out between their own first and last candle, where another one had it."""

    def __init__(self) -> None:
        self.lossy = False
        """Whether any did."""
        self._left_out = self._known = 0
        """Candles that such answers left out, of those that were known between their ends."""

    def compare(self, rows: list[Row], fresh: list[Row], after: int) -> None:
        """Of an answer and of a smaller one of the same time, in which none is before `after`."""
        there, again = {row[0] for row in rows}, {row[0] for row in fresh}
        within = {time for time in there if fresh and time <= fresh[-1][0]}
        inside = {time for time in again if after < time < rows[-1][0]}
        self.lossy = self.lossy or bool(within - again | inside - there)

    def count(self, rows: list[Row], found: Mapping[int, Row]) -> None:
        """Of what was found, how much an answer left out between its own first and last."""
        known = sum(rows[0][0] <= time <= rows[-1][0] for time in found) if rows else 0
        self._known += known
        self._left_out += known - sum(row[0] in found for row in rows)

    def how_often(self) -> str:
        """How often holes were asked for, in words."""
        return "until nothing new came: its answers leave out some" if self.lossy else "twice"

    def patience(self) -> int:
        """How many answers without news in a row make a hole."""
        least, most = _NOTHING_NEW
        share = min(self._left_out / max(self._known, 1), 0.9)
        return max(least, min(most, ceil(log(_OVERLOOKED) / log(share)))) if share else least
