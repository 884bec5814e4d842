"""
The GraphQL front, on Graphene-Django.

The public names of the front are the names here. Each is imported when it is asked for, so that
a schema does not load the view, and the settings are known without Graphene.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from partstream_graphql import askers, conf

if TYPE_CHECKING:
    from partstream_graphql.connection import ProgressiveConnection
    from partstream_graphql.declaration import Part
    from partstream_graphql.directives import defer_directives
    from partstream_graphql.fields import ProgressiveConnectionField
    from partstream_graphql.http.labels import ProgressiveDeferRule
    from partstream_graphql.http.persisted import AutomaticPersistedQueries, TrustedDocuments
    from partstream_graphql.http.rules import ProgressiveLimitsRule
    from partstream_graphql.http.views import ProgressiveGraphQLView

__all__ = [
    "AutomaticPersistedQueries",
    "Part",
    "ProgressiveConnection",
    "ProgressiveConnectionField",
    "ProgressiveDeferRule",
    "ProgressiveGraphQLView",
    "ProgressiveLimitsRule",
    "TrustedDocuments",
    "defer_directives",
]

_MODULES = {
    "AutomaticPersistedQueries": "http.persisted",
    "Part": "declaration",
    "ProgressiveConnection": "connection",
    "ProgressiveConnectionField": "fields",
    "ProgressiveDeferRule": "http.labels",
    "ProgressiveGraphQLView": "http.views",
    "ProgressiveLimitsRule": "http.rules",
    "TrustedDocuments": "http.persisted",
    "defer_directives": "directives",
}

askers.register()
conf.register()


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
