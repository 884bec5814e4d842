"""``ProgressiveConnectionField``: a page of a connection, planned, resolved and handed over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import graphene
from graphene.types.utils import get_underlying_type
from graphql import GraphQLError, GraphQLObjectType, GraphQLResolveInfo, get_named_type

from django_partstream import cursors
from django_partstream.attempts import Scope
from django_partstream.conf import option
from django_partstream.cursors import Cursor
from django_partstream.delivery import Task, resolve
from django_partstream.exceptions import CursorError, CursorInvalid, PlanError
from django_partstream.outcomes import Outcome
from django_partstream.parts import Lazy, Page, Plan
from partstream_graphql.connection import Declared, ProgressiveConnection
from partstream_graphql.declaration import Part, check_type_names, own_resolver, spelling_of
from partstream_graphql.errors import bad_input, cursor_error, masked, note_connection
from partstream_graphql.pages import ConnectionPage, Resolved
from partstream_graphql.selection import Run, Selection, selection_of
from partstream_graphql.values import completable


class ProgressiveConnectionField(graphene.Field):
    """
    A field with the pages of a :class:`~partstream_graphql.ProgressiveConnection`.

    Its arguments are ``first`` and ``after`` and those given here; the latter are ``self.args``
    of the connection. It is non-null unless ``required=False``. A resolver of this field, where
    there is one, gives ``self.root`` of the connection.
    """

    def __init__(self, connection: Any, *args: Any, required: bool = True, **kwargs: Any) -> None:
        kwargs.setdefault(
            "first",
            graphene.Int(description="How many parts to deliver; by default its chunk size."),
        )
        kwargs.setdefault(
            "after",
            graphene.String(description="The cursor behind which to go on: a page's endCursor."),
        )
        super().__init__(connection, *args, required=required, **kwargs)

    def wrap_resolve(self, parent_resolver: Any) -> Callable[..., Any]:
        """The resolver of the whole connection."""
        # Graphene's default resolver is a partial; anything else was written by somebody.
        own = self.resolver or (None if isinstance(parent_resolver, partial) else parent_resolver)
        return partial(self._resolve, own)

    def _resolve(
        self,
        own: Callable[..., Any] | None,
        root: Any,
        info: GraphQLResolveInfo,
        first: int | None = None,
        after: str | None = None,
        **arguments: Any,
    ) -> Any:
        graphql_type: Any = get_named_type(info.return_type)
        connection_class = get_underlying_type(self.type)
        note_connection(info)
        try:
            check_type_names(connection_class, graphql_type)
            if own is not None:
                root = own(root, info, **arguments)
            # Not connection_class(): graphene's dataclass would set each of its fields.
            connection: ProgressiveConnection = object.__new__(connection_class)
            connection.request = info.context
            connection.info, connection.args, connection.root = info, arguments, root
            return _Delivery(connection, graphql_type).deliver(first, after or None)
        except CursorError as exc:
            raise cursor_error(exc) from exc
        except GraphQLError:
            raise
        except Exception as exc:
            raise masked(exc, str(connection_class)) from exc


class _Delivery:
    """The steps from a query's selection of a connection to the page that answers it."""

    def __init__(self, connection: ProgressiveConnection, graphql_type: GraphQLObjectType) -> None:
        self.connection = connection
        self.info: GraphQLResolveInfo = connection.info
        self.type = graphql_type
        self.spelling = spelling_of(type(connection), graphql_type)

    def deliver(self, first: int | None, after: str | None) -> Any:
        connection = self.connection
        if not connection.has_permission(self.info):
            raise GraphQLError(
                "You do not have permission to see this.", extensions={"code": "FORBIDDEN"}
            )
        selection = selection_of(self.info, self.spelling.parts)
        page = self._page(self._plan(), selection, first, after)
        runs = [(name, run) for name in page.names for run in selection.runs.get(name, ())]
        values = dict(zip(page.names, page.values, strict=True))
        outcomes = resolve(
            [self._task(name, run, values[name]) for name, run in runs],
            Scope(request=connection.request, sender=type(connection), vary=self._variation),
            concurrency=option(connection, "concurrency"),
        )
        completed = partial(self._completed, page, selection, [run for _, run in runs])
        return completed(outcomes) if isinstance(outcomes, list) else _then(outcomes, completed)

    def _plan(self) -> Plan:
        connection = self.connection
        if connection._plan is not None:
            return connection._plan
        plan = Plan(connection.get_parts())
        undeclared = [name for name in plan.names if name not in connection._parts]
        if undeclared:
            raise PlanError(
                f"{type(connection).__qualname__}.get_parts() returned {undeclared[0]!r}, which "
                f"is not declared. Add {undeclared[0]} = Part(...) to the connection."
            )
        return plan

    def _page(self, plan: Plan, selection: Selection, first: int | None, after: str | None) -> Page:
        if first is not None and first < 1:
            raise bad_input("`first` must be 1 or more.")
        size = None
        if first is not None:
            size = min(first, option(self.connection, "max_chunk_size"))
        elif selection.runs:
            size = option(self.connection, "chunk_size")
        cursor: Cursor | None = None
        if after is not None:
            cursor = cursors.read(after)
            if not cursor.is_for(self.connection._audience()):
                raise CursorInvalid
        return plan.page(after=cursor, size=size, only=selection.runs or None)

    def _task(self, name: str, run: Run, value: Any) -> Task:
        """How one run of a part is resolved: by its lazy, its value, or its own resolver."""
        part: Part = self.connection._parts[name]
        field = self.type.fields[self.spelling.fields[name]]
        info = self.info._replace(
            field_name=self.spelling.fields[name],
            field_nodes=run.nodes,
            return_type=field.type,
            parent_type=self.type,
            path=self.info.path.add_key(run.response_key, self.type.name),
        )
        guarded: Any = None
        if isinstance(value, Declared):
            guarded = own_resolver(type(self.connection), name, part)
            resolver = guarded or _nothing
        elif isinstance(value, Lazy):
            guarded = value.func
            resolver = partial(_call_lazy, value)
        else:
            resolver = partial(_immediate, value)
        if part.inner is not None:
            resolver = part.inner.wrap_resolve(resolver)
        return Task(
            name=name,
            call=partial(resolver, self.connection, info, **run.arguments),
            guarded=guarded,
            whole=partial(completable, field.type),
            immediate=not isinstance(value, (Declared, Lazy)) and part.inner is None,
        )

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
            sign=partial(self._sign, page),
        )
        connection.page_info = connection._page
        connection.edges = connection._page.edges()
        connection.total_count = page.total
        return connection

    def _sign(self, page: Page, index: int) -> str:
        return cursors.write(
            page.cursor(index),
            audience=self.connection._audience(),
            ttl=option(self.connection, "cursor_ttl"),
        )

    def _variation(self) -> list[Any]:
        """What cached values depend on besides their own arguments."""
        return ["graphql", self.connection.args, self.connection.root]


async def _then(outcomes: Awaitable[list[Outcome]], completed: Callable[[Any], Any]) -> Any:
    return completed(await outcomes)


def _call_lazy(value: Lazy, connection: Any, info: Any, **arguments: Any) -> Any:
    return value(connection.request, **arguments)


def _immediate(value: Any, connection: Any, info: Any, **arguments: Any) -> Any:
    return value


def _nothing(connection: Any, info: Any, **arguments: Any) -> None:
    """A wrapped field without a resolver: it falls back to its own default, as ever."""
