"""What the parts of a page cost, as the header ``Server-Timing``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django_partstream.outcomes import Outcome

#: The most characters of the header. nginx takes 4 kB of all headers from a server.
MAX_TIMING = 2_000

#: An entry of ``Server-Timing`` as :func:`server_timing` writes it.
_ENTRY = re.compile(
    r'(?P<token>[^\s;,"]+);desc="(?P<name>(?:[^"\\]|\\.)*) \((?P<told>[^()]*)\)";dur=(?P<ms>[\d.]+)'
)

#: RFC 9110, section 5.6.2.
_token = re.compile(r"[!#$%&'*+.^_`|~\w-]+", re.ASCII)


def server_timing(outcomes: Sequence[Outcome]) -> str:
    """
    The cost of each part, for the network panel of a browser; durations are in milliseconds.

    If the header would be longer than ``MAX_TIMING``, it has the slowest parts that fit.

    Format: W3C Server Timing, section 3.
    """
    entries = [
        f"{outcome.name if _token.fullmatch(outcome.name) else f'part-{number}'}"
        f';desc="{_quoted(outcome.name)} ({_told(outcome)})";dur={outcome.timing["ms"]}'
        for number, outcome in enumerate(outcomes, 1)
    ]
    text = ", ".join(entries)
    return text if len(text) <= MAX_TIMING else ", ".join(_slowest(entries, outcomes))


def read_server_timing(header: str) -> dict[str, dict[str, Any]]:
    """The timings in a *header* ``Server-Timing``, by the names of the parts in ASCII."""
    return {
        re.sub(r"\\(.)", r"\1", entry["name"]): {
            "ms": float(entry["ms"]),
            **_read_timing(*entry["told"].split(", ")),
        }
        for entry in _ENTRY.finditer(header)
    }


def _slowest(entries: list[str], outcomes: Sequence[Outcome]) -> list[str]:
    """The *entries* of the slowest parts that fit into the header, in order."""
    kept, length = set(), 0
    for place in sorted(range(len(entries)), key=lambda place: -outcomes[place].seconds):
        length += len(entries[place]) + 2
        if length > MAX_TIMING:
            break
        kept.add(place)
    return [entry for place, entry in enumerate(entries) if place in kept]


def _told(outcome: Outcome) -> str:
    """The status of a part, then what is not trivial of its cost."""
    cost, timing = outcome.cost, outcome.timing
    told = [timing["status"]]
    if cost.queries:
        noun = "query" if cost.queries == 1 else "queries"
        told.append(f"{cost.queries} {noun} {timing['sql_ms']} ms")
    if cost.cached is not None:
        told.append("cache hit" if cost.cached else "cache miss")
    if cost.ran != "request":
        told.append(cost.ran)
    if timing["waited_ms"] >= 1:
        told.append(f"waited {timing['waited_ms']} ms")
    return ", ".join(told)


def _quoted(text: str) -> str:
    """*text* for a quoted string (RFC 9110, section 5.6.4)."""
    text = text.encode("ascii", "replace").decode()
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _read_timing(status: str, *told: str) -> dict[str, Any]:
    """The timing of a part in the words of the header, which leaves out what is trivial."""
    timing: dict[str, Any] = {
        "status": status,
        "cached": None,
        "queries": 0,
        "sql_ms": 0.0,
        "ran": "request",
        "waited_ms": 0.0,
    }
    for words in map(str.split, told):
        match words:
            case [number, "query" | "queries", ms, "ms"]:
                timing.update(queries=int(number), sql_ms=float(ms))
            case ["cache", answer]:
                timing["cached"] = answer == "hit"
            case ["waited", ms, "ms"]:
                timing["waited_ms"] = float(ms)
            case [ran]:
                timing["ran"] = ran
    return timing
