"""The programs and services that some figures need besides Python packages."""

from __future__ import annotations

import os
import shutil

INSTALL = {
    "gcc": "apt-get install gcc",
    "valgrind": "apt-get install valgrind",
    "wrk": "apt-get install wrk",
}


class LackingError(Exception):
    """A program or service is missing; the text says how to get it."""


def program(name: str) -> str:
    """
    The path of a program in INSTALL.

    Raises:
        LackingError: there is none.
    """
    found = shutil.which(name)
    if found is None:
        raise LackingError(f"No {name}: {INSTALL[name]}.")
    return found


def skip(lacking: LackingError) -> str:
    """
    The note for a figure that is skipped.

    Raises:
        LackingError: this is CI, which must have everything.
    """
    if os.environ.get("CI") == "true":
        raise lacking
    return f"skipped: {lacking}"
