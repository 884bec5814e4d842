"""
How a connection is declared: :class:`Part`, and what a class of parts must not do.

All of it runs when a class is created, so that a mistake is named then, not at a request.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import graphene
from graphene.utils.get_unbound_function import get_unbound_function
from graphene.utils.str_converters import to_camel_case
from graphql import get_named_type

from django_partstream.parts import check_name
from partstream_graphql.types import PartError, PartStatus, ProgressivePart

#: GraphQL fields of a connection and its nodes that are not parts.
RESERVED = frozenset({"name", "status", "error", "edges", "node", "page_info", "total_count"})

#: Attributes of a connection that its class need not have: options, and what a request brings.
OWN = frozenset(
    {"chunk_size", "max_chunk_size", "cursor_ttl", "concurrency", "request", "info", "args", "root"}
)


class Part(graphene.Field):
    """
    A part of a :class:`~partstream_graphql.ProgressiveConnection`: a field, resolved on the page
    that carries it.

    It takes what ``graphene.Field`` takes. ``Part(DjangoListField(X))`` and
    ``Part(DjangoConnectionField(X))`` resolve as those fields do, but that a resolver's None is
    null rather than every row. Guards cover the query of a list; a connection's runs behind
    them, for it depends on the connection's own arguments. It is always nullable, being null on
    every page that does not carry it.

    Raises:
        TypeError: it is required.
    """

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

    #: What the class that declares it calls it.
    attname: str = ""

    @property
    def args(self) -> dict[str, Any]:
        """Its arguments, and those of the field that it wraps, which may not be known early."""
        return {**(self.inner.args if self.inner else {}), **self._own_args}

    @args.setter
    def args(self, own: dict[str, Any]) -> None:
        self._own_args = own

    @property
    def type(self) -> Any:
        """Its type, nullable even where a wrapped field or a late reference is not."""
        type_ = super().type
        return type_.of_type if isinstance(type_, graphene.NonNull) else type_

    def wrap_resolve(self, parent_resolver: Any) -> Any:
        """Fields of a connection answer from its page; its resolvers ran before."""
        return partial(_deliver, self.attname)


def _deliver(attname: str, root: Any, info: Any, /, **arguments: Any) -> Any:
    deliver = getattr(root, "_deliver", None)
    if deliver is None:
        raise TypeError(
            f"{info.parent_type.name}.{info.field_name} is a Part outside of a page. A Part is "
            "declared in a ProgressiveConnection, served by a ProgressiveConnectionField."
        )
    return deliver(attname, info.path.key)


def declared_parts(cls: type[Any]) -> dict[str, Part]:
    """
    The parts of *cls* and its bases, by name, in the order of declaration.

    Raises:
        TypeError: one of them cannot be called what it is called; the message names it.
    """
    parts: dict[str, Part] = {}
    for base in reversed(cls.__mro__):
        own = [item for item in vars(base).items() if isinstance(item[1], graphene.Field)]
        for name, value in sorted(own, key=lambda item: item[1].creation_counter):
            if isinstance(value, Part):
                parts[name] = value
                continue
            parts.pop(name, None)  # a plain field took its place
            if name in OWN:
                raise TypeError(f"{cls.__qualname__}.{name}: self.{name} is the connection's own.")
    by_field: dict[str, str] = {}
    for name, part in parts.items():
        _check_part(cls, name, part)
        field = part.name or to_camel_case(name)
        if field in by_field:
            raise TypeError(
                f"{cls.__qualname__}: the parts {by_field[field]!r} and {name!r} are both the "
                f"GraphQL field {field!r}."
            )
        by_field[field] = name
    return parts


def _check_part(cls: type[Any], name: str, part: Part) -> None:
    where = f"{cls.__qualname__}.{name}"
    if to_camel_case(part.name or name) in {to_camel_case(word) for word in RESERVED}:
        raise TypeError(f"{where}: {name!r} is a field of every connection. Rename the part.")
    if name in OWN:
        raise TypeError(f"{where}: self.{name} is the connection's own. Rename the part.")
    if part.attname not in ("", name):
        raise TypeError(f"{where}: this Part is {part.attname!r} already. Declare one for each.")
    check_name(name)
    part.attname = name
    for base in cls.__mro__:
        other = vars(base).get(name)
        if other is not None and not isinstance(other, graphene.Field):
            raise TypeError(
                f"{where}: the part {name!r} has the name of an attribute of "
                f"{base.__qualname__}. Rename one of them."
            )


def own_resolver(cls: type[Any], name: str, part: Part) -> Callable[..., Any] | None:
    """The resolver that *cls* declares for a part, as ``resolver(root, info, **arguments)``."""
    given = part.resolver or (part.inner.resolver if part.inner else None)
    resolver = given or getattr(cls, f"resolve_{name}", None)
    return None if resolver is None else get_unbound_function(resolver)


def resolves_itself(part: Part) -> bool:
    """Whether a part needs no resolver: graphene-django's fields have the rows of their model."""
    return part.inner is not None and type(part.inner) is not graphene.Field


def node_type(base_name: str, parts: dict[str, Part]) -> type[graphene.ObjectType]:
    """The type of a connection's nodes: the same parts, one of them filled per node."""
    meta = {
        "name": f"{base_name}Part",
        "interfaces": (ProgressivePart,),
        "description": f"One part of `{base_name}`: the field of its name is filled.",
    }
    return type(f"{base_name}Part", (graphene.ObjectType,), {**parts, "Meta": meta})


def base_name(cls: type[Any], name: str | None) -> str:
    """What the types of a connection are named after: ``Dashboard`` of ``DashboardConnection``."""
    return re.sub("Connection$", "", name or cls.__name__) or cls.__name__


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a schema spells the parts of a connection: by Python name, and by GraphQL field."""

    fields: dict[str, str]
    parts: dict[str, str]


def spelling_of(cls: type[Any], graphql_type: Any) -> Spelling:
    """How the schema that *graphql_type* belongs to spells the parts of *cls*; worked out once."""
    known: Spelling | None = graphql_type.extensions.get("partstream")
    if known is None:
        fields = {}
        for name, part in cls._parts.items():
            spelled = part.name or to_camel_case(name)
            fields[name] = spelled if spelled in graphql_type.fields else name
        known = Spelling(fields, {field: name for name, field in fields.items()})
        graphql_type.extensions["partstream"] = known
    return known


def check_type_names(connection: Any, graphql_type: Any) -> None:
    """
    Refuse a schema in which another type took the name of one that *connection* needs.

    Graphene lets the first of two types with one name silently stand for both.

    Raises:
        TypeError: naming both.
    """
    _check_same(connection, graphql_type)
    edge = get_named_type(graphql_type.fields["edges"].type)
    _check_same(connection.Edge, edge)
    node = get_named_type(edge.fields["node"].type)
    _check_same(connection._meta.node, node)
    _check_same(ProgressivePart, node.interfaces[0])
    _check_same(PartStatus, get_named_type(node.fields["status"].type))
    _check_same(PartError, get_named_type(node.fields["error"].type))


def _check_same(mine: Any, there: Any) -> None:
    theirs = there.graphene_type
    if theirs is not mine:
        raise TypeError(
            f"Two types are called {mine._meta.name!r}: {mine.__module__}.{mine.__qualname__} "
            f"and {theirs.__module__}.{theirs.__qualname__}. Give one of them another Meta.name."
        )
