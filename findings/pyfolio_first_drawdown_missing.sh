#!/bin/sh
# pyfolio's table of drawdowns lacks the one that begins with the first return.
#
# A strategy that loses at once and does not recover has one drawdown, its whole life. The figure in the tear
# sheet knows it: minus a half below. The table of the worst drawdowns beside it measures from the first day's
# value, which is after that loss: a later drop of 5 % is shown as the worst, or 0 % if there is none. A return
# of 0 put before the first shows them all.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --no-compile --target "$folder" pyfolio-reloaded==0.10.1
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import sys

import pandas as pd
import pyfolio
from pyfolio.timeseries import gen_drawdown_table, perf_stats

days = pd.date_range("2024-01-01", periods=6)
LOSSES = [-0.5, 0.1, 0.1, -0.05, 0.01, 0.01]
lost = pd.Series(LOSSES, index=days)
begun = pd.Series([0.0, *LOSSES], index=[days[0] - pd.Timedelta(days=1), *days])


def worst(returns):
    """The largest drawdown in per cent: the figure and the table."""
    figure = -100 * float(perf_stats(returns)["Max drawdown"])
    table = gen_drawdown_table(returns, 1)["Net drawdown in %"]
    return round(figure, 3), round(float(table[0]), 3)


first, later = worst(lost), worst(begun)
print(f"pyfolio {pyfolio.__version__}: half is lost on the first day, 5 % on the fourth")
print("largest drawdown {} %, in the table {} %".format(*first))
print("with a return of 0 before: {} %, in the table {} %".format(*later))
same = first == (50.0, 5.0) and later == (50.0, 50.0)
sys.exit(0 if same else "pyfolio behaves otherwise now")
CODE
