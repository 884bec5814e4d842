"""A walk: what a front's walker tells of it, and the record that is made of that."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol, TypeAlias

from django.urls import ResolverMatch

from django_partstream.outcomes import Status
from django_partstream.walking.clients import Client
from django_partstream.walking.watching import Watch

#: So many answers in a row that bring nothing new end a walk, which would have no end.
MAX_IDLE = 3

#: The ends of a part that are no failure.
FINE = (Status.OK, Status.FALLBACK)


class NotWalkable(Exception):
    """There is nothing to walk under this name; the text says why, and the remedy."""


class WalkBroken(Exception):
    """An answer ended the walk before its end; the text says which."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page or stream was answered."""


@dataclass(frozen=True, slots=True)
class Total:
    """The response has *number* parts."""

    number: int


@dataclass(frozen=True, slots=True)
class Part:
    """
    The part *name* came, with its *value*.

    *error* has the ``code``, ``message`` and ``reference`` of a failure. *timing* is that of a
    server which tells it.
    """

    name: str
    value: Any
    error: Mapping[str, Any] | None = None
    timing: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """The part *name* is being computed elsewhere; *progress* is from 0 to 1, or None."""

    name: str
    progress: float | None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing came but pending parts: ask again in *seconds*."""

    seconds: float


Event: TypeAlias = Page | Total | Part | Pending | Wait


class Walker(Protocol):
    """
    A front's way through a response; *title* names the response.

    *views* are views that the project does not route, by their paths. *not_selected* says which
    parts are left out, and why.
    """

    title: str
    views: Mapping[str, Callable[..., Any]]
    not_selected: list[str]

    def walk(self, client: Client) -> Iterator[Event]:
        """
        Ask for pages or streams to the end of the walk.

        Raises:
            NotWalkable: the answer has no parts.
            WalkBroken: an answer ended the walk.
        """

    def sign_in(self, request: Any, match: ResolverMatch, user: Any) -> None:
        """Have the view behind *match* take *user* for the user of Django's *request*."""

    def function_of(self, owner: Any, name: str, value: Any) -> Any:
        """The function of the part *name*, given its *value* in the plan; None without."""


@dataclass(slots=True)
class Came:
    """
    A part as it came: *at* these seconds since the walk began, on the *page* of this number.

    *pending* is the time since the walk was told that the part is pending, in seconds. *size* is
    the number of bytes of its JSON, and *digest* tells it from other values.
    """

    name: str
    status: str
    error: Mapping[str, Any] | None
    timing: Mapping[str, Any]
    size: int
    digest: str
    at: float
    page: int
    pending: float | None


@dataclass(slots=True)
class Walked:
    """
    A walk as *reader*, from its beginning to its end or until *trouble* ended it.

    *pending* says when it was first told of each pending part. *idle* is the number of the last
    answers that brought nothing new. *waited* are the seconds for which
    it slept, since nothing came but pending parts.
    """

    reader: str | None
    came: dict[str, Came] = field(default_factory=dict)
    pending: dict[str, float] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)
    pages: int = 0
    idle: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    trouble: str | None = None
    watch: Watch | None = None

    @property
    def lost(self) -> int:
        """How many parts never came, of those that the response had throughout the walk."""
        return max(min(self.totals, default=0) - len(self.came), 0)


#: Hears what came of a walk.
Tell: TypeAlias = Callable[[Came | Pending | Total], None]


def follow(
    walker: Walker,
    client: Client,
    reader: str | None,
    watch: Watch | None,
    tell: Tell,
) -> Walked:
    """
    Walk to the end and record what comes; *tell* hears of it at once.

    *watch* listens to the parts, if they are computed in this process.

    Raises:
        NotWalkable: the first answer has no parts.
    """
    walked = Walked(reader, watch=watch)
    started = time.perf_counter()
    try:
        for event in walker.walk(client):
            _take(walked, event, at=time.perf_counter() - started, tell=tell)
    except WalkBroken as exc:
        walked.trouble = str(exc)
    walked.seconds = time.perf_counter() - started
    return walked


def _take(walked: Walked, event: Event, *, at: float, tell: Tell) -> None:
    """
    Record an event of *walked*; wait, if it says so.

    Raises:
        WalkBroken: the walk would not end.
    """
    match event:
        case Page():
            if walked.idle == MAX_IDLE:
                raise WalkBroken(
                    f"The last {MAX_IDLE} answers brought nothing new, though more was to come. "
                    "A cache or a proxy that passes over the query string does that."
                )
            walked.pages, walked.idle = walked.pages + 1, walked.idle + 1
        case Total(number):
            walked.totals.append(number)
            tell(event)
        case Pending(name):
            walked.pending.setdefault(name, at)
            walked.idle = 0
            tell(event)
        case Part(name) if name in walked.came:
            walked.twice.append(name)
        case Part(name):
            walked.came[name] = came = _came(event, walked, at=at)
            walked.idle = 0
            tell(came)
        case Wait(seconds):
            walked.waited += seconds
            time.sleep(seconds)


def _came(part: Part, walked: Walked, *, at: float) -> Came:
    heard = walked.watch.timing_of(part.name) if walked.watch else None
    timing = heard or part.timing or {}
    status = str(timing.get("status", Status.OK))
    if part.error and status in FINE:  # a field below the part failed, or no server tells
        status = str(Status.ERROR)
    text = json.dumps(part.value, ensure_ascii=False, separators=(",", ":")).encode()
    return Came(
        part.name,
        status=status,
        error=part.error,
        timing=timing,
        size=len(text),
        digest=sha256(json.dumps(part.value, sort_keys=True).encode()).hexdigest(),
        at=at,
        page=walked.pages,
        pending=at - walked.pending[part.name] if part.name in walked.pending else None,
    )
