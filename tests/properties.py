"""
How many examples a property is tried with.

``PARTSTREAM_TEST_EXAMPLES`` is the most for each property. nox sets it, since its sessions repeat
what ``make test`` has tried with all of them.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

MOST = int(os.environ.get("PARTSTREAM_TEST_EXAMPLES", "1000"))


def examples(count: int) -> settings:
    """Settings of a property test with *count* examples, each of any duration."""
    return settings(
        max_examples=min(count, MOST),
        deadline=None,  # on a busy machine any example may take longer than Hypothesis expects
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
