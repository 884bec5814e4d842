"""The figures of a part over all walks, and of the walks themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from statistics import median
from typing import Any

from django_partstream.outcomes import Status
from django_partstream.walking.walks import FINE, Came, Walked
from django_partstream.walking.words import count_of


@dataclass(frozen=True, slots=True)
class Spread:
    """The *median* of several figures, and their *p95* by nearest rank: below 20, the largest."""

    median: float
    p95: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> Spread | None:
        """The spread of *figures*; None if there are none."""
        ordered = sorted(figures)
        if not ordered:
            return None
        return cls(median(ordered), ordered[ceil(0.95 * len(ordered)) - 1])

    def as_dict(self, digits: int = 1) -> dict[str, float]:
        """The spread as JSON, rounded."""
        return {"median": round(self.median, digits), "p95": round(self.p95, digits)}


@dataclass(slots=True)
class PartFigures:
    """
    The figures of the part *name*, which *came* in *walks*.

    *share* is its time of the time of all parts, from 0 to 1.
    """

    name: str
    came: list[tuple[Walked, Came]] = field(default_factory=list)
    share: float | None = None

    def told(self, key: str) -> list[Any]:
        """The figures that the timings of the part have under *key*."""
        values = (came.timing.get(key) for _, came in self.came)
        return [value for value in values if value is not None]

    @property
    def ms(self) -> Spread | None:
        """The time of the part on the server, in milliseconds; None if no server tells it."""
        return Spread.of(self.told("ms"))

    @property
    def size(self) -> int:
        """The number of bytes of its JSON, at most."""
        return max(came.size for _, came in self.came)

    @property
    def queries(self) -> int | None:
        """The number of its queries, at most."""
        return max(self.told("queries"), default=None)

    @property
    def cached(self) -> tuple[int, int] | None:
        """How often it was found in a cache, and was not; None if none was asked."""
        answers = self.told("cached")
        return (answers.count(True), answers.count(False)) if answers else None

    @property
    def failures(self) -> list[Came]:
        """The ends of the part that are failures."""
        return [came for _, came in self.came if came.status not in FINE]

    @property
    def fallbacks(self) -> int:
        """How often it ended with its fallback."""
        return sum(came.status == Status.FALLBACK for _, came in self.came)

    @property
    def waits(self) -> list[float]:
        """The seconds for which it was pending, in the walks in which it was."""
        return [came.pending for _, came in self.came if came.pending is not None]

    def digests(self) -> dict[str | None, set[str]]:
        """The digests of its values, by reader; of walks in which it did not fail."""
        found: dict[str | None, set[str]] = {}
        for walked, came in self.came:
            if came.status == Status.OK:
                found.setdefault(walked.reader, set()).add(came.digest)
        return found

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON."""
        hits, misses = self.cached or (0, 0)
        return {
            "name": self.name,
            "walks": len(self.came),
            "ms": self.ms and self.ms.as_dict(),
            "share": None if self.share is None else round(self.share, 3),
            "bytes": self.size,
            "queries": self.queries,
            "sql_ms": max(self.told("sql_ms"), default=None),
            "cached": {"hits": hits, "misses": misses} if self.cached else None,
            "ran": sorted(set(self.told("ran"))),
            "waited_ms": max(self.told("waited_ms"), default=None),
            "came_after_ms": _spread([came.at * 1000 for _, came in self.came]),
            "pending_ms": _spread([seconds * 1000 for seconds in self.waits]),
            "fallbacks": self.fallbacks,
            "failures": [{"status": came.status, **_entry(came)} for came in self.failures],
        }


@dataclass(slots=True)
class Figures:
    """The figures of *walks*, and those of each part, in the order in which the *parts* came."""

    walks: Sequence[Walked]
    parts: list[PartFigures]
    is_stream: bool

    @classmethod
    def of(cls, walks: Sequence[Walked], *, is_stream: bool = False) -> Figures:
        """The figures of *walks*."""
        parts: dict[str, PartFigures] = {}
        for walked in walks:
            for came in walked.came.values():
                parts.setdefault(came.name, PartFigures(came.name)).came.append((walked, came))
        took = {name: sum(part.told("ms")) for name, part in parts.items() if part.ms}
        for name, ms in took.items():
            parts[name].share = ms / (sum(took.values()) or 1)
        return cls(walks, list(parts.values()), is_stream)

    @property
    def seconds(self) -> Spread | None:
        """The times of the walks."""
        return Spread.of(walked.seconds for walked in self.walks)

    def problems(self) -> list[str]:
        """Sentences on walks that went wrong; none if each part came once, and did not fail."""
        told = []
        for part in self.parts:
            for status in sorted({came.status for came in part.failures}):
                number = sum(came.status == status for came in part.failures)
                walks = count_of(len(part.came), "walk")
                told.append(f"{part.name} ended {status} in {number} of {walks}.")
        twice = sorted({name for walked in self.walks for name in walked.twice})
        told += [f"{name} came twice." for name in twice]
        if lost := sum(walked.lost for walked in self.walks if not walked.trouble):
            told.append(f"{count_of(lost, 'part')} never came.")
        told += dict.fromkeys(walked.trouble for walked in self.walks if walked.trouble)
        return told


def _spread(figures: Iterable[float]) -> dict[str, float] | None:
    spread = Spread.of(figures)
    return None if spread is None else spread.as_dict()


def _entry(came: Came) -> dict[str, Any]:
    error = came.error or {}
    return {name: error.get(name) for name in ("code", "message", "reference")}
