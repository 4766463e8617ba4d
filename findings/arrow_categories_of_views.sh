#!/bin/sh
# Categories that polars writes into Arrow files (Enum, Categorical) hold their words as views
# (string_view). pyarrow reads such a file without a word, and then can neither cast, decode nor
# count the column: ArrowNotImplementedError from the first use of it. Casting the dictionary
# alone to plain strings and taking the words by their numbers works.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" pyarrow==26.0.1 polars==2.1.0
PYTHONPATH="$folder" "${PYTHON:-python3}" - "$folder/a.arrow" <<'CODE'
import sys

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

path = sys.argv[1]
words = pl.Series("symbol", ["BTCUSDT", "ETHUSDT"], dtype=pl.Enum(["BTCUSDT", "ETHUSDT"]))
pl.DataFrame([words]).write_ipc(path)
with pa.memory_map(path) as file:
    column = pa.ipc.open_file(file).read_all().column("symbol")
print(f"pyarrow {pa.__version__} of polars {pl.__version__}: {column.type}")
failed = []
for name, use in (
    ("cast", lambda: column.cast(pa.string())),
    ("dictionary_decode", lambda: column.chunk(0).dictionary_decode()),
    ("count_distinct", lambda: pc.count_distinct(column)),
):
    try:
        use()
    except pa.ArrowNotImplementedError as error:
        failed.append(name)
        print(f"{name}: {str(error)[:80]}")
assert len(failed) == 3, "some of it works now"
plain = [chunk.dictionary.cast(pa.string()).take(chunk.indices) for chunk in column.chunks]
assert pa.chunked_array(plain).to_pylist() == ["BTCUSDT", "ETHUSDT"]
CODE
