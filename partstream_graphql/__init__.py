"""The GraphQL front, on Graphene-Django."""

from __future__ import annotations

from partstream_graphql import conf  # noqa: F401 - it registers settings
from partstream_graphql.connection import ProgressiveConnection
from partstream_graphql.declaration import Part
from partstream_graphql.fields import ProgressiveConnectionField

__all__ = ["Part", "ProgressiveConnection", "ProgressiveConnectionField"]
