"""
``ProgressiveConnection``: parts as the fields of a Relay connection, delivered in pages.

An instance stands for a selection of the connection in a query. It is ``self`` of the
resolvers and of ``get_parts()``, and the object that graphql-core completes.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, ClassVar, Self

import graphene
from django.apps import apps
from django.http import HttpRequest
from django.utils.module_loading import import_string
from graphene.relay import Connection

from django_partstream.endpoints import Endpoint
from django_partstream.exceptions import PlanError
from django_partstream.identity import reader_of, request_of
from django_partstream.mixins import refuse_late_mixin
from django_partstream.parts import Plan, plan_of
from partstream_graphql._graphene import fields_of, forget_edge, new_instance
from partstream_graphql.access import allows, as_read, refused_by, seconds_to_wait
from partstream_graphql.declaration import (
    Part,
    base_name,
    declared_parts,
    node_type,
    own_resolver,
    resolves_itself,
)
from partstream_graphql.errors import throttled
from partstream_graphql.pages import ConnectionPage
from partstream_graphql.types import PendingPart

#: Methods that decide on the response and on access to it: a mixin's must not be ignored.
_DECIDING = frozenset(
    {"get_parts", "get_permissions", "has_permission", "get_throttles", "check_throttles"}
)


class ProgressiveConnection(Connection):
    """
    A Relay connection whose fields are parts, resolved on the page that carries them.

    Declare each as a :class:`Part`, with a ``resolve_<name>(self, info)``, or override
    :meth:`get_parts`. ``self.request`` is the request (the context of the query), ``self.args``
    the arguments of the connection field, ``self.root`` the object which that field belongs to.
    """

    class Meta:  # noqa: D106 - graphene reads it
        abstract = True

    # Any is for type checkers: it admits the plain `chunk_size = 2` of a mixin.
    #: Parts per page; without it the setting ``CHUNK_SIZE`` (2).
    chunk_size: int | Any = None
    #: The most that ``first`` may ask for; without it ``MAX_CHUNK_SIZE`` (50).
    max_chunk_size: int | Any = None
    #: How long a cursor may be followed, in seconds; without it ``CURSOR_TTL`` (3600).
    cursor_ttl: int | Any = None
    #: How many parts of a page are resolved at once in threads; without it ``CONCURRENCY`` (1).
    concurrency: int | Any = None
    #: Whether the related objects of all rows of a query are fetched at once (``FETCH_PEERS``,
    #: Django 6.1 and newer).
    fetch_peers: bool = True
    #: Classes whose ``has_permission(request, self)`` must all be true, as in DRF.
    permission_classes: ClassVar[Any] = ()
    #: Classes whose ``allow_request(request, self)`` must all be true, as in DRF.
    throttle_classes: ClassVar[Any] = ()

    total_count = graphene.Int(
        required=True,
        description="How many parts the query selects that this user may see.",
    )
    pending = graphene.List(
        graphene.NonNull(PendingPart),
        required=True,
        description="The selected parts of this page that are not there yet. Ask for the next "
        "page after `retryAfter` seconds.",
    )

    request: Any
    info: Any
    args: dict[str, Any]
    root: Any

    #: The declared parts, by name; set on each class, as the next three are.
    _parts: ClassVar[dict[str, Part]]
    _declared: ClassVar[list[tuple[str, Any]]]
    #: The plan of every response, where ``get_parts()`` is not overridden.
    _shared_plan: ClassVar[Plan | None]
    _defaults: ClassVar[dict[str, Any]]
    #: The page of this selection, once its parts have ended.
    _page: ConnectionPage
    #: The message of the permission that refused this selection.
    _refusal: str | None = None

    @classmethod
    def __init_subclass_with_meta__(cls, name: str | None = None, **options: Any) -> None:
        refuse_late_mixin(cls, ProgressiveConnection, _DECIDING)
        if "node" in options:
            raise TypeError(
                f"{cls.__qualname__}.Meta.node: the nodes of a progressive connection are its "
                "parts. Declare those instead."
            )
        parts, base = declared_parts(cls), base_name(cls, name)
        _refuse_own_pending(cls)
        overridden = cls.get_parts is not ProgressiveConnection.get_parts
        if not overridden:
            _refuse_unresolved(cls, parts)
        forget_edge(cls)  # the edges of a concrete parent have that parent's nodes
        cls._parts = parts
        cls._declared = list(parts.items())
        cls._shared_plan = None if overridden else Plan(cls._declared)
        if not cls.__doc__:
            options.setdefault("description", f"The parts of `{base}`, page by page.")
        super().__init_subclass_with_meta__(
            node=node_type(base, parts), name=f"{base}Connection", strict_types=True, **options
        )
        cls._defaults = {
            field_name: field.default_value
            for field_name, field in fields_of(cls).items()
            if field_name not in parts
        }

    @classmethod
    def _selected(cls, root: Any, info: Any, args: dict[str, Any]) -> Self:
        """The connection as a query selects it; its plain fields have their defaults."""
        connection = new_instance(cls, cls._defaults)
        connection.request = _with_user(request_of(info))
        connection.info, connection.args, connection.root = info, args, root
        return connection

    def get_parts(self) -> Iterable[tuple[str, Any]]:
        """
        The parts of this response, in order: each that is declared, unless overridden.

        An override returns ``[(name, value | lazy(func)), ...]``. ``super().get_parts()`` gives
        the declared parts, to filter or to reorder. A part that is left out is null, takes no
        place on a page and is not listed.
        """
        return list(self._declared)

    def get_permissions(self) -> list[Any]:
        """The permissions to ask, in order."""
        return [permission() for permission in self.permission_classes]

    def has_permission(self, info: Any) -> bool:
        """
        Whether this request may have the connection at all; asked before ``get_parts()``.

        Each permission is asked about a read, whatever the method of the HTTP request.

        Raises:
            TypeError: a permission is ``async def``, whose answer would always be true.
        """
        with as_read(self.request):
            for permission in self.get_permissions():
                if not allows(permission, self.request, self):
                    self._refusal = getattr(permission, "message", None)
                    return False
        return True

    def get_throttles(self) -> list[Any]:
        """The throttles to ask, in order."""
        return [throttle() for throttle in self.throttle_classes]

    def check_throttles(self, request: Any) -> None:
        """
        Count a page that *request* asks for; called after :meth:`has_permission`.

        Raises:
            GraphQLError: ``THROTTLED``: a throttle does not allow another page.
            TypeError: a throttle is ``async def``.
        """
        refusing = refused_by(self.get_throttles(), request, self)
        if refusing:
            raise throttled(seconds_to_wait(refusing))

    def _part_at(self, name: str, key: str | int) -> Any:
        """The value of a part, for a field of the connection; null if the page lacks the part."""
        page = self.__dict__.get("_page")
        if page is None:
            raise TypeError(
                f"A {type(self).__qualname__} was resolved by another field than a "
                "ProgressiveConnectionField, which makes its pages."
            )
        return page.value(name, ("connection", key))

    def _endpoint(self) -> Endpoint:
        """This connection as an endpoint of the core, addressed by its field and arguments."""
        kind, info = type(self), self.info
        field = f"{info.parent_type.name}.{info.field_name}"
        return Endpoint(
            self,
            self.request,
            address=["graphql", f"{kind.__module__}.{kind.__qualname__}", field, self.args],
            varies_on=self._root_values,
            reader=reader_of(info),
            plan=self._plan,
        )

    def _root_values(self) -> list[Any]:
        """The values of the root that a cached part depends on."""
        root = self.root
        return [[type(root), vars(root)] if isinstance(root, graphene.ObjectType) else root]

    def _plan(self) -> Plan:
        """
        The plan of this response.

        Raises:
            PlanError: ``get_parts()`` returned no list of parts, or an undeclared part.
        """
        if self._shared_plan is not None:
            return self._shared_plan
        plan = plan_of(self)
        for name in plan.names:
            if name not in self._parts:
                raise _undeclared(self, name)
        return plan


def _refuse_own_pending(cls: type[ProgressiveConnection]) -> None:
    """Refuse another field or attribute in the place of ``pending``."""
    if cls.pending is not ProgressiveConnection.pending:
        raise TypeError(
            f"{cls.__qualname__}.pending: {'pending'!r} is a field of every connection. Rename "
            "the attribute."
        )


def _refuse_unresolved(cls: type[ProgressiveConnection], parts: dict[str, Part]) -> None:
    for name, part in parts.items():
        if not resolves_itself(part) and own_resolver(cls, name, part) is None:
            raise TypeError(
                f"{cls.__qualname__}.{name} has nothing to resolve it. Define "
                f"resolve_{name}(self, info), or return it from get_parts()."
            )


def _undeclared(connection: ProgressiveConnection, name: str) -> PlanError:
    remedy = f"Add {name} = Part(...) to the connection."
    if callable(getattr(connection, name, None)):
        remedy = f"A method called {name} would hide the part: rename it."
    where = type(connection).__qualname__
    return PlanError(f"{where}.get_parts() returned {name!r}, which is not declared. {remedy}")


def _with_user(request: Any) -> Any:
    """*request*, with an ``AnonymousUser`` if no authentication runs, as in DRF."""
    lacks = isinstance(request, HttpRequest) and not hasattr(request, "user")
    if lacks and apps.is_installed("django.contrib.auth"):
        request.user = _anonymous_user_class()()
    return request


@cache
def _anonymous_user_class() -> Any:
    """The class, imported late: it can only be imported where its app is installed."""
    return import_string("django.contrib.auth.models.AnonymousUser")
