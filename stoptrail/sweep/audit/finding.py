"""What a check found."""

from __future__ import annotations

from typing import NamedTuple


class Check(NamedTuple):
    """One check of a signal."""

    name: str
    tried: int
    """How often; 0 where there was nothing to try."""
    findings: tuple[str, ...]
    """One line for each fault found, not all of them; empty where there is none."""
    note: str = ""
    """What else a person should know."""

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not self.findings
