"""
Helpers for the tests of a project: walk a response to its end, make a part fail or hang.

Nothing here waits: a part times out, a cursor expires, and background work is done, at once.
"""

from django_partstream.testing.doubles import (
    background_fails,
    background_never,
    background_now,
    expired,
    part_fails,
    part_hangs,
)
from django_partstream.testing.streams import walk_stream
from django_partstream.testing.walks import Walk, walk, walk_connection

__all__ = [
    "Walk",
    "background_fails",
    "background_never",
    "background_now",
    "expired",
    "part_fails",
    "part_hangs",
    "walk",
    "walk_connection",
    "walk_stream",
]
