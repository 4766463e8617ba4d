"""Names and layout of a sheet, or what to say where it has none."""

from __future__ import annotations

from stoptrail.core.errors import DataError
from stoptrail.feeds.layouts.positions import named_by_numbers
from stoptrail.feeds.layouts.recognise import Layout, MissingError, recognised
from stoptrail.feeds.layouts.strangers import one_value_a_row, what_else
from stoptrail.feeds.layouts.unnamed_times import name_the_time
from stoptrail.feeds.tables.sheets import Sheet, by_market
from stoptrail.rules.candles import Floats


def laid_out(
    sheet: Sheet, names: tuple[str, ...], numbers: list[Floats], kind: str, *, guess: bool
) -> tuple[tuple[str, ...], Layout]:
    """Names and layout; DataError that says what else it is, or how to name the columns where
    the numbers tell (`guess`: the user has not done so yet)."""
    try:
        return names, recognised(names, numbers, kind)
    except MissingError as error:
        if guess and (told := by_market(names, least=1)):
            return told[0], recognised(told[0], numbers, kind)
        if other := what_else(names) or one_value_a_row(names, sheet.sample):
            raise DataError(other) from None
        tries = [name_the_time, named_by_numbers] if guess else []
        ways = (tell(sheet, sheet.numbers()) for tell in tries)
        raise DataError(next(filter(None, ways), str(error))) from None
