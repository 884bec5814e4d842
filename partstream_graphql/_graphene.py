"""
The private and undocumented APIs of graphene and graphene-django, each behind a function of ours.

Graphene 3.4.3 and graphene-django 3.2.3 were read. A test in
``tests/graphql/test_graphene_adapter.py`` checks each upstream fact.

======================== ======================================== ===============================
function                 upstream fact                            without it
======================== ======================================== ===============================
``is_default_resolver``  a field without a resolver gets          a connection loses its root, or
                         ``partial(default, name, value)``        a resolver is ignored
``new_instance``         ``__init__`` is a dataclass's, over all  a page costs time for each
                         fields                                   declared part
``forget_edge``          ``Connection`` makes ``Edge`` out of the a subclass has the nodes of its
                         ``Edge`` that it finds                   parent
``fields_of``            ``_meta.fields``: the fields by name     defaults of fields are lost
``node_of``              ``_meta.node`` of a connection           a name taken twice goes unseen
``name_of``              ``_meta.name``: the GraphQL name         error messages name no type
``declared_fields``      ``creation_counter`` orders fields       parts change their order
``unbound``              resolvers are called without their class  ``self`` of a resolver is lost
``spelled``              ``to_camel_case`` spells field names     parts are not found in a query
``innermost_type``       ``of_type`` leads to the innermost type  a field finds no connection
``declared_as``          ``graphene_type`` of a GraphQL type      no connection is known in a
                                                                  schema
``inner_resolver``       ``wrap_resolve()`` of a field, its       wrapped fields lose their
                         ``resolver`` and ``get_manager()``, a    filters; rows are fetched
                         shallow copy of it                       without their peers
``mutation_failed``      ``MUTATION_ERRORS_FLAG`` on the request  a failed mutation is committed
======================== ======================================== ===============================

``http.views`` types ``GraphQLView.execute_graphql_request`` again, with steps between the steps
of graphene-django. A test compares the source of the original with the source that was read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from functools import partial
from typing import Any, TypeVar

import graphene
from graphene.types.utils import get_underlying_type
from graphene.utils.get_unbound_function import get_unbound_function
from graphene.utils.str_converters import to_camel_case

T = TypeVar("T")


def may_be_default_resolver(resolver: Any) -> bool:
    """Whether *resolver* has the form of graphene's default resolver."""
    return isinstance(resolver, partial) and len(resolver.args) == 2 and not resolver.keywords


def is_default_resolver(resolver: Any, field: graphene.Field, parent: Any) -> bool:
    """
    Whether graphene itself made *resolver* for *field*, on the GraphQL type *parent*.

    Graphene makes ``partial(default_resolver, name, default_value)`` where neither the type nor
    its interfaces have a ``resolve_<name>``. A resolver that a project wrote may be a partial of
    two arguments, too. So the name has to be the name of *field*, and must have no resolver.
    """
    if not may_be_default_resolver(resolver):
        return False
    name, owner = resolver.args[0], declared_as(parent)
    declared = fields_of(owner).get(name) if isinstance(name, str) else None
    if declared is not field and not isinstance(declared, graphene.Dynamic):
        return False
    kinds = [owner, *(kind for kind in owner._meta.interfaces if name in fields_of(kind))]
    return not any(getattr(kind, f"resolve_{name}", None) for kind in kinds)


def new_instance(cls: type[T], values: Mapping[str, Any]) -> T:
    """An instance of the object type *cls* with the attributes *values* and no others."""
    instance = object.__new__(cls)
    instance.__dict__.update(values)
    return instance


def forget_edge(cls: Any) -> None:
    """Have the connection *cls* get edges of its own, unless its class body declares ``Edge``."""
    if "Edge" not in vars(cls):
        cls.Edge = None


def fields_of(cls: Any) -> dict[str, Any]:
    """The fields of a graphene type, by their Python names."""
    fields: dict[str, Any] = cls._meta.fields
    return fields


def node_of(connection: Any) -> Any:
    """The type of the nodes of a Relay connection."""
    return connection._meta.node


def name_of(cls: Any) -> str:
    """The GraphQL name of a graphene type."""
    name: str = cls._meta.name
    return name


def declared_fields(cls: type[Any]) -> list[tuple[str, graphene.Field]]:
    """The fields in the body of *cls*, in the order of declaration."""
    fields = [item for item in vars(cls).items() if isinstance(item[1], graphene.Field)]
    return sorted(fields, key=lambda item: item[1].creation_counter)


def unbound(resolver: Callable[..., Any]) -> Callable[..., Any]:
    """*resolver* as graphene calls it: with the root object in place of ``self``."""
    function: Callable[..., Any] = get_unbound_function(resolver)
    return function


def spelled(name: str) -> str:
    """The GraphQL name that graphene makes of a Python name."""
    spelling: str = to_camel_case(name)
    return spelling


def innermost_type(type_: Any) -> Any:
    """*type_* without the lists and the non-null types around it."""
    return get_underlying_type(type_)


def declared_as(graphql_type: Any) -> Any:
    """The graphene class of a type in a schema; None for a type that graphene did not make."""
    return getattr(graphql_type, "graphene_type", None)


def inner_resolver(
    field: graphene.Field, value: Any, rows: Callable[[Any], Any]
) -> Callable[..., Any]:
    """
    The resolver of *field* as if *value* were the value of its own resolver.

    Where *value* is None, a field of graphene-django gives the rows of its manager. *rows* makes
    of that the manager that is asked.
    """
    answering: Any = copy(field)
    answering.resolver = None
    if hasattr(field, "get_manager"):
        answering.get_manager = lambda: rows(field.get_manager())
    resolver: Callable[..., Any] = answering.wrap_resolve(partial(_answer, value))
    return resolver


def _answer(value: Any, root: Any, info: Any, /, **arguments: Any) -> Any:
    return value


def mutation_failed(request: Any) -> bool:
    """Whether a form mutation of graphene-django reported errors, so that it is rolled back."""
    # A schema needs graphene alone; the view, which asks this, has graphene-django.
    from graphene_django.constants import MUTATION_ERRORS_FLAG  # noqa: PLC0415 - see above

    return getattr(request, MUTATION_ERRORS_FLAG, False) is True
