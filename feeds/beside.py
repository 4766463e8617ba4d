"""Files beside the market's own: mark prices and finer candles, read as the settings say of the
market's file, else as they say themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from stoptrail.core.errors import DataError
from stoptrail.feeds.downloads.download import Notice
from stoptrail.feeds.layouts.recognise import Reading

Result = TypeVar("Result")


def read_beside(
    path: Path,
    what: str,
    reading: Reading,
    attempt: Callable[[Reading, Notice], Result],
    on_notice: Notice,
) -> Result:
    """What `attempt` makes of the file `path` with `reading`, which is that of the market's own
    file, else without its columns, zone and stamp, which `on_notice` is told of. `attempt` raises
    DataError where a file does not go with the market's prices; the first of them is raised where
    neither does. `what` is what the file holds, for people."""
    own = reading._replace(columns=(), zone="", stamp="auto", epochs="utc")
    failed: DataError | None = None
    for one in dict.fromkeys((reading, own)):
        notes: list[str] = []
        try:
            found = attempt(one, notes.append)
        except DataError as error:
            failed = failed or error
            continue
        if failed is not None:
            notes.append(
                f"{what}: {path} is read without data.columns, data.zone and data.stamp, which are "
                "those of the market's own file: so its prices go with the market's"
            )
        for note in notes:
            on_notice(note)
        return found
    assert failed is not None
    raise failed


def of_file_beside(error: DataError, path: str, length: str) -> DataError:
    """`error` of a file beside the market's own, which the setting `path` names: a remedy changes
    that file, no setting that the market's own candles go by. `length`: what to say for
    data.timeframe."""
    text = str(error).replace("data.path or --data", path).replace("data.timeframe", length)
    text = text.replace(
        "set data.symbol to the market of the file, or give another file",
        f"give {path} a file of that market",
    )
    if 'data.volume = "unknown"' in text:
        text += f"; it holds for data.path too: else give {path} a file with volumes"
    if "data.columns" in text:
        text += f"; they hold for data.path too: else give {path} a file that names its columns"
    return DataError(text)
