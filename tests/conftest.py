"""What holds for all tests: no deadline, since how fast a machine is proves nothing, and the
same examples at every run of the continuous integration, new ones elsewhere."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("stoptrail", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("stoptrail")
