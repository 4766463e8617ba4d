"""Files of a day as LEAN writes them: the name tells it, rows count from its midnight."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from stoptrail.core.errors import DataError
from stoptrail.feeds.layouts.markets import market_in_name
from stoptrail.feeds.tables.sheets import Sheet

_LEAN_DAY = re.compile(r"(?:^|/)(\d{8})_[^/]*(?:trade|quote|minute|second)[^/]*$", re.IGNORECASE)


def lean_day(sheet: Sheet, name: str) -> Sheet:
    """A sheet whose file name says that it holds a day as LEAN writes it. Raises DataError for
    shares, whose prices and times count otherwise than those of crypto."""
    match = _LEAN_DAY.search(name)
    if match is None or sheet.names:
        return sheet
    try:
        moment = datetime.strptime(match[1], "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return sheet
    prices = [cell for column in sheet.sample[1:5] for cell in column]
    whole = prices and all(isinstance(cell, str) and cell.isdigit() for cell in prices)
    if whole and not market_in_name(name.rpartition("/")[2]):
        raise DataError(
            "is LEAN's layout of shares: prices in 1/10,000 of a dollar, times of New York; give a "
            "crypto market, or prices in dollars with times in UTC"
        )
    return sheet._replace(day=round(moment.timestamp() * 1000))
