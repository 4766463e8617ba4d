"""Funding rates from an exchange into the cache, beside its candles (C19)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stoptrail.core.errors import ConfigError, DataError
from stoptrail.core.time import timeframe_name
from stoptrail.exchange.client import open_exchange, server_time
from stoptrail.exchange.funding import HOURLY_OF_EIGHT, funding_between, missing
from stoptrail.exchange.markets import load_markets
from stoptrail.feeds.funding.rates import funding_path, read_funding, write_funding
from stoptrail.rules.funding import FundingRow, FundingRows, funding_rows


def download_funding(
    exchange_id: str,
    options: dict[str, Any],
    symbol: str,
    interval: int,
    start: int,
    end: int,
    folder: Path,
    on_notice: Callable[[str], None] = lambda _: None,
) -> tuple[Path, FundingRows]:
    """Bring the rows of [start, end], times in ms, into the cache: the file and all its rows.

    `interval` is that of the market's candles. Where the cache begins early enough, only what
    follows its last row is asked for, or the first of its holes. Raises ConfigError where the
    market is no swap or publishes none, DataError where nothing comes, ExchangeError, OutputError.
    """
    exchange = open_exchange(exchange_id, options)
    market = load_markets(exchange, symbol, timeframe_name(interval))
    if not market.get("swap"):
        raise ConfigError(f"{exchange_id} {symbol} is no swap, so it pays no funding; name a swap")
    path = funding_path(folder, exchange_id, symbol)
    known, end = _known(path, exchange_id), min(end, server_time(exchange))
    first = start if known is None else _from(known, start)
    rows: list[FundingRow] = []
    if first <= end:
        rows = funding_between(exchange, market["symbol"], first, end, on_notice)
    together = _together(known, _columns(rows))
    if not len(together.time):
        raise DataError(f"{exchange_id} gave no funding of {symbol}; set data.start and data.end")
    write_funding(path, together, {b"stoptrail.funding": f"{exchange_id} {symbol}".encode()})
    return path, together


def _known(path: Path, exchange_id: str) -> FundingRows | None:
    """What is in the cache; nothing where that is damaged, or its rates are not those of its rows,
    as an older version kept them: what is written now is whole."""
    try:
        known = read_funding(path) if path.exists() else None
    except DataError:
        return None
    wrong = known is not None and exchange_id in HOURLY_OF_EIGHT and not known.hours.all()
    return None if wrong else known


def _from(known: FundingRows, start: int) -> int:
    """From when on rows are to be asked for: after the last one that is known, or where the first
    ones are missing since `start`, ms."""
    times: list[int] = known.time.tolist()
    for first, last in sorted(missing(times, start, times[-1])):
        if last > start:
            return first if first < times[0] else first + 1
    return times[-1] + 1


def _columns(rows: Sequence[FundingRow]) -> FundingRows:
    table = np.array([tuple(row) for row in rows], np.float64).reshape(-1, 4)
    return funding_rows(table[:, 0].astype(np.int64), table[:, 1], table[:, 2], table[:, 3])


def _together(known: FundingRows | None, fresh: FundingRows) -> FundingRows:
    """Both in order; of two rows in a minute the fresh one."""
    parts = [fresh] if known is None else [fresh, known]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    _, first = np.unique(columns[0], return_index=True)
    return FundingRows._make(column[first] for column in columns)
