"""What the parts of a page cost, as the header ``Server-Timing``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django_partstream.outcomes import Outcome

#: The most characters of the header. nginx takes 4 kB of all headers from a server.
MAX_TIMING = 2_000

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
