"""A schema that only a setting names, so nothing imports it before it is asked for."""

import graphene

from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField


class LateConnection(ProgressiveConnection):
    """An open connection."""

    a = Part(graphene.Int, resolver=lambda root, info: 1)


class Query(graphene.ObjectType):
    """A query of it."""

    late = ProgressiveConnectionField(LateConnection)


schema = graphene.Schema(query=Query)
