#!/bin/sh
# Asof joins of pandas, Polars and DuckDB take different quotes where two have one time or one distance.
#
# Trades are joined with the last quote before them. Exchanges stamp in milliseconds, and several quotes share
# one. pandas and Polars take the last of them; DuckDB's ASOF JOIN takes the first for one trade, and for the
# same trade in a table of a thousand the last, as it joins small tables in another way: what was looked up
# live is not what the backtest saw. With the nearest quote, and a trade midway between two, pandas takes the
# earlier, and Polars the later, which the trader had not seen.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" pandas==2.3.3 numpy==2.4.6 polars==2.1.0 duckdb==2.0.1
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import sys

import duckdb
import pandas as pd
import polars as pl

COUNT = 1000
quotes = pd.DataFrame({"time": [at // 2 * 10 for at in range(2 * COUNT)], "quote": range(2 * COUNT)})
trades = pd.DataFrame({"time": [at * 10 + 1 for at in range(COUNT)]})
midway, two = pd.DataFrame({"time": [15]}), pd.DataFrame({"time": [10, 20], "quote": [1, 2]})


def in_pandas(left, right, direction="backward"):
    return pd.merge_asof(left, right, on="time", direction=direction)["quote"].to_list()


def in_polars(left, right, strategy="backward"):
    frames = [pl.from_dict(frame.to_dict("list")) for frame in (left, right)]
    return frames[0].join_asof(frames[1], on="time", strategy=strategy)["quote"].to_list()


def in_duckdb(left, right):
    question = "SELECT quote FROM one ASOF JOIN other ON one.time >= other.time ORDER BY one.time"
    with duckdb.connect() as database:
        database.register("one", left)
        database.register("other", right)
        return [row[0] for row in database.execute(question).fetchall()]


print(f"pandas {pd.__version__}, polars {pl.__version__}, duckdb {duckdb.__version__}")
print("quotes 0 and 1 at time 0, trade at 1; joined alone, and with 999 others")
told = {}
for join in (in_pandas, in_polars, in_duckdb):
    told[join.__name__] = (join(trades[:1], quotes)[0], join(trades, quotes)[0])
    print(join.__name__, *told[join.__name__])
nearest = in_pandas(midway, two, "nearest"), in_polars(midway, two, "nearest")
print("quotes 1 at 10 and 2 at 20, trade at 15, nearest: pandas {}, Polars {}".format(*nearest))
same = told == {"in_pandas": (1, 1), "in_polars": (1, 1), "in_duckdb": (0, 1)}
sys.exit(0 if same and nearest == ([1], [2]) else "one of them behaves otherwise now")
CODE
