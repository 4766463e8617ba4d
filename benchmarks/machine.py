"""What the figures were measured with."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "numpy",
    "numba",
    "pandas",
    "backtrader",
    "backtrader-next",
    "vectorbt",
    "vectorbt-rust",
    "backtesting",
)


def described() -> tuple[str, ...]:
    """Processor, cores and versions, as lines of Markdown."""
    found = [f"{name} {_version(name)}" for name in PACKAGES if _version(name)]
    return (
        f"- {_processor()}, {len(os.sched_getaffinity(0))} cores for this process, "
        f"{platform.system()} {platform.machine()}",
        f"- Python {platform.python_version()}, {', '.join(found)}",
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()
