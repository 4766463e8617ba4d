#!/bin/sh
# Compiled by numba, np.median of data with a nan is a number, and not always the same one.
#
# NumPy's median is nan as soon as one value is: a missing candle shows. numba documents np.median as supported;
# compiled, the nan takes part in the selection as it stands, and what comes out depends on where it is: the same
# five values have a median of 2, 3, 4 or nan, by their order. np.mean, np.max and np.percentile do give nan,
# compiled or not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" numba==0.68.1 numpy==2.4.6
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import itertools
import sys

import numba
import numpy as np


@numba.njit
def median(values):
    return np.median(values)


@numba.njit
def others(values):
    return np.mean(values), np.max(values), np.percentile(values, 50.0)


values = [1.0, 2.0, 3.0, 4.0, np.nan]
orders = [np.array(order) for order in itertools.permutations(values)]
plain = {str(np.median(order)) for order in orders}
compiled = sorted({str(median(order)) for order in orders})
print(f"numba {numba.__version__}, numpy {np.__version__}: every order of {values}")
print(f"np.median {plain}, compiled {compiled}")
print("compiled mean, max and percentile:", others(orders[0]))
same = plain == {"nan"} and len(compiled) > 1 and compiled != ["nan"]
same = same and all(np.isnan(value) for value in others(orders[0]))
sys.exit(0 if same else "numba behaves otherwise now")
CODE
