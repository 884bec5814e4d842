"""A walk over REST, for ``manage.py partstream walk``: pages or a stream, as clients read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.urls import ResolverMatch
from rest_framework.authentication import SessionAuthentication
from rest_framework.test import force_authenticate

from django_partstream.received import Received, read_events
from django_partstream.walking.clients import Answer, Client, NoAnswer
from django_partstream.walking.walks import (
    Event,
    NotWalkable,
    Page,
    Part,
    Pending,
    Total,
    Wait,
    WalkBroken,
)
from partstream_rest.timings import read_server_timing

_STREAM = "text/event-stream"

#: The frames of a stream that a walk reads, and the keys of their data.
_FRAMES = {
    "part": {"name", "value"},
    "progress": {"name", "progress"},
    "end": {"has_more", "total_parts"},
}


class RestWalker:
    """The walk of the response at *address*: a path of this project, or a full URL."""

    def __init__(self, address: str, *, is_stream: bool) -> None:
        self.title = address
        self.views: dict[str, Any] = {}
        self.not_selected: list[str] = []
        self._address, self._is_stream = address, is_stream

    def walk(self, client: Client) -> Iterator[Event]:
        """See :class:`~django_partstream.walking.walks.Walker`."""
        events = self._streams(client) if self._is_stream else self._pages(client)
        try:
            yield from events
        except NoAnswer as exc:
            raise WalkBroken(f"GET {self._address}: {exc}") from exc

    def sign_in(self, request: Any, match: ResolverMatch, user: Any) -> None:
        """
        Have a view that reads no session take *user* for the user of *request*.

        A view with other authentication, of tokens for example, would ask for credentials that a
        walk does not have. A view without any authentication knows no user.
        """
        of_class = getattr(getattr(match.func, "cls", None), "authentication_classes", ())
        of_route = getattr(match.func, "initkwargs", {})
        classes = [*of_route.get("authentication_classes", of_class)]
        if classes and not any(issubclass(each, SessionAuthentication) for each in classes):
            force_authenticate(request, user)

    def function_of(self, owner: Any, name: str, value: Any) -> Any:
        """A part that is not lazy has no function."""
        return None

    def _pages(self, client: Client) -> Iterator[Event]:
        cursor: str | None = None
        is_first = True
        while is_first or cursor is not None:
            address = self._address if cursor is None else self._behind(cursor)
            with client.asked(address, headers={"Accept": "application/json"}) as answer:
                page = self._page_of(answer, is_first=is_first)
            yield Page()
            yield Total(_value(page["meta"], "total_parts"))
            yield from _parts(page, answer.headers.get("Server-Timing", ""))
            pending = page.get("pending", ())
            for entry in pending:
                yield Pending(entry["part"], entry.get("progress"))
            if pending and not page["results"]:
                yield Wait(min(_value(entry, "retry_after") for entry in pending))
            cursor, is_first = page["cursor"], False

    def _streams(self, client: Client) -> Iterator[Event]:
        last: str | None = None
        while True:
            headers = {"Accept": _STREAM, **({"Last-Event-ID": last} if last else {})}
            with client.asked(self._address, headers=headers) as answer:
                if answer.status == 204:
                    return
                if answer.status in (200, 406) and answer.kind != _STREAM:
                    raise NotWalkable(
                        f"GET {self._address}: {answer.status} {answer.kind} is no stream. Leave "
                        "out --stream to walk pages."
                    )
                self._check(answer, is_first=last is None)
                yield Page()
                has_more = None
                for frame in self._frames(answer):
                    last = frame.cursor or last
                    if frame.kind == "part":
                        data = frame.data
                        yield Part(
                            data["name"], data["value"], data.get("error"), data.get("timing")
                        )
                    elif frame.kind == "progress":
                        yield Pending(frame.data["name"], frame.data["progress"])
                    elif frame.kind == "end":
                        has_more = frame.data["has_more"]
                        yield Total(frame.data["total_parts"])
            if has_more is None:
                raise WalkBroken(f"GET {self._address}: the stream broke off before its end.")
            if not has_more:
                return

    def _frames(self, answer: Answer) -> Iterator[Received]:
        try:
            for frame in read_events(answer.body):
                if not _FRAMES.get(frame.kind, set()) <= {*frame.data}:
                    raise ValueError(frame.kind)
                yield frame
        except (TypeError, ValueError) as exc:  # data that is no JSON, or has no keys
            raise NotWalkable(
                f"GET {self._address} is a stream of other events. Name the URL of a "
                "ProgressiveView."
            ) from exc

    def _behind(self, cursor: str) -> str:
        """The address of the page behind *cursor*, as the ``Link`` of a page gives it."""
        path, _, query = self._address.partition("?")
        return f"{path}?{query}&cursor={cursor}" if query else f"{path}?cursor={cursor}"

    def _page_of(self, answer: Answer, *, is_first: bool) -> dict[str, Any]:
        self._check(answer, is_first=is_first)
        page: dict[str, Any] = answer.json()
        if not _is_page(page):
            raise NotWalkable(
                f"GET {self._address}: {answer.status} {answer.kind} is no page of parts. Name the "
                "URL of a ProgressiveView, or Query.field for GraphQL."
            )
        return page

    def _check(self, answer: Answer, *, is_first: bool) -> None:
        """
        Check that *answer* goes on with the walk.

        Raises:
            NotWalkable: the address is not known, or is that of GraphQL.
            WalkBroken: the view refused or failed.
        """
        if answer.status == 200:
            return
        body = answer.json()
        if answer.status == 400 and isinstance(body, dict) and body.keys() <= {"data", "errors"}:
            raise NotWalkable(
                f"GET {self._address} is answered by GraphQL. Name a field of its project, such as "
                "Query.dashboard."
            )
        told = f"GET {self._address}: {answer.refusal(body)}"
        if answer.status == 404 and is_first and answer.fault is None:
            raise NotWalkable(told)
        raise WalkBroken(told)


def _is_page(body: Any) -> bool:
    """Whether *body* has the form of a page; APIs of other kinds use some of its words."""
    return (
        isinstance(body, dict)
        and {"results", "cursor", "meta"} <= body.keys()
        and isinstance(body["meta"], dict)
        and isinstance(body["results"], list)
        and all(isinstance(result, dict) for result in body["results"])
    )


def _parts(page: Mapping[str, Any], header: str) -> Iterator[Part]:
    """The parts of *page*, which came with the *header* ``Server-Timing``."""
    errors = {entry["index"]: entry for entry in page.get("errors", ())}
    timings = read_server_timing(header)
    for index, (name, value) in enumerate(
        item for result in page["results"] for item in result.items()
    ):
        timing = timings.get(name.encode("ascii", "replace").decode())
        yield Part(name, value, errors.get(index), timing)


def _value(entry: Mapping[str, Any], name: str) -> Any:
    """The value of *name* in *entry*, of which a renderer may have made camel case."""
    head, *rest = name.split("_")
    camel_case = head + "".join(map(str.title, rest))
    return entry.get(name, entry.get(camel_case))
