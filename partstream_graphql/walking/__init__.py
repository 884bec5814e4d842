"""A walk of a connection, for ``manage.py partstream walk``: its pages, as clients follow them."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import graphene
import graphene_django.settings
from django.urls import ResolverMatch, get_resolver
from graphene_django.views import GraphQLView
from graphql import get_named_type

from django_partstream.walking.clients import Answer, Client, NoAnswer
from django_partstream.walking.walks import (
    Event,
    NotWalkable,
    Page,
    Part,
    Pending,
    Total,
    Wait,
    WalkBroken,
)
from partstream_graphql._graphene import spelled
from partstream_graphql.declaration import Part as DeclaredPart
from partstream_graphql.declaration import own_resolver
from partstream_graphql.fields import ConnectionResolver
from partstream_graphql.http.views import ProgressiveGraphQLView
from partstream_graphql.schemas import spelling_of
from partstream_graphql.walking.queries import query_of

#: The path at which the view answers the requests of a walk.
PATH = "/graphql/"


class ConnectionWalker:
    """
    The walk of the connection at ``Query.field``, the *target*.

    *schema* is the dotted path of the schema; None for that of graphene-django's settings. *given*
    are arguments, as :func:`.queries.query_of` takes them.

    Raises:
        NotWalkable: there is no such schema or connection, or an argument is missing.
    """

    def __init__(self, target: str, *, schema: str | None, given: Mapping[str, str]) -> None:
        self.title = target
        made = _schema_at(schema)
        type_name, _, name = target.partition(".")
        self._field, connection_field = _root_field(made.graphql_schema, type_name, name)
        if not isinstance(connection_field.resolve, ConnectionResolver):
            raise NotWalkable(f"{target} is no ProgressiveConnectionField.")
        named: Any = get_named_type(connection_field.type)
        spelling = spelling_of(connection_field.resolve.field.connection, named)
        self._query = query_of(self._field, connection_field, spelling, given)
        self.not_selected = self._query.not_selected
        self.views: dict[str, Callable[..., Any]] = {PATH: _view_of(made)}

    def sign_in(self, request: Any, match: ResolverMatch, user: Any) -> None:
        """The user of a GraphQL view is that of the request."""

    def function_of(self, owner: Any, name: str, value: Any) -> Any:
        """The resolver of a part that is resolved by its connection."""
        if not isinstance(value, DeclaredPart):
            return None
        return own_resolver(type(owner), name, value) or value

    def walk(self, client: Client) -> Iterator[Event]:
        """See :class:`~django_partstream.walking.walks.Walker`."""
        after: str | None = None
        has_more = True
        while has_more:
            connection, errors = self._asked(client, after)
            yield Page()
            yield Total(connection["totalCount"])
            edges = connection["edges"]
            for index, edge in enumerate(edges):
                yield self._part(edge["node"], errors.get(index))
            for each in connection["pending"]:
                yield Pending(each["name"], each["progress"])
            if connection["pending"] and not edges:
                yield Wait(min(each["retryAfter"] for each in connection["pending"]))
            after = connection["pageInfo"]["endCursor"]
            has_more = connection["pageInfo"]["hasNextPage"]

    def _asked(self, client: Client, after: str | None) -> tuple[Any, dict[int, Any]]:
        """A page of the connection, and the errors below its parts, by the index of the edge."""
        body = {"query": self._query.text, "variables": {**self._query.variables, "after": after}}
        try:
            with client.asked(PATH, data=body) as answer:
                told = answer.json()
        except NoAnswer as exc:
            raise WalkBroken(f"{self.title}: {exc}") from exc
        if not isinstance(told, dict):
            raise WalkBroken(f"{self.title}: {_refusal(answer, told)}")
        connection = (told.get("data") or {}).get(self._field)
        errors = told.get("errors", ())
        if connection is None:
            told_by_view = "; ".join(error.get("message", "") for error in errors)
            is_refused = "errors" in told and "data" not in told  # the query was not executed
            kind = NotWalkable if is_refused and after is None else WalkBroken
            raise kind(f"{self.title}: {told_by_view or _refusal(answer, told)}")
        return connection, {error["path"][2]: error for error in errors if _is_below(error)}

    def _part(self, node: Any, below: Any) -> Part:
        name = node["name"]
        error = node["error"]
        if error is None and below is not None:
            extensions = below.get("extensions", {})
            error = {
                "code": str(extensions.get("code", "part_failed")).lower(),
                "message": below["message"],
                "reference": extensions.get("reference"),
            }
        return Part(name, node.get(name), error)


def _schema_at(path: str | None) -> graphene.Schema:
    """
    The schema at the dotted *path*, of graphene-django's settings, or of the project's views.

    Raises:
        NotWalkable: there is none.
    """
    try:
        chosen = graphene_django.settings.graphene_settings
        schema = pkgutil.resolve_name(path) if path else chosen.SCHEMA
    except (ImportError, AttributeError, ValueError) as exc:
        raise NotWalkable(f"The schema cannot be imported: {exc}.") from exc
    if schema is None:
        served = {id(view.schema): view.schema for _, view in _graphql_views()}
        if len(served) != 1:
            raise NotWalkable(
                f'GRAPHENE["SCHEMA"] names no schema, and the URLs serve {len(served)} of them. '
                "Pass --schema PACKAGE.schema.schema."
            )
        (schema,) = served.values()
    if not isinstance(schema, graphene.Schema):
        raise NotWalkable(f"{path} is a {type(schema).__name__}, and no graphene.Schema.")
    return schema


def _root_field(schema: Any, type_name: str, name: str) -> tuple[str, Any]:
    """
    The name and the field of a query's root, given the name as GraphQL or Python spells it.

    Raises:
        NotWalkable: there is none; the text names the progressive connections.
    """
    root = schema.query_type
    fields = {} if root is None else root.fields
    for spelling in (name, spelled(name)):
        if root is not None and type_name == root.name and spelling in fields:
            return spelling, fields[spelling]
    known = [
        f"{root.name}.{each}"
        for each, field in fields.items()
        if isinstance(field.resolve, ConnectionResolver)
    ]
    raise NotWalkable(
        f"The schema has no {type_name}.{name}. Its progressive connections: "
        f"{', '.join(known) or 'none'}."
    )


def _view_of(schema: graphene.Schema) -> Callable[..., Any]:
    """
    The view of the project that serves *schema*, else a view of ours.

    A project's own has its context, its middlewares of Graphene and its limits.
    """
    for callback, view in _graphql_views():
        if view.schema is schema and not view.batch:
            return callback
    own: Callable[..., Any] = ProgressiveGraphQLView.as_view(schema=schema)
    return own


def _graphql_views() -> Iterator[tuple[Callable[..., Any], Any]]:
    """The GraphQL views of the project, each as Django calls it and as an object."""
    for callback in _callbacks(get_resolver().url_patterns):
        kind = getattr(callback, "view_class", None)
        if isinstance(kind, type) and issubclass(kind, GraphQLView):
            try:
                view = kind(**callback.view_initkwargs)
            except AssertionError:  # graphene-django's, of a view without a schema
                continue
            yield callback, view


def _callbacks(patterns: Any) -> Iterator[Any]:
    """The views at *patterns* that need no arguments."""
    for each in patterns:
        if each.pattern.converters or each.pattern.regex.groups:
            continue
        if hasattr(each, "url_patterns"):
            yield from _callbacks(each.url_patterns)
        else:
            yield each.callback


def _refusal(answer: Answer, body: Any) -> str:
    if answer.status == 200:
        return f"200 {answer.kind} is no result of GraphQL."
    return answer.refusal(body)


def _is_below(error: Any) -> bool:
    """Whether *error* is that of a field below a part: its path is that of an edge."""
    path: list[Any] = error.get("path") or []
    return len(path) > 4 and path[1] == "edges" and path[3] == "node"
