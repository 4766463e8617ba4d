"""What was tried on a market before this sweep: luck does not forget it.

Each sweep leaves the number and the spread of its trials in the database, once for the
same candles, settings and grid however often it runs.
"""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

import numpy as np
from peewee import BigIntegerField, CharField, FloatField, Model, PeeweeException

from stoptrail.core.database import Address, make_tables, open_database, reason_of, shown, writing
from stoptrail.core.errors import StoreError
from stoptrail.rules.candles import Floats


class SweepTried(Model):
    """The trials of one search."""

    identity = CharField(primary_key=True, max_length=64)
    """Digest of candles, settings and grid."""
    symbol = CharField(max_length=128)
    begins = BigIntegerField()
    ends = BigIntegerField()
    """Span in milliseconds, half-open."""
    trials = BigIntegerField()
    total = FloatField()
    squares = FloatField()
    """Sums of the trials' daily Sharpe ratios and of their squares."""
    created = BigIntegerField()

    class Meta:
        """Table name."""

        table_name = "sweep_tried"


class Tried(NamedTuple):
    """Trials of one search or of several."""

    sweeps: int
    trials: int
    total: float
    squares: float

    @property
    def spread(self) -> float:
        """Standard deviation (ddof 1) of the trials' daily Sharpe ratios."""
        if self.trials < 2:
            return 0.0
        apart = self.squares - self.total * self.total / self.trials
        return math.sqrt(max(apart, 0.0) / (self.trials - 1))

    def with_more(self, other: Tried) -> Tried:
        """Both together."""
        return Tried._make(a + b for a, b in zip(self, other, strict=True))


NONE = Tried(0, 0, 0.0, 0.0)


def tried(sharpes: Floats) -> Tried:
    """The trials of one search by their daily Sharpe ratios; one without a trade (NaN)
    counts as 0, as in `trial_spread`."""
    known = np.nan_to_num(sharpes, nan=0.0, posinf=0.0, neginf=0.0)
    return Tried(1, len(known), float(known.sum()), float((known * known).sum()))


def remember(url: Address, identity: str, symbol: str, span: tuple[int, int], own: Tried) -> Tried:
    """Note the trials of this search; those of every other search of the symbol whose span
    overlaps this one's. Raises StoreError where the database cannot be used."""
    database = open_database(url)
    try:
        with database.bind_ctx([SweepTried]):
            make_tables(database, [SweepTried])
            with writing(database):
                _note(identity, symbol, span, own)
            rows = SweepTried.select().where(
                (SweepTried.symbol == symbol)
                & (SweepTried.begins < span[1])
                & (SweepTried.ends > span[0])
                & (SweepTried.identity != identity)
            )
            found = NONE
            for row in rows.order_by(SweepTried.identity):
                found = found.with_more(Tried(1, row.trials, row.total, row.squares))
            return found
    except PeeweeException as error:
        reason = reason_of(error, url)
        raise StoreError(
            f"database.url {shown(url)}: trials cannot be counted ({reason})"
        ) from None
    finally:
        database.close()


def _note(identity: str, symbol: str, span: tuple[int, int], own: Tried) -> None:
    row: dict[str, Any] = {
        "identity": identity,
        "symbol": symbol,
        "begins": span[0],
        "ends": span[1],
        "trials": own.trials,
        "total": own.total,
        "squares": own.squares,
        "created": int(time.time() * 1000),
    }
    SweepTried.insert(row).on_conflict_ignore().execute()
