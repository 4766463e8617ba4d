#!/bin/sh
# TA-Lib's VAR takes a number of deviations and does nothing with it; STDDEV and BBANDS multiply by theirs.
#
# `VAR(close, timeperiod, nbdev)` reads like `STDDEV(close, timeperiod, nbdev)`, which returns nbdev deviations.
# A band or a size that asks VAR for 2 gets what 1 gives; its square root is not STDDEV with the same arguments.
# Both divide by n, not by n - 1: pandas' rolling var and std, which take n - 1, lie above by n / (n - 1) and
# the root of that, 25 % and 12 % for five candles.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --no-compile --target "$folder" TA-Lib==0.8.2 numpy==2.4.6 pandas==2.3.3
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import sys

import numpy as np
import pandas as pd
import talib

close = 100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.01, 200)))
variance = {n: talib.VAR(close, 5, n)[-1] for n in (1, 2, 3)}
deviation = {n: talib.STDDEV(close, 5, n)[-1] for n in (1, 2, 3)}
rolling = pd.Series(close).rolling(5)
print(f"TA-Lib {talib.__version__}, nbdev 1, 2, 3: VAR", *(f"{x:.6f}" for x in variance.values()),
      "STDDEV", *(f"{x:.6f}" for x in deviation.values()))
print(f"pandas' var and std over those of TA-Lib: {rolling.var().iloc[-1] / variance[1]:.4f} "
      f"{rolling.std().iloc[-1] / deviation[1]:.4f}")
same = len(set(variance.values())) == 1
same = same and np.allclose([deviation[n] / deviation[1] for n in (1, 2, 3)], [1, 2, 3])
same = same and np.isclose(variance[1], close[-5:].var()) and np.isclose(rolling.var().iloc[-1] / variance[1], 1.25)
sys.exit(0 if same else "it behaves otherwise now")
CODE
