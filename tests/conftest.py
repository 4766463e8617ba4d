"""What holds for all tests: no deadline, since how fast a machine is proves nothing."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("stoptrail", deadline=None)
settings.load_profile("stoptrail")
