#!/bin/sh
# fastparquet writes dates of 1970 with times="int96" (the form that Spark and Hive read) as soon
# as a column does not count nanoseconds, which is what pandas 3 makes of dates by default
# (microseconds). The numbers are stored as if they were nanoseconds: 2024-03-01 becomes 20 January
# 1970, without a word, and every reader gives that back. With times="int64" the dates are right.
# Cast to nanoseconds before writing, or write with pyarrow.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" \
    fastparquet==2026.9.0 pandas==3.1.1 pyarrow==26.0.1
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - "$folder" <<'CODE'
import sys

import fastparquet
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

path = f"{sys.argv[1]}/candles.parquet"
made = pd.DataFrame({"time": pd.to_datetime(["2024-03-01 00:00", "2024-03-01 00:15"])})


def written(frame, times):
    fastparquet.write(path, frame, times=times)
    return [str(value) for value in pq.read_table(path)["time"].to_pylist()]


print(f"fastparquet {fastparquet.__version__}, pandas {pd.__version__}, pyarrow {pa.__version__}")
print("pandas makes", made["time"].dtype)
wrong = written(made, "int96")
print('times="int96":', wrong)
print('times="int64":', written(made, "int64"))
print("nanoseconds:  ", written(made.astype("datetime64[ns]"), "int96"))
assert wrong[0].startswith("1970-01-20"), "int96 has become right"
assert written(made, "int64")[1].startswith("2024-03-01 00:15"), "int64 is no longer right"
assert written(made.astype("datetime64[ns]"), "int96")[1].startswith("2024-03-01 00:15")
CODE
