"""The plain road and the quick ones.

Where a quicker way gives the same bytes it is taken by itself. With STOPTRAIL_PLAIN=1 in
the environment every one is left alone, so that the two can be compared.
"""

from __future__ import annotations

import os

PLAIN = "STOPTRAIL_PLAIN"


def is_plain() -> bool:
    """Whether the environment asks for the plain road everywhere."""
    return os.environ.get(PLAIN, "") not in ("", "0")
