"""
The clock of time limits, and the current time zone.

The clock goes on where a test has frozen time. freezegun replaces ``time.monotonic`` in every
module that has imported it, so that a limit would never pass. It does not look into a ``partial``.
"""

from __future__ import annotations

import time
from datetime import tzinfo
from functools import partial

from django.conf import settings
from django.utils import timezone

#: Seconds on a clock that nothing sets or stops; only differences have a meaning.
monotonic = partial(time.monotonic)


def time_zone() -> tzinfo | None:
    """The current time zone; None in a project with ``TIME_ZONE = None``, where Django has none."""
    return timezone.get_current_timezone() if settings.TIME_ZONE else None
