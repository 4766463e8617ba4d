"""Where the work of a sweep runs: local processes, Dask, Ray."""
