"""Tables from files: text, JSON, Parquet and the like, packed or in folders."""
