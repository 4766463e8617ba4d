"""Funding as freqtrade stores it, its older files as candles with the rate in their open."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from stoptrail.core.errors import DataError
from stoptrail.feeds.funding.rates import read_funding
from tests.feeds.candle_files import candles

EIGHT = 28_800_000
TIME = 1_704_240_000_000 + EIGHT * np.arange(60)
RATE = np.array([0.0001, -0.00005, 0.0002] * 20)
NAMES = ("open", "high", "low", "close", "volume")


def folder_of(place: Path, kind: str, *, older: bool) -> Path:
    """A folder with the file of funding, and candles of the swap and its mark price beside it."""
    columns = {"open": RATE} | dict.fromkeys(NAMES[1:], np.zeros(60))
    rates = columns if older else {"funding_rate": RATE}
    prices = {name: getattr(candles(60), name) for name in NAMES}
    for name, told in (("8h-funding_rate", rates), ("15m-futures", prices), ("8h-mark", prices)):
        path = place / f"BTC_USDT_USDT-{name}"
        date = pa.array(TIME).cast(pa.timestamp("ms", "UTC"))
        cells = [TIME.tolist(), *(column.tolist() for column in told.values())]
        rows = json.dumps([list(row) for row in zip(*cells, strict=True)])
        if kind == "feather":
            pyarrow.feather.write_feather(pa.table({"date": date} | told), f"{path}.feather")
        elif kind == "parquet":
            pq.write_table(pa.table({"date": date} | told), f"{path}.parquet")
        elif kind == "json":
            path.with_suffix(".json").write_text(rows)
        else:
            Path(f"{path}.json.gz").write_bytes(gzip.compress(rows.encode()))
    return place


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("kind", ["feather", "parquet", "json", "jsongz"])
def test_rates_of_every_store_are_read(kind: str, older: bool, tmp_path: Path) -> None:
    folder_of(tmp_path, kind, older=older)
    for path in (next(tmp_path.glob("*funding*")), tmp_path):
        said: list[str] = []
        rows = read_funding(path, "BTC/USDT:USDT", said.append)
        assert rows.time.tolist() == TIME.tolist()
        assert rows.rate.tolist() == RATE.tolist()
        assert older == ("funding: the rate is taken from open, where freqtrade kept it" in said)
        left = "funding: of 3 files 2 are left out, whose names do not say funding"
        assert (path == tmp_path) == (left in said)


CANDLES = [{"t": t // 1000, "o": r, "h": r + 0.01, "l": r - 0.01, "c": r}
           for t, r in zip(TIME.tolist(), RATE.tolist(), strict=True)]  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [CANDLES, {"code": "0", "data": CANDLES}, [{"symbol": "BTCUSDT_PERP.A", "history": CANDLES}]],
)
def test_candles_of_a_rate_are_no_payments(answer: object, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(answer))
    with pytest.raises(DataError, match=r"holds candles .*of a rate as it was foretold"):
        read_funding(path)


def test_candles_whose_other_prices_are_not_all_zero_hold_no_rates(tmp_path: Path) -> None:
    columns = {"date": TIME, "open": RATE} | dict.fromkeys(NAMES[1:], np.zeros(60))
    pq.write_table(pa.table(columns | {"high": np.r_[np.zeros(59), 1.0]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="holds candles"):
        read_funding(tmp_path / "a.parquet")
