"""
The ``@defer`` directive, for the place where a schema is made.

A schema declares its directives, so that its SDL and its introspection have them. Without the
directive ``@defer`` is an unknown directive, and clients that compile against the SDL refuse it.
"""

from __future__ import annotations

from graphql import (
    DirectiveLocation,
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLDirective,
    GraphQLNonNull,
    GraphQLString,
    specified_directives,
)

#: The name of the directive.
DEFER = "defer"

_defer = GraphQLDirective(
    name=DEFER,
    locations=[DirectiveLocation.FRAGMENT_SPREAD, DirectiveLocation.INLINE_FRAGMENT],
    args={
        "if": GraphQLArgument(
            GraphQLNonNull(GraphQLBoolean),
            default_value=True,
            description="Whether the fragment may arrive later.",
        ),
        "label": GraphQLArgument(
            GraphQLString, description="A name of the fragment, unique in the document."
        ),
    },
    description="Lets the server send this fragment later than the rest of the response.",
)


def defer_directives() -> list[GraphQLDirective]:
    """
    The directives of a schema with ``@defer``: the specified directives, and that one.

    ``graphene.Schema(query=Query, directives=defer_directives())``. Graphene replaces ``@skip``
    and ``@include`` by the directives that it is given, so they are among these.
    """
    return [*specified_directives, _defer]
