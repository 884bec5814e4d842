"""Hints about a part."""

from __future__ import annotations

from collections.abc import Callable

from django_partstream.outcomes import Status
from django_partstream.walking.figures import PartFigures
from django_partstream.walking.words import count_of, listed, size_of, time_of

#: A part is slow from this time on, in milliseconds.
SLOW = 200

#: A part takes much of the time of all parts from this share on.
MUCH = 0.5

#: A value is large from this number of bytes of JSON on.
LARGE = 1_000_000

#: A part is near its time limit from this share of it on.
NEAR = 0.8


def failing(part: PartFigures) -> str | None:
    """A part that failed."""
    failures = part.failures
    if not failures:
        return None
    codes = sorted({came.error["code"] for came in failures if came.error})
    references = [came.error["reference"] for came in failures if came.error]
    told = f"{part.name} failed in {_of(len(failures), part)}"
    if codes:
        told = f"{told}, with {listed(codes)}"
    reference = next(filter(None, references), None)
    return f"{told}: see the log record with {reference}." if reference else f"{told}."


def fallback(part: PartFigures) -> str | None:
    """A part that gave its fallback."""
    if not part.fallbacks:
        return None
    return (
        f"{part.name} gave its fallback in {_of(part.fallbacks, part)}: its source fails, and a "
        "warning in the log says how."
    )


def near_limit(part: PartFigures) -> str | None:
    """A part that ended not long before the limit of its ``with_timeout``."""
    limit = next(
        (walked.watch.limit_of(part.name) for walked, _ in part.came if walked.watch), None
    )
    longest = max(part.told("ms"), default=0)
    if limit is None or part.failures or longest < NEAR * limit * 1000:
        return None
    return (
        f"{part.name} took up to {time_of(longest)}, and its limit is {limit:g} s: make it faster, "
        "or raise the limit, before it ends timeout."
    )


def share(part: PartFigures) -> str | None:
    """A part that takes much of the time, and asks no cache."""
    ms = part.ms
    if ms is None or part.share is None or part.share < MUCH or ms.median < SLOW:
        return None
    if part.cached or part.failures or part.fallbacks:
        return None
    told = f"{part.name} takes {part.share:.0%} of the time of all parts ({time_of(ms.median)})"
    digests = part.digests()
    readers = [reader for reader in digests if reader is not None]
    if len(readers) > 1 and len(set().union(*digests.values())) == 1:
        return (
            f"{told} and was equal for {listed(readers)}: keep it with cached_for(), with "
            "per_user=False if it is equal for all readers, or compute it in the background."
        )
    if len(part.came) == len(digests):
        return (
            f"{told}: compute it in the background, or keep it with cached_for() if it may be as "
            "old as that. With --times 2 this command says whether it changes."
        )
    if all(len(each) == 1 for each in digests.values()):
        return (
            f"{told} and was equal in each walk of the same reader: keep it with cached_for(), or "
            "compute it in the background."
        )
    return f"{told} and changed between walks: make it faster, or compute it in the background."


def never_hit(part: PartFigures) -> str | None:
    """A part that asks a cache, and is never found there."""
    cached = part.cached
    is_kept = all(came.status == Status.OK for _, came in part.came)
    if cached is None or cached[0] or not is_kept or cached[1] == len(part.digests()):
        return None
    return (
        f"{part.name} asked its cache {cached[1]} times and was never found there: its time is "
        "shorter than that between two walks, it has no key (the log says so) or another each "
        "time, or the cache does not keep it."
    )


def large(part: PartFigures) -> str | None:
    """A value of megabytes."""
    if part.size < LARGE:
        return None
    return (
        f"{part.name} is {size_of(part.size)} of JSON: send fewer rows or columns, or page them in "
        "an endpoint of their own."
    )


def _of(number: int, part: PartFigures) -> str:
    return f"{number} of {count_of(len(part.came), 'walk')}"


#: The looks at a part, by the kinds of their hints.
LOOKS: dict[str, Callable[[PartFigures], str | None]] = {
    "failing": failing,
    "fallback": fallback,
    "near_limit": near_limit,
    "share": share,
    "never_hit": never_hit,
    "large": large,
}
