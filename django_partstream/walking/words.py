"""Figures in words."""

from __future__ import annotations

from collections.abc import Sequence


def time_of(ms: float) -> str:
    """*ms* milliseconds: ``12.3 ms``, ``1.20 s``."""
    return f"{ms / 1000:.2f} s" if ms >= 1000 else f"{ms:.1f} ms"


def size_of(number: int) -> str:
    """*number* bytes: ``102 B``, ``2.1 kB``, ``1.3 MB``."""
    if number < 1000:
        return f"{number} B"
    return f"{number / 1000:.1f} kB" if number < 1_000_000 else f"{number / 1_000_000:.1f} MB"


def count_of(number: int, thing: str, things: str = "") -> str:
    """``1 walk``, ``3 walks``; *things* is a plural without ``s``."""
    return f"{number} {thing}" if number == 1 else f"{number} {things or f'{thing}s'}"


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def printable(text: str) -> str:
    """*text* in a line, without characters by which a terminal is controlled."""
    return "".join(each if each.isprintable() else " " for each in text)


def verb(names: Sequence[str], one: str, several: str) -> str:
    """The form of a verb for *names*."""
    return one if len(names) == 1 else several
