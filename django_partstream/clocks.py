"""
The clock of time limits, the current time zone, and the names of time zones.

The clock goes on where a test has frozen time. freezegun replaces ``time.monotonic`` in every
module that has imported it, so that a limit would never pass. It does not look into a ``partial``.
"""

from __future__ import annotations

import re
import time
from datetime import timedelta, tzinfo
from functools import partial
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

#: An offset from UTC: "+02:00".
_offset = re.compile(r"(?P<sign>[+-])(?P<hours>\d\d):(?P<minutes>\d\d)")

#: Seconds on a clock that nothing sets or stops; only differences have a meaning.
monotonic = partial(time.monotonic)


def time_zone() -> tzinfo | None:
    """The current time zone; None in a project with ``TIME_ZONE = None``, where Django has none."""
    return timezone.get_current_timezone() if settings.TIME_ZONE else None


def name_of(zone: tzinfo) -> str:
    """
    A name of *zone* for :func:`zone_named` of another process: "Europe/Berlin" or "+02:00".

    Offsets are in whole minutes, as those of Django are.
    """
    if isinstance(zone, ZoneInfo) and zone.key:  # some have an offset, too, such as "UTC"
        return zone.key
    offset = zone.utcoffset(None)
    if offset is None:
        return str(zone)
    minutes = round(offset.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def zone_named(name: str) -> tzinfo:
    """
    The time zone of a *name* by :func:`name_of`.

    Raises:
        ImproperlyConfigured: this process does not know the name.
    """
    found = _offset.fullmatch(name)
    if found:
        offset = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"]))
        return timezone.get_fixed_timezone(-offset if found["sign"] == "-" else offset)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ImproperlyConfigured(f"This process does not know the time zone {name!r}.") from exc
