#!/bin/sh
# pyfolio's round trips leave out whatever is not a whole number of units.
#
# `extract_round_trips` pairs buys and sells unit by unit: an amount of 2.5 counts as 2, one of 0.5 as nothing.
# For shares that is the same; for coins it is not. Half a bitcoin bought and sold is no round trip at all, and
# the profit on two and a half is that on two: the tear sheet's win rates and profits come from the rest. Count
# in satoshis, or in thousandths, before handing it transactions.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --no-compile --target "$folder" pyfolio-reloaded==0.10.1
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import sys

import pandas as pd
import pyfolio
from pyfolio.round_trips import extract_round_trips

days = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"], utc=True)


def trips(first, second):
    """Two trades from 100 to 110."""
    table = {"amount": [first, -first, second, -second], "price": [100.0, 110.0] * 2, "symbol": "BTC"}
    return extract_round_trips(pd.DataFrame(table, index=days))["pnl"].round(6).to_list()


whole, parts = trips(1, 3), trips(0.5, 2.5)
print(f"pyfolio {pyfolio.__version__}: 1 and 3 bitcoins from 100 to 110 earn {whole}")
print(f"0.5 and 2.5 of them earn {parts} instead of [5.0, 25.0]")
sys.exit(0 if (whole, parts) == ([10.0, 30.0], [20.0]) else "pyfolio behaves otherwise now")
CODE
