"""``ProgressiveConnectionField``: a page of a connection, planned, resolved and handed over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from inspect import isawaitable, isclass
from typing import Any
from weakref import WeakSet

import graphene
from asgiref.sync import async_to_sync
from graphene.types.utils import get_underlying_type
from graphql import (
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    get_named_type,
)

from django_partstream.delivery.running import in_event_loop
from django_partstream.exceptions import CursorError
from partstream_graphql.connection import ProgressiveConnection
from partstream_graphql.declaration import check_type_names
from partstream_graphql.errors import cursor_error, masked, note_connection, sendable
from partstream_graphql.resolving import Delivery


class ProgressiveConnectionField(graphene.Field):
    """
    A field with the pages of a :class:`~partstream_graphql.ProgressiveConnection`.

    Its arguments are ``first`` and ``after`` and those given here; the latter are ``self.args``
    of the connection. It is non-null unless ``required=False``. A resolver of this field, where
    there is one, gives ``self.root`` of the connection; it runs first, before its permissions.

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
        return _check_kind(get_underlying_type(self.type))

    def wrap_resolve(self, parent_resolver: Any) -> Callable[..., Any]:
        """The resolver of the whole connection."""
        # Where nobody wrote one, graphene passes partial(default_resolver, name, default_value).
        default = isinstance(parent_resolver, partial) and len(parent_resolver.args) == 2
        return partial(self._resolve, self.resolver or (None if default else parent_resolver))

    def _resolve(
        self,
        own: Callable[..., Any] | None,
        root: Any,
        info: GraphQLResolveInfo,
        /,
        first: int | None = None,
        after: str | None = None,
        **arguments: Any,
    ) -> Any:
        note_connection(info)
        connection = self.connection
        try:
            check_type_names(connection, get_named_type(info.return_type))
            if own is not None:
                root = own(root, info, **arguments)
            if isawaitable(root) and in_event_loop():
                return _resolve_later(connection, root, info, arguments, first, after)
            if isawaitable(root):
                root = async_to_sync(awaited)(root)
            return Delivery(connection._of(root, info, arguments)).deliver(first, after)
        except Exception as exc:
            raise _refusal(exc, connection) from exc


async def _resolve_later(
    connection: type[ProgressiveConnection],
    root: Awaitable[Any],
    info: GraphQLResolveInfo,
    arguments: dict[str, Any],
    first: int | None,
    after: str | None,
) -> Any:
    try:
        delivery = Delivery(connection._of(await root, info, arguments))
        delivered = delivery.deliver(first, after)
        return await delivered if isawaitable(delivered) else delivered
    except Exception as exc:
        raise _refusal(exc, connection) from exc


def _refusal(exc: Exception, connection: type[ProgressiveConnection]) -> GraphQLError:
    """How a client is told that it gets no page."""
    if isinstance(exc, GraphQLError):
        exc.extensions = sendable(exc.extensions)
        return exc
    return cursor_error(exc) if isinstance(exc, CursorError) else masked(exc, str(connection))


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
    Refuse a schema in which two types have one name and a connection needs one of them; once.

    Raises:
        TypeError: naming both.
    """
    if schema in _checked:
        return
    for type_ in schema.type_map.values():
        for field in type_.fields.values() if isinstance(type_, GraphQLObjectType) else ():
            resolver = field.resolve
            declared = getattr(getattr(resolver, "func", None), "__self__", None)
            if isinstance(declared, ProgressiveConnectionField):
                check_type_names(declared.connection, get_named_type(field.type))
    _checked.add(schema)


async def awaited(value: Awaitable[Any]) -> Any:
    """*value*, as the coroutine that ``async_to_sync`` wants."""
    return await value
