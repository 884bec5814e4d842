"""From a query's selection of a connection to the page that answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from graphql import GraphQLObjectType, get_named_type

from django_partstream._fetching import rejoin
from django_partstream.costs import are_told
from django_partstream.exceptions import PlanError
from django_partstream.outcomes import Outcome
from django_partstream.pages import Page
from partstream_graphql._graphql_core import info_for
from partstream_graphql.access import answer_of, as_read
from partstream_graphql.connection import ProgressiveConnection
from partstream_graphql.declaration import Part, own_resolver, resolves_itself
from partstream_graphql.errors import bad_input, forbidden
from partstream_graphql.executions import note_page, note_timings, timing_of
from partstream_graphql.pages import ConnectionPage, Waiting
from partstream_graphql.promises import Promise, promise_of
from partstream_graphql.resolving import InvalidRun, Resolver
from partstream_graphql.schemas import spelling_of
from partstream_graphql.selection import Run, Selection, selection_of
from partstream_graphql.wrapped import wrapped_class


class PageRequest:
    """
    The request of a query for a page of *connection*: at most *first* parts behind *after*.

    Both arguments are as the client sent them, or None.
    """

    def __init__(
        self, connection: ProgressiveConnection, *, first: int | None, after: str | None
    ) -> None:
        self.connection = connection
        self.first, self.after = first, after
        named: Any = get_named_type(connection.info.return_type)
        self.type: GraphQLObjectType = named
        self.spelling = spelling_of(type(connection), named)
        self.endpoint = connection._endpoint()
        self._promise: Promise | None = None
        self._later: list[Resolver] = []

    def answer(self) -> ProgressiveConnection | Awaitable[ProgressiveConnection]:
        """
        The connection with its page, or an awaitable of it.

        Raises:
            GraphQLError: ``FORBIDDEN``, ``THROTTLED``, or *first* is below 1.
            CursorError: *after* cannot be followed.
            PlanError: ``get_parts()`` made no plan.
        """
        connection = self.connection
        if not answer_of(connection.has_permission(connection.info)):
            raise forbidden(connection._refusal)
        with as_read(connection.request):
            connection.check_throttles(connection.request)
        selection = selection_of(connection.info, self.spelling.parts)
        page = self._take(selection)
        resolvers = self._put_off(page, selection, self._resolvers(page, selection))
        outcomes = self.endpoint.resolve(
            [resolver.attempt(self.endpoint) for resolver in resolvers]
        )
        runs = [resolver.run for resolver in resolvers]
        if isinstance(outcomes, list):
            return self._complete(page, selection, runs, outcomes)
        return self._complete_later(page, selection, runs, outcomes)

    def _put_off(
        self, page: Page, selection: Selection, resolvers: list[Resolver]
    ) -> list[Resolver]:
        """Promise the runs that the query selects inside ``@defer`` only. Return the others."""
        parts, info = self.spelling.parts, self.connection.info
        promise = promise_of(info, self.type, parts, page, selection)
        if promise is None:
            return resolvers
        self._promise = promise
        self._later = [one for one in resolvers if promise.is_later(one.run)]
        return [one for one in resolvers if not promise.is_later(one.run)]

    def _begin_promised(self, promise: Promise, page: ConnectionPage) -> None:
        sent = page.page.names
        attempts = [
            (one.attempt(self.endpoint), one.run) for one in self._later if one.name in sent
        ]
        promise.begin(page, attempts, concurrency=self.endpoint.option("concurrency"))

    def _take(self, selection: Selection) -> Page:
        endpoint = self.endpoint
        endpoint.plan  # noqa: B018 - an error of get_parts() comes before one of the arguments
        if self.first is not None and self.first < 1:
            raise bad_input("`first` must be 1 or more.")
        size = None
        if self.first is not None:
            size = min(self.first, endpoint.option("max_chunk_size"))
        elif selection.runs:
            size = endpoint.option("chunk_size")
        cursor = endpoint.follow(self.after) if self.after else None
        return endpoint.take(after=cursor, size=size, only=selection.runs or None)

    def _resolvers(self, page: Page, selection: Selection) -> list[Resolver]:
        """A resolver for each run of a part of *page*, in the order of the parts."""
        return [
            self._resolver(name, run, value)
            for name, value in zip(page.names, page.values, strict=True)
            for run in selection.runs.get(name, ())
        ]

    def _resolver(self, name: str, run: Run, value: Any) -> Resolver:
        connection, field_name = self.connection, self.spelling.fields[name]
        part = connection._parts[name]
        own = _declared_resolver(connection, name, part) if value is part else None
        info = info_for(connection.info, self.type, field_name, run.response_key, run.nodes)
        kind: type[Resolver] = Resolver
        if run.invalid is not None:
            kind = InvalidRun
        elif part.inner is not None:
            kind = wrapped_class(info.return_type, has_value=own is not None or value is not part)
        return kind(connection, name, run, value, own=own, info=info)

    def _complete(
        self, page: Page, selection: Selection, runs: list[Run], outcomes: list[Outcome]
    ) -> ProgressiveConnection:
        for run, outcome in zip(runs, outcomes, strict=True):
            run.outcome = outcome
            rejoin(outcome.value)
        sent = self.endpoint.sent(page, outcomes)
        connection = self.connection
        connection._page = connection.page_info = ConnectionPage(
            sent,
            selection,
            field_names=self.spelling.fields,
            sign=partial(self.endpoint.sign, sent),
        )
        connection.edges = connection._page.edges()
        connection.total_count = sent.total
        connection.pending = () if sent is page else self._pending(sent, outcomes)
        if self._promise is not None:
            self._begin_promised(self._promise, connection._page)
        failed = any(outcome.error for outcome in outcomes)
        note_page(self.endpoint, failed=failed, pending=sent is not page)
        if are_told():
            info, fields = connection.info, self.spelling.fields
            note_timings(timing_of(info, fields[each.name], each) for each in outcomes)
        return connection

    def _pending(self, sent: Page, outcomes: list[Outcome]) -> list[Waiting]:
        """The pending parts of a page as it is *sent*. Of several runs the longest wait counts."""
        waits = self.endpoint.waits(sent, sorted(outcomes, key=_retry_after))
        fields, in_order = self.spelling.fields, dict.fromkeys(each.name for each in outcomes)
        return [
            Waiting(fields[name], waits[name].retry_after, waits[name].progress)
            for name in in_order
            if name in waits
        ]

    async def _complete_later(
        self,
        page: Page,
        selection: Selection,
        runs: list[Run],
        outcomes: Awaitable[list[Outcome]],
    ) -> ProgressiveConnection:
        return self._complete(page, selection, runs, await outcomes)


def _retry_after(outcome: Outcome) -> float:
    return outcome.pending.retry_after if outcome.pending else 0.0


def _declared_resolver(
    connection: ProgressiveConnection, name: str, part: Part
) -> Callable[..., Any] | None:
    """
    The resolver that the class of *connection* declares for a part.

    Raises:
        PlanError: the plan has the declared part, and nothing resolves it.
    """
    kind = type(connection)
    resolver = own_resolver(kind, name, part)
    if resolver is None and not resolves_itself(part):
        raise PlanError(
            f"{kind.__qualname__}.{name} has nothing to resolve it. Define "
            f"resolve_{name}(self, info), or return a value for it from get_parts()."
        )
    return resolver
