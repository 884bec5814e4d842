"""From a query's selection of a connection to the page that answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from copy import copy
from functools import partial
from inspect import isawaitable
from typing import Any

import graphene
from asgiref.sync import sync_to_async
from graphql import (
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    get_named_type,
    is_list_type,
)

from django_partstream.delivery.attempts import Attempt, current_attempt
from django_partstream.exceptions import PlanError
from django_partstream.outcomes import Outcome
from django_partstream.parts import Lazy, Page, is_inert
from partstream_graphql.connection import Declared, ProgressiveConnection, verdict_of
from partstream_graphql.declaration import Part, own_resolver, resolves_itself, spelling_of
from partstream_graphql.errors import bad_input, forbidden
from partstream_graphql.pages import ConnectionPage, Resolved
from partstream_graphql.selection import Run, Selection, selection_of
from partstream_graphql.values import completable


class Delivery:
    """The steps from a query's selection of a connection to the page that answers it."""

    def __init__(self, connection: ProgressiveConnection) -> None:
        self.connection = connection
        self.info: GraphQLResolveInfo = connection.info
        named: Any = get_named_type(self.info.return_type)
        self.type: GraphQLObjectType = named
        self.spelling = spelling_of(type(connection), named)
        self.endpoint = connection._endpoint()

    def deliver(self, first: int | None, after: str | None) -> Any:
        """
        The connection with its page, or an awaitable of it.

        Raises:
            GraphQLError: ``FORBIDDEN``, or *first* is below 1.
            CursorError: *after* cannot be followed.
            PlanError: ``get_parts()`` made no plan.
        """
        connection = self.connection
        if not verdict_of(connection.has_permission(self.info)):
            raise forbidden(connection._refusal)
        selection = selection_of(self.info, self.spelling.parts)
        page = self._page(selection, first, after)
        values = dict(zip(page.names, page.values, strict=True))
        runs = [(name, run) for name in page.names for run in selection.runs.get(name, ())]
        outcomes = self.endpoint.resolve(
            [self._attempt(name, run, values[name]) for name, run in runs]
        )
        completed = partial(self._completed, page, selection, [run for _, run in runs])
        return completed(outcomes) if isinstance(outcomes, list) else _then(outcomes, completed)

    def _page(self, selection: Selection, first: int | None, after: str | None) -> Page:
        endpoint = self.endpoint
        plan = endpoint.plan  # an error of get_parts() comes before one of the arguments
        if first is not None and first < 1:
            raise bad_input("`first` must be 1 or more.")
        size = None
        if first is not None:
            size = min(first, endpoint.option("max_chunk_size"))
        elif selection.runs:
            size = endpoint.option("chunk_size")
        cursor = endpoint.follow(after) if after else None
        return plan.page(after=cursor, size=size, only=selection.runs or None)

    def _attempt(self, name: str, run: Run, value: Any) -> Attempt:
        """How one run of a part is resolved: by its lazy, its value, or its own resolver."""
        part = self.connection._parts[name]
        field = self.type.fields[self.spelling.fields[name]]
        info = self.info._replace(
            field_name=self.spelling.fields[name],
            field_nodes=run.nodes,
            return_type=field.type,
            parent_type=self.type,
            path=self.info.path.add_key(run.response_key, self.type.name),
        )
        resolver, guarded = self._resolver(name, part, value)
        if run.invalid is not None:
            resolver, guarded = partial(_fail, bad_input(run.invalid.message)), None
        call: Callable[[], Any] = partial(resolver, self.connection, info, **run.arguments)
        whole: Callable[[Any], Any] = partial(completable, field.type, info)
        personal = part.inner is not None and is_list_type(field.type)
        if part.inner is not None and run.invalid is None:
            apply = partial(_applied, part.inner, self.connection, info, run.arguments)
            if guarded is None:
                call = partial(_by_itself, part.inner, self.connection, info, run.arguments)
            elif personal:
                # Within the guards: what they hand on is still what the inner field filters.
                whole = partial(_filtered, whole, apply)
            else:
                call, whole = partial(_through, call, apply), _as_it_is
        return Attempt(
            self.endpoint,
            name,
            call,
            guarded=guarded,
            whole=whole,
            immediate=is_inert(value) and part.inner is None,
            personal=personal,
        )

    def _resolver(self, name: str, part: Part, value: Any) -> tuple[Callable[..., Any], Any]:
        """The resolver of a part and the function behind it; none for a field that needs none."""
        if isinstance(value, Lazy):
            return partial(_call_lazy, value), value.func
        if not isinstance(value, Declared):
            return partial(_immediate, value), _immediate
        resolver = own_resolver(type(self.connection), name, part)
        if resolver is None and not resolves_itself(part):
            raise PlanError(
                f"{type(self.connection).__qualname__}.{name} has nothing to resolve it. Define "
                f"resolve_{name}(self, info), or return a value for it from get_parts()."
            )
        return resolver or _immediate, resolver

    def _completed(
        self, page: Page, selection: Selection, runs: list[Run], outcomes: list[Outcome]
    ) -> ProgressiveConnection:
        connection = self.connection
        resolved: dict[str, list[Resolved]] = {}
        for run, outcome in zip(runs, outcomes, strict=True):
            resolved.setdefault(outcome.name, []).append(Resolved(run, outcome))
        connection._page = ConnectionPage(
            page,
            resolved,
            errors_as_data=selection.errors_as_data,
            field_names=self.spelling.fields,
            sign=partial(self.endpoint.sign, page),
        )
        connection.page_info = connection._page
        connection.edges = connection._page.edges()
        connection.total_count = page.total
        return connection


async def _then(outcomes: Awaitable[list[Outcome]], completed: Callable[[Any], Any]) -> Any:
    return completed(await outcomes)


def _call_lazy(value: Lazy, connection: Any, info: Any, /, **arguments: Any) -> Any:
    return value(connection.request, **arguments)


def _immediate(value: Any, connection: Any, info: Any, /, **arguments: Any) -> Any:
    return value


def _fail(exc: GraphQLError, connection: Any, info: Any, /, **arguments: Any) -> Any:
    raise exc


def _as_it_is(value: Any) -> Any:
    return value


def _by_itself(inner: graphene.Field, connection: Any, info: Any, arguments: dict[str, Any]) -> Any:
    """What a wrapped field without a resolver gives: the rows of its model."""
    return inner.wrap_resolve(partial(_immediate, None))(connection, info, **arguments)


def _applied(
    inner: graphene.Field, connection: Any, info: Any, arguments: dict[str, Any], value: Any
) -> Any:
    """
    What a wrapped field makes of *value*; None stays null.

    To graphene-django's fields None means every row of the model: not what a resolver that
    failed, or fell back to None, has to say.
    """
    if value is None:
        attempt = current_attempt()
        if attempt is not None and attempt.unanswered:
            raise attempt.unanswered
        return None
    field = copy(inner)
    field.resolver = None  # it ran: it gave the value
    return field.wrap_resolve(partial(_immediate, value))(connection, info, **arguments)


def _filtered(whole: Callable[[Any], Any], apply: Callable[[Any], Any], value: Any) -> Any:
    """Let a wrapped field go on from *value* before it is made whole."""
    return whole(apply(value))


def _through(call: Callable[[], Any], apply: Callable[[Any], Any]) -> Any:
    """Resolve, then let a wrapped field go on from there."""
    value = call()
    return _through_later(value, apply) if isawaitable(value) else apply(value)


async def _through_later(value: Awaitable[Any], apply: Callable[[Any], Any]) -> Any:
    return await sync_to_async(apply)(await value)
