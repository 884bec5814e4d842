"""The resolution of a part: its value by its resolver or its lazy, then made whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphql import GraphQLResolveInfo

from django_partstream._fetching import with_peers
from django_partstream.delivery.attempts import Attempt
from django_partstream.endpoints import Endpoint
from django_partstream.parts import is_inert, is_lazy
from partstream_graphql.errors import bad_input
from partstream_graphql.futures import has_future, with_its_batch
from partstream_graphql.selection import Run
from partstream_graphql.values import completable


class Resolver:
    """
    Resolves a *run* of the part *name* of *connection*.

    *value* stands for the part in the plan: a ``lazy()``, a value that is there already, or the
    ``Part`` itself if its *own* resolver gives the value. *info* is the info of the field that
    the part is resolved for.
    """

    #: Whether the value is made whole for its reader only, so that it must not be shared.
    personal = False

    def __init__(
        self,
        connection: Any,
        name: str,
        run: Run,
        value: Any,
        *,
        own: Callable[..., Any] | None,
        info: GraphQLResolveInfo,
    ) -> None:
        self.connection, self.name, self.run = connection, name, run
        self.value, self.own, self.info = value, own, info

    def attempt(self, endpoint: Endpoint) -> Attempt:
        """The attempt at this run, for the core."""
        return Attempt(
            endpoint,
            self.name,
            self.resolve,
            whole=self.make_whole,
            guarded=self.guarded(),
            immediate=self.is_immediate,
            personal=self.personal,
        )

    def guarded(self) -> Callable[..., Any] | None:
        """The function behind the value, which may be a guard."""
        return self.value.func if is_lazy(self.value) else self.own

    def is_immediate(self) -> bool:
        """Whether the value is there already and holds no work."""
        return is_inert(self.value)

    def resolve(self) -> Any:
        """
        The value of the part, or an awaitable of it.

        Raises:
            Exception: the resolver's own.
        """
        value = self.value
        if self.own is not None:
            value = self.own(self.connection, self.info, **self.run.arguments)
        elif is_lazy(self.value):
            value = self.value(self.connection.request, **self.run.arguments)
        return with_its_batch(value) if has_future(value) else value

    def make_whole(self, value: Any) -> Any:
        """
        *value* with its queries done, in the shape that the type of the part completes.

        Raises:
            Exception: a query failed, or *value* is not of the type.
        """
        return completable(self.info.return_type, self.info, value, rows=self.rows)

    def rows(self, value: Any) -> Any:
        """*value*; if it is a query set or a manager, as the connection fetches rows."""
        return with_peers(value) if self.connection.fetch_peers else value


class InvalidRun(Resolver):
    """Refuses a run whose arguments are not of their types in the schema."""

    def guarded(self) -> None:
        """No function runs."""

    def resolve(self) -> Any:
        """
        Refuse the arguments.

        Raises:
            GraphQLError: ``BAD_USER_INPUT``.
        """
        raise bad_input(self.run.invalid.message if self.run.invalid else "")
