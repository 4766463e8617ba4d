"""Where a result comes from, so that it can be made again."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("backtrader", "numba", "numpy", "pandas", "pyarrow", "ccxt", "peewee", "plotly")


def provenance(candles_sha256: str, seed: int) -> dict[str, Any]:
    """The `provenance` object of summary.json."""
    return {
        "candles_sha256": candles_sha256,
        "versions": {"python": platform.python_version(), **_versions()},
        "commit": _commit(),
        "seed": seed,
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> str | None:
    """The checkout's commit, with "+" where files differ from it; None outside of one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        head, status = (
            subprocess.run(
                ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=5
            )
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "-uno"])
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if head.returncode:
        return None
    return head.stdout.strip() + ("+" if status.stdout.strip() else "")
