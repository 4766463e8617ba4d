#!/bin/sh
# Seven days are not a week in Polars, and two weeks of Polars are not two weeks of DuckDB.
#
# Candles of a week from candles of a day: `every="1w"` begins them on Monday, as exchanges do, `every="7d"` on
# Thursday, because days are counted from 1970 (and "2w" again on Mondays). In DuckDB `time_bucket` counts from
# a Monday in 2000, so 7 days are a week there; but its fortnights, and its windows of 5 or 7 hours, begin at
# other times than those of Polars. Files written by the one and completed by the other do not line up.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" polars==2.1.0 duckdb==2.0.1
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import sys
from datetime import datetime

import duckdb
import polars as pl

MOMENT = datetime(2024, 5, 16, 12)  # a Thursday


def in_polars(every):
    return pl.Series([MOMENT]).dt.truncate(every)[0]


def in_duckdb(width):
    return duckdb.execute(f"SELECT time_bucket(INTERVAL '{width}', ?::TIMESTAMP)", [MOMENT]).fetchone()[0]


told = {}
print(f"polars {pl.__version__}, duckdb {duckdb.__version__}: the beginning of the window of {MOMENT}")
for every, width in (("1d", "1 day"), ("7d", "7 days"), ("1w", "1 week"), ("2w", "2 weeks"), ("5h", "5 hours")):
    told[every] = (in_polars(every), in_duckdb(width))
    print(f"{width}: Polars {told[every][0]:%a %d %B %H:%M}, DuckDB {told[every][1]:%a %d %B %H:%M}")
monday, thursday = datetime(2024, 5, 13), datetime(2024, 5, 16)
same = told["1d"] == (thursday, thursday) and told["1w"] == (monday, monday)
same = same and told["7d"] == (thursday, monday)
same = same and told["2w"][0] != told["2w"][1] and told["5h"][0] != told["5h"][1]
sys.exit(0 if same else "one of them behaves otherwise now")
CODE
