"""
``ProgressiveConnection``: parts as the fields of a Relay connection, delivered in pages.

One instance stands for one selection of the connection in one query. It is ``self`` of the
resolvers and of ``get_parts()``, and the object that graphql-core completes.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from inspect import isawaitable
from typing import Any, ClassVar, Self

import graphene
from asgiref.sync import iscoroutinefunction
from django.apps import apps
from django.http import HttpRequest
from django.utils.module_loading import import_string
from graphene.relay import Connection

from django_partstream.endpoints import Endpoint
from django_partstream.exceptions import PlanError
from django_partstream.identity import reader_of, request_of
from django_partstream.parts import Plan, plan_of, refuse_late_mixin
from partstream_graphql.declaration import (
    Part,
    base_name,
    declared_parts,
    node_type,
    own_resolver,
    resolves_itself,
)
from partstream_graphql.pages import ConnectionPage


class Declared:
    """Stands in a plan for a declared part: its own ``resolve_<name>`` gives the value."""


DECLARED = Declared()

#: Methods that decide on the response and on access to it: a mixin's must not be ignored.
_DECIDING = frozenset({"get_parts", "get_permissions", "has_permission"})

_ASYNC_PERMISSION = "has_permission() cannot be async: nothing awaits its answer."


class ProgressiveConnection(Connection):
    """
    A Relay connection whose fields are parts, resolved on the page that carries them.

    Declare each as a :class:`Part`, with a ``resolve_<name>(self, info)``, or override
    :meth:`get_parts`. ``self.request`` is the request (the context of the query), ``self.args``
    the arguments of the connection field, ``self.root`` the object that field stands on.
    """

    class Meta:  # noqa: D106 - graphene reads it
        abstract = True

    #: Parts per page; without it the setting ``CHUNK_SIZE`` (2).
    chunk_size: int | None = None
    #: The most that ``first`` may ask for; without it ``MAX_CHUNK_SIZE`` (50).
    max_chunk_size: int | None = None
    #: How long a cursor may be followed, in seconds; without it ``CURSOR_TTL`` (3600).
    cursor_ttl: int | None = None
    #: How many parts of a page are resolved at once in threads; without it ``CONCURRENCY`` (1).
    concurrency: int | None = None
    #: Classes whose ``has_permission(request, self)`` must all be true, as in DRF.
    permission_classes: ClassVar[Iterable[Any]] = ()

    total_count = graphene.Int(
        required=True,
        description="How many parts the query selects that this user may see.",
    )

    request: Any
    info: Any
    args: dict[str, Any]
    root: Any
    _page: ConnectionPage

    @classmethod
    def __init_subclass_with_meta__(cls, name: str | None = None, **options: Any) -> None:
        refuse_late_mixin(cls, ProgressiveConnection, _DECIDING)
        if "node" in options:
            raise TypeError(
                f"{cls.__qualname__}.Meta.node: the nodes of a progressive connection are its "
                "parts. Declare those instead."
            )
        parts = declared_parts(cls)
        base = base_name(cls, name)
        overridden = cls.get_parts is not ProgressiveConnection.get_parts
        for part_name, part in parts.items():
            resolved = resolves_itself(part) or own_resolver(cls, part_name, part)
            if not (overridden or resolved):
                raise TypeError(
                    f"{cls.__qualname__}.{part_name} has nothing to resolve it. Define "
                    f"resolve_{part_name}(self, info), or return it from get_parts()."
                )
        if "Edge" not in vars(cls):
            cls.Edge = None  # a concrete parent's edges have that parent's nodes
        cls._parts = parts
        cls._declared = [(part_name, DECLARED) for part_name in parts]
        cls._plan = None if overridden else Plan(cls._declared)
        if not cls.__doc__:
            options.setdefault("description", f"The parts of `{base}`, page by page.")
        super().__init_subclass_with_meta__(
            node=node_type(base, parts), name=f"{base}Connection", strict_types=True, **options
        )
        cls._defaults = {
            field_name: field.default_value
            for field_name, field in cls._meta.fields.items()
            if field_name not in parts
        }

    #: The declared parts, by name; set on each class.
    _parts: ClassVar[dict[str, Part]]
    _declared: ClassVar[list[tuple[str, Any]]]
    _plan: ClassVar[Plan | None]
    _defaults: ClassVar[dict[str, Any]]
    _refusal: str | None = None

    @classmethod
    def _of(cls, root: Any, info: Any, args: dict[str, Any]) -> Self:
        """The connection as one query selects it; its plain fields have their defaults."""
        # Not cls(): graphene's dataclass would set each field, a thousand parts among them.
        connection = object.__new__(cls)
        connection.__dict__.update(cls._defaults)
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
        with _as_read(self.request):
            for permission in self.get_permissions():
                refuse_async(permission)
                if not verdict_of(permission.has_permission(self.request, self)):
                    self._refusal = getattr(permission, "message", None)
                    return False
        return True

    def _deliver(self, name: str, key: str | int) -> Any:
        """The value of a part on this page, or null where the page does not carry it."""
        page = self.__dict__.get("_page")
        if page is None:
            raise TypeError(
                f"A {type(self).__qualname__} was resolved by another field than a "
                "ProgressiveConnectionField, which makes its pages."
            )
        return page.value(name, ("connection", key))

    def _endpoint(self) -> Endpoint:
        """This connection, as the field that the query selects, with its arguments."""
        kind, info = type(self), self.info
        field = f"{info.parent_type.name}.{info.field_name}"
        return Endpoint(
            self,
            self.request,
            address=["graphql", f"{kind.__module__}.{kind.__qualname__}", field, self.args],
            varies_on=self._root_identity,
            reader=reader_of(info),
            plan=self._made_plan,
        )

    def _root_identity(self) -> list[Any]:
        """The object that the connection stands on, for the keys of cached values."""
        root = self.root
        return [[type(root), vars(root)] if isinstance(root, graphene.ObjectType) else root]

    def _made_plan(self) -> Plan:
        """
        The plan of this response.

        Raises:
            PlanError: ``get_parts()`` returned no list of parts, or a part without declaration.
        """
        if self._plan is not None:
            return self._plan
        plan = plan_of(self)
        undeclared = [name for name in plan.names if name not in self._parts]
        if undeclared:
            name, where = undeclared[0], type(self).__qualname__
            hidden = callable(getattr(self, name, None))
            raise PlanError(
                f"{where}.get_parts() returned {name!r}, which is not declared. "
                + (
                    f"A method called {name} would hide the part: rename it."
                    if hidden
                    else f"Add {name} = Part(...) to the connection."
                )
            )
        return plan


def _with_user(request: Any) -> Any:
    """*request*, with a user as in DRF: nobody in particular, where no authentication runs."""
    lacks = isinstance(request, HttpRequest) and not hasattr(request, "user")
    if lacks and apps.is_installed("django.contrib.auth"):
        request.user = import_string("django.contrib.auth.models.AnonymousUser")()
    return request


def verdict_of(verdict: Any) -> bool:
    """
    *verdict* as a bool.

    Raises:
        TypeError: it is a coroutine, which is true whatever it would have said.
    """
    if isawaitable(verdict):
        if isinstance(verdict, Coroutine):
            verdict.close()
        raise TypeError(_ASYNC_PERMISSION)
    return bool(verdict)


def refuse_async(permission: Any) -> None:
    """
    Refuse a permission that is ``async def``, also inside DRF's ``A & B``, which would call it.

    Raises:
        TypeError: nothing awaits its answer.
    """
    if iscoroutinefunction(getattr(permission, "has_permission", None)):
        raise TypeError(_ASYNC_PERMISSION)
    for operand in ("op1", "op2"):
        if hasattr(permission, operand):
            refuse_async(getattr(permission, operand))


@contextmanager
def _as_read(request: Any) -> Iterator[None]:
    """
    Have *request* seem the read that it is.

    A query may arrive as a POST, and DRF's permissions tell reads from writes by the method.
    """
    if getattr(request, "method", None) != "POST":
        yield
        return
    request.method = "GET"
    try:
        yield
    finally:
        request.method = "POST"
