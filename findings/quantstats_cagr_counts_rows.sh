#!/bin/sh
# The CAGR of quantstats counts rows, 252 to a year, whatever dates stand beside them.
#
# Returns of a market that trades every day have 365 rows a year. quantstats does not look at their
# dates: a loss of a tenth over one calendar year is spread over 365 / 252 = 1.45 years and shown as
# about 7 %, a gain of 50 % as 32 %. Its tear sheet takes the same figure, and Calmar with it. The
# days without trades that a strategy's own returns leave out change it as well. `periods=365` helps
# for complete daily returns only.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" quantstats==0.0.86
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import sys

import pandas as pd
import quantstats as qs

days = pd.date_range("2023-01-02", "2024-01-01")  # 365 returns, 2023-01-01 to 2024-01-01


def shown(whole_year):
    returns = pd.Series((1 + whole_year) ** (1 / len(days)) - 1, index=days)
    return round(float(qs.stats.cagr(returns)), 4)


gain, loss = shown(0.5), shown(-0.1)
print(f"quantstats {qs.__version__}: +50 % over 365 days is told as {gain:+.2%} a year, -10 % as {loss:+.2%}")
same = (gain, loss) == (round(1.5 ** (252 / 365) - 1, 4), round(0.9 ** (252 / 365) - 1, 4))
sys.exit(0 if same else "quantstats behaves otherwise now")
CODE
