"""
Parts that wrap a field of graphene-django: ``Part(DjangoListField(X))`` and its like.

A value passes through the wrapped field, which filters its rows or pages them. For a list that
happens while the value is made whole, within the guards of the part: a guard covers the query,
and a cache keeps filtered rows. A connection depends on its own arguments, so the field runs
behind the guards.
"""

from __future__ import annotations

from collections.abc import Awaitable
from inspect import isawaitable
from typing import Any

from graphql import is_list_type

from django_partstream.delivery.attempts import current_attempt
from django_partstream.delivery.loops import in_request_thread
from partstream_graphql._graphene import inner_resolver
from partstream_graphql.futures import result_of
from partstream_graphql.resolving import Resolver


class Wrapped(Resolver):
    """Resolves a part that wraps a field."""

    def is_immediate(self) -> bool:
        """False: the wrapped field may query the database, whatever the value is."""
        return False

    def through_field(self, value: Any) -> Any:
        """
        The value that the wrapped field makes of *value*; None stays null.

        To graphene-django's fields None means every row of the model. A resolver that returned
        None, or that failed, means no rows.

        Raises:
            Exception: the failure that a guard caught without a fallback.
        """
        value = result_of(value)
        if value is not None:
            return self.ask_field(value)
        attempt = current_attempt()
        if attempt is not None and attempt.unanswered:
            raise attempt.unanswered
        return None

    def ask_field(self, value: Any) -> Any:
        """The value that the wrapped field makes of *value*, whatever it is."""
        inner = self.connection._parts[self.name].inner
        resolver = inner_resolver(inner, self.rows(value), self.rows)
        return resolver(self.connection, self.info, **self.run.arguments)


class WrappedRows(Wrapped):
    """A wrapped field that nothing else resolves: it gives the rows of its model."""

    def resolve(self) -> Any:
        """The rows of the model, as the wrapped field filters or pages them."""
        return self.ask_field(None)


class WrappedList(Wrapped):
    """A wrapped list, whose rows are filtered for the reader."""

    personal = True

    def make_whole(self, value: Any) -> Any:
        """The rows that the wrapped field leaves of *value*, as a list."""
        return super().make_whole(self.through_field(value))


class WrappedConnection(Wrapped):
    """A wrapped connection: it pages the rows that the resolver of the part gives."""

    def resolve(self) -> Any:
        """The page that the wrapped field makes of the resolver's value, or an awaitable of it."""
        value = super().resolve()
        return self._through_field_later(value) if isawaitable(value) else self.through_field(value)

    def make_whole(self, value: Any) -> Any:
        """*value* as it is: the page has its rows."""
        return value

    async def _through_field_later(self, value: Awaitable[Any]) -> Any:
        return await in_request_thread(self.through_field, await value)


def wrapped_class(type_: Any, *, has_value: bool) -> type[Wrapped]:
    """The class for a wrapped field of the GraphQL type *type_*, which may *have a value*."""
    if not has_value:
        return WrappedRows
    return WrappedList if is_list_type(type_) else WrappedConnection
