"""The command line's tests run on the console's sandbox, and write nothing to a home."""

from tests.console.conftest import _same_time_zone_everywhere, still_sandbox

__all__ = ["_same_time_zone_everywhere", "still_sandbox"]
