"""
How a connection is declared: :class:`Part`, and the rules for a class of parts.

All of it runs when a class is created, so that a mistake is named then, not at a request.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import graphene

from django_partstream.parts import check_name
from partstream_graphql._graphene import declared_fields, spelled, unbound
from partstream_graphql.types import ProgressivePart

#: GraphQL fields of a connection and its nodes that are not parts.
RESERVED = frozenset(
    {"name", "status", "error", "edges", "node", "page_info", "total_count", "pending"}
)
_RESERVED_FIELDS = frozenset(map(spelled, RESERVED))

#: Attributes of a connection that its class need not have: options, and what a request brings.
OWN = frozenset(
    {
        "chunk_size",
        "max_chunk_size",
        "cursor_ttl",
        "concurrency",
        "fetch_peers",
        "request",
        "info",
        "args",
        "root",
    }
)


class Part(graphene.Field):
    """
    A part of a :class:`~partstream_graphql.ProgressiveConnection`: a field, resolved on the page
    that carries it.

    It takes the arguments of ``graphene.Field``. ``Part(DjangoListField(X))`` and
    ``Part(DjangoConnectionField(X))`` resolve as those fields do, but that a resolver's None is
    null rather than every row. Guards cover the query of a list; a connection's query runs behind
    them, for it depends on the connection's own arguments. A part is always nullable, being null
    on every page that does not carry it.

    Raises:
        TypeError: it is required.
    """

    #: The name of the part in the class that declares it.
    attname: str = ""

    def __init__(self, type_: Any, *args: Any, required: bool = False, **kwargs: Any) -> None:
        self.inner = inner = type_ if isinstance(type_, graphene.Field) else None
        if required or isinstance(type_, graphene.NonNull):
            raise TypeError(
                "A Part cannot be required: it is null on each page that does not carry it."
            )
        if inner is not None:
            for option in ("name", "description", "deprecation_reason"):
                kwargs.setdefault(option, getattr(inner, option))
            type_ = partial(getattr, inner, "type")
        super().__init__(type_, *args, **kwargs)

    @property
    def args(self) -> dict[str, Any]:
        """Its arguments and those of a wrapped field, which may know them only late."""
        return {**(self.inner.args if self.inner else {}), **self._own_args}

    @args.setter
    def args(self, own: dict[str, Any]) -> None:
        self._own_args = own

    @property
    def type(self) -> Any:
        """Its type, nullable even if a wrapped field or a late reference is not."""
        type_ = super().type
        return type_.of_type if isinstance(type_, graphene.NonNull) else type_

    def wrap_resolve(self, parent_resolver: Any) -> Any:
        """The resolver of a field of a part: it reads the page, where the part has ended."""
        return partial(_read_page, self.attname)


def _read_page(attname: str, root: Any, info: Any, /, **arguments: Any) -> Any:
    part_at = getattr(root, "_part_at", None)
    if part_at is None:
        raise TypeError(
            f"{info.parent_type.name}.{info.field_name} is a Part outside of a page. A Part is "
            "declared in a ProgressiveConnection, served by a ProgressiveConnectionField."
        )
    return part_at(attname, info.path.key)


def declared_parts(cls: type[Any]) -> dict[str, Part]:
    """
    The parts of *cls* and its bases, by name, in the order of declaration.

    Raises:
        TypeError: a part cannot have its name. The message has the name, and the reason.
    """
    parts: dict[str, Part] = {}
    for base in reversed(cls.__mro__):
        for name, field in declared_fields(base):
            if isinstance(field, Part):
                parts[name] = field
                continue
            parts.pop(name, None)  # a plain field took its place
            if name in OWN:
                raise TypeError(f"{cls.__qualname__}.{name}: self.{name} is the connection's own.")
    for name, part in parts.items():
        _check_part(cls, name, part)
        part.attname = name
    _refuse_equal_fields(cls, parts)
    return parts


def _check_part(cls: type[Any], name: str, part: Part) -> None:
    where = f"{cls.__qualname__}.{name}"
    if spelled(part.name or name) in _RESERVED_FIELDS:
        raise TypeError(f"{where}: {name!r} is a field of every connection. Rename the part.")
    if name in OWN:
        raise TypeError(f"{where}: self.{name} is the connection's own. Rename the part.")
    if part.attname not in ("", name):
        raise TypeError(f"{where}: this Part is {part.attname!r} already. Declare one for each.")
    check_name(name)
    for base in cls.__mro__:
        other = vars(base).get(name)
        if other is not None and not isinstance(other, graphene.Field):
            raise TypeError(
                f"{where}: the part {name!r} has the name of an attribute of "
                f"{base.__qualname__}. Rename one of them."
            )


def _refuse_equal_fields(cls: type[Any], parts: dict[str, Part]) -> None:
    by_field: dict[str, str] = {}
    for name, part in parts.items():
        field = part.name or spelled(name)
        if field in by_field:
            raise TypeError(
                f"{cls.__qualname__}: the parts {by_field[field]!r} and {name!r} are both the "
                f"GraphQL field {field!r}."
            )
        by_field[field] = name


def own_resolver(cls: type[Any], name: str, part: Part) -> Callable[..., Any] | None:
    """The resolver that *cls* declares for a part, as ``resolver(root, info, **arguments)``."""
    given = part.resolver or (part.inner.resolver if part.inner else None)
    resolver = given or getattr(cls, f"resolve_{name}", None)
    return None if resolver is None else unbound(resolver)


def resolves_itself(part: Part) -> bool:
    """Whether a part needs no resolver: graphene-django's fields have the rows of their model."""
    return part.inner is not None and type(part.inner) is not graphene.Field


def node_type(base_name: str, parts: dict[str, Part]) -> type[graphene.ObjectType]:
    """The type of a connection's nodes: the same parts, a single part filled in each node."""
    meta = {
        "name": f"{base_name}Part",
        "interfaces": (ProgressivePart,),
        "description": f"One part of `{base_name}`: the field of its name is filled.",
    }
    return type(f"{base_name}Part", (graphene.ObjectType,), {**parts, "Meta": meta})


def base_name(cls: type[Any], name: str | None) -> str:
    """The stem of a connection's type names: ``Dashboard`` of ``DashboardConnection``."""
    return re.sub("Connection$", "", name or cls.__name__) or cls.__name__
