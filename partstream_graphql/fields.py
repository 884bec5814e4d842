"""``ProgressiveConnectionField``: the field of a schema that pages a connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable, isclass
from typing import Any
from weakref import WeakSet

import graphene
from graphql import GraphQLObjectType, GraphQLResolveInfo, GraphQLSchema, get_named_type

from django_partstream.delivery import loops
from django_partstream.delivery.running import in_event_loop
from partstream_graphql._graphene import (
    innermost_type,
    is_default_resolver,
    may_be_default_resolver,
)
from partstream_graphql.connection import ProgressiveConnection
from partstream_graphql.errors import page_refusal
from partstream_graphql.executions import note_connection
from partstream_graphql.paging import PageRequest
from partstream_graphql.schemas import check_type_names


class ProgressiveConnectionField(graphene.Field):
    """
    A field with the pages of a :class:`~partstream_graphql.ProgressiveConnection`.

    Its arguments are ``first`` and ``after`` and the arguments given here; the latter are
    ``self.args`` of the connection. It is non-null unless ``required=False``. If this field has a
    resolver, its value is ``self.root`` of the connection. It runs first, before the permissions.

    Raises:
        TypeError: *connection* is a class of another kind.
    """

    def __init__(self, connection: Any, *args: Any, required: bool = True, **kwargs: Any) -> None:
        if isclass(connection):
            _check_kind(connection)
        kwargs.setdefault(
            "first",
            graphene.Int(description="How many parts to deliver; by default its chunk size."),
        )
        kwargs.setdefault(
            "after",
            graphene.String(description="The cursor behind which to go on: a page's endCursor."),
        )
        super().__init__(connection, *args, required=required, **kwargs)

    @property
    def connection(self) -> type[ProgressiveConnection]:
        """The connection class, however it was referred to."""
        return _check_kind(innermost_type(self.type))

    def wrap_resolve(self, parent_resolver: Any) -> Callable[..., Any]:
        """The resolver of the whole connection."""
        return ConnectionResolver(self, parent_resolver)


class ConnectionResolver:
    """
    The resolver of a *field* on a type of a schema: a page for each selection of the connection.

    The root of the connection is the value of the field's own resolver, else of the *parent*
    resolver, that of the type. Graphene's default resolver is not asked: the root is then the
    object which the field belongs to.
    """

    def __init__(self, field: ProgressiveConnectionField, parent: Any) -> None:
        self.field = field
        self._resolve_root = field.resolver or parent
        self._has_resolver: bool | None = self._resolve_root is not None
        if not field.resolver and may_be_default_resolver(parent):
            self._has_resolver = None  # the first call tells, for it names the type

    def __call__(
        self,
        root: Any,
        info: GraphQLResolveInfo,
        /,
        first: int | None = None,
        after: str | None = None,
        **arguments: Any,
    ) -> Any:
        """
        The connection with its page, or an awaitable of it.

        Raises:
            GraphQLError: the client gets no page; the error is public.
        """
        note_connection(info)
        kind = self.field.connection

        def page_of(root: Any) -> Any:
            selected = kind._selected(root, info, arguments)
            return PageRequest(selected, first=first, after=after).answer()

        try:
            check_type_names(kind, get_named_type(info.return_type))
            if self._has_own_resolver(info.parent_type):
                root = self._resolve_root(root, info, **arguments)
            if not isawaitable(root):
                return page_of(root)
            if in_event_loop():
                return _page_later(kind, root, page_of)
            with loops.one_loop():
                return page_of(loops.run(awaited, root))
        except Exception as exc:
            raise page_refusal(exc, str(kind)) from exc

    def _has_own_resolver(self, parent_type: GraphQLObjectType) -> bool:
        if self._has_resolver is None:
            default = is_default_resolver(self._resolve_root, self.field, parent_type)
            self._has_resolver = not default
        return self._has_resolver


async def _page_later(
    kind: type[ProgressiveConnection], root: Awaitable[Any], page_of: Callable[[Any], Any]
) -> Any:
    try:
        page = page_of(await root)
        return await page if isawaitable(page) else page
    except Exception as exc:
        raise page_refusal(exc, str(kind)) from exc


async def awaited(value: Awaitable[Any]) -> Any:
    """*value*, awaited: the coroutine function that ``loops.run()`` needs."""
    return await value


def _check_kind(connection: Any) -> type[ProgressiveConnection]:
    if not issubclass(connection, ProgressiveConnection):
        raise TypeError(
            f"ProgressiveConnectionField({connection.__name__}): {connection.__name__} is no "
            "ProgressiveConnection."
        )
    kind: type[ProgressiveConnection] = connection
    return kind


_checked: WeakSet[GraphQLSchema] = WeakSet()


def check_schema(schema: GraphQLSchema) -> None:
    """
    Refuse a schema in which two types share a name that a connection needs; checked once.

    Raises:
        TypeError: the message names both types.
    """
    if schema in _checked:
        return
    for type_ in schema.type_map.values():
        for field in type_.fields.values() if isinstance(type_, GraphQLObjectType) else ():
            if isinstance(field.resolve, ConnectionResolver):
                kind = field.resolve.field.connection
                check_type_names(kind, get_named_type(field.type))
    _checked.add(schema)
