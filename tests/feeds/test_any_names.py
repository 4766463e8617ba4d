"""Names, orders, spellings of times and columns of other things in any mixture: the candles that
were written are loaded, or the file is refused; never others."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stoptrail.core.errors import DataError
from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.rules.candles import rows_of as chosen
from tests.feeds.candle_files import QUARTER
from tests.feeds.test_refusals import walk
from tests.feeds.written import Row, moment, rows_of, typical

TIMES: dict[str, Callable[[int], str]] = {
    "ISO": lambda t: moment(t, "%Y-%m-%dT%H:%M:%SZ"),
    "blank": moment,
    "ms": str,
    "s": lambda t: str(t // 1000),
    "us": lambda t: str(t * 1000),
    "ns": lambda t: str(t * 10**6),
    "fraction": lambda t: f"{t / 1000:.3f}",
    "points": lambda t: moment(t, "%d.%m.%Y %H:%M"),
    "slashes": lambda t: moment(t, "%m/%d/%Y %H:%M"),
    "words": lambda t: moment(t, "%d %b %Y %H:%M:%S"),
    "digits": lambda t: moment(t, "%Y%m%d%H%M"),
    "spreadsheet": lambda t: repr(t / 86_400_000 + 25_569),
}
TIME_NAMES = (
    *("timestamp", "Date", "datetime", "Open time", "openTime", "ts", "unix", "Timestamp (UTC)"),
    *("startTime", "candle_begin_time", "bar_time", "period_start", "time_utc", "kline_start"),
    *("epoch_ms", "candleStart", "interval_start", "Date/Time", "bar_start_ts", "trade_time"),
)
PRICE_NAMES = (
    *("open high low close", "Open High Low Close", "o h l c", "OPEN HIGH LOW LAST"),
    *("open_price high_price low_price close_price", "priceOpen priceHigh priceLow priceClose"),
    *("px_open px_high px_low px_last", "first max min last", "<OPEN> <HIGH> <LOW> <CLOSE>"),
    "candle_open candle_high candle_low candle_close",
)
VOLUME_NAMES = (
    *("volume", "Vol.", "v", "base_volume", "Volume (BTC)", "amount", "qty", "volumefrom"),
    *("tradedVolume", "total_volume", "vol_base", "size"),
)
OTHERS: dict[str, Callable[[Row], Any]] = {
    "quote_volume": lambda r: r[5] * typical(r),
    "turnover": lambda r: r[5] * typical(r),
    "number_of_trades": lambda r: r[0] // QUARTER % 91,
    "vwap": typical,
    "symbol": lambda r: "BTCUSDT",
    "close_time": lambda r: r[0] + QUARTER - 1,
    "adj_close": lambda r: r[4],
    "Change %": lambda r: "0.13%",
    "id": lambda r: r[0] // QUARTER % 1000,
    "open_interest": lambda r: 5123.5,
    "funding_rate": lambda r: 0.0001,
    "taker_buy_base": lambda r: r[5] / 2,
    "exchange": lambda r: "binance",
    "interval": lambda r: "15m",
    "is_closed": lambda r: "true",
    "ema200": lambda r: r[4],
    "buy_volume": lambda r: r[5] / 2,
    "received_at": lambda r: r[0] + QUARTER + r[0] // QUARTER % 77,
    "prev_close": lambda r: r[4],
    "mark_price": typical,
    "volume_ma": lambda r: r[5],
}


def write(path: Path, given: Any, chance: random.Random) -> str:
    """A file of these candles, made up; what it was made of."""
    spelling, others = chance.choice([*TIMES]), chance.sample([*OTHERS], chance.choice([0, 1, 3]))
    prices = chance.choice(PRICE_NAMES).split()
    names = [chance.choice(TIME_NAMES), *prices, chance.choice(VOLUME_NAMES), *others]
    order = list(range(len(names)))
    if chance.random() < 0.5:
        chance.shuffle(order)
    rows = [
        [TIMES[spelling](row[0]), *map(repr, row[1:]), *(str(OTHERS[name](row)) for name in others)]
        for row in rows_of(given)
    ]
    rows = rows[::-1] if chance.random() < 0.3 else rows
    kind = chance.choice([",", ";", "\t", "decimal comma", "JSON", "lines"])
    table = [[row[i] for i in order] for row in rows]
    header = [names[i] for i in order]
    if kind in ("JSON", "lines"):
        records = [dict(zip(header, row, strict=True)) for row in table]
        path.write_text(
            json.dumps(records) if kind == "JSON" else "\n".join(map(json.dumps, records))
        )
    else:
        if kind == "decimal comma":
            dots = spelling == "points"
            table = [
                [
                    c if dots and i == 0 else c.replace(".", ",")
                    for i, c in zip(order, row, strict=True)
                ]
                for row in table
            ]
        separator = ";" if kind == "decimal comma" else kind
        path.write_text("\n".join(separator.join(cells) for cells in [header, *table]) + "\n")
    return f"{kind}, times in {spelling}, {header}"


@pytest.mark.parametrize("part", range(4))
def test_what_was_written_is_loaded_or_refused(tmp_path: Path, part: int) -> None:
    seed = random.SystemRandom().randrange(10**6)
    chance, refused = random.Random(seed), []
    for turn in range(40):
        count = chance.choice([12, 300])
        given = chosen(walk(), slice(0, count))
        made = f"seed {seed}, {turn}: {write(tmp_path / 'file', given, chance)}"
        try:
            loaded = load_file(tmp_path / "file", QUARTER, Reading(exchange="binance"))
        except DataError as error:
            refused.append(f"{made}: {error}")
            continue
        assert np.array_equal(loaded.candles.time, given.time), made
        for name in ("open", "high", "low", "close"):
            assert np.array_equal(getattr(loaded.candles, name), getattr(given, name)), made
        if loaded.unit == "base":
            assert np.allclose(loaded.candles.volume, given.volume), made
    assert [line for line in refused if "may be day first or month first" not in line] == []
    assert len(refused) < 20
