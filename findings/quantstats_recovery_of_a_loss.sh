#!/bin/sh
# quantstats gives an account that lost money a positive recovery factor.
#
# The recovery factor is profit over the deepest drawdown: how often the worst fall was earned back. quantstats
# takes the sum of the returns, not what they compound to, and drops its sign. An account that fell by two
# thirds and stayed there has a factor of 1.35, as if the fall had been earned back and more; one that ended
# where it began can have any factor. The more a losing strategy lost, the better it ranks.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --no-compile --target "$folder" quantstats==0.0.86
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import sys

import pandas as pd
import quantstats as qs


def told(returns):
    series = pd.Series(returns, index=pd.date_range("2024-01-01", periods=len(returns)))
    return float(qs.stats.comp(series)), float(qs.stats.max_drawdown(series)), float(qs.stats.recovery_factor(series))


lost = told([0.01, -0.3, -0.3, -0.3, 0.0])
earned = told([0.1, -0.12, 0.12, 0.06, 0.05])
for name, (profit, fall, factor) in (("lost", lost), ("earned", earned)):
    print(f"quantstats {qs.__version__}: account {name} {profit:.3f}, drawdown {fall:.3f}, recovery factor {factor:.2f}")
print(f"profit over drawdown: {lost[0] / -lost[1]:.2f} and {earned[0] / -earned[1]:.2f}")
same = lost[0] < 0 < lost[2] and abs(lost[2] - 0.89 / -lost[1]) < 1e-6
sys.exit(0 if same else "quantstats behaves otherwise now")
CODE
