"""Folders of table formats that are read by their own programs: rows that were replaced or deleted
stay in their files, or each column is a file of its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stoptrail.core.errors import DataError

_OLD_ROWS = ", whose files also hold rows that were replaced or deleted"
_STORES = (
    (".parquet", "_delta_log", f"a Delta table{_OLD_ROWS}", "DeltaTable(...).to_pandas()"),
    (".parquet", "metadata/*.metadata.json", f"an Iceberg table{_OLD_ROWS}", "scan().to_pandas()"),
    (".parquet", ".hoodie", f"a Hudi table{_OLD_ROWS}", "read by what wrote it"),
    (".lance", "_versions/*.manifest", f"a Lance dataset{_OLD_ROWS}", "to_table().to_pandas()"),
    ("", "zarr.json", "a Zarr store", "xarray.open_zarr(...).to_dataframe()"),
    ("", ".zgroup", "a Zarr store", "xarray.open_zarr(...).to_dataframe()"),
    (".bin", "calendars/*.txt", "a data folder of qlib", "D.features(...).reset_index()"),
    (".blp", "__attrs__", "a bcolz table, as zipline keeps bars", "as its reader gives it"),
    (".mdb", "lock.mdb", "an LMDB store, as ArcticDB keeps frames", "library.read(...).data"),
)
"""How the names of its files end, what lies in the folder of the table, what that is, and how its
rows are had as a frame."""
_LEVELS = 3
"""Folders above a file that may be its table's: partitions are folders too."""


def refuse_stores(files: Iterable[Path]) -> None:
    """DataError where one of `files` belongs to such a table."""
    places = {
        (file.suffix.lower(), folder) for file in files for folder in [*file.parents][:_LEVELS]
    }
    for suffix, folder in sorted(places):
        for end, mark, what, how in _STORES:
            if suffix == end and next(folder.glob(mark), None) is not None:
                raise DataError(
                    f"{folder}: is {what}; write its frame ({how}) as one Parquet file, and give "
                    "that"
                )
