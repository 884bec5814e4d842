"""The check of connections that are open, though the project's views of DRF are not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage
from django.core.checks import Warning as CheckWarning
from django.urls import get_resolver

#: Permissions that let every reader read.
_OPEN = {"AllowAny", "IsAuthenticatedOrReadOnly", "DjangoModelPermissionsOrAnonReadOnly"}

#: The attributes of a connection that decide on access to it.
_DECIDING = ("permission_classes", "get_permissions", "has_permission")


def check_open_connections(**_: Any) -> list[CheckMessage]:
    """Warn of each connection without permissions, if DRF's default permissions refuse readers."""
    defaults = _strict_defaults()
    if not defaults:
        return []
    _load_schemas()
    front: Any = sys.modules.get("partstream_graphql.connection")
    if front is None:
        return []
    names = ", ".join(defaults)
    return [
        CheckWarning(
            f"{kind.__module__}.{kind.__qualname__} has no permission_classes, so anybody may "
            f"query it. DEFAULT_PERMISSION_CLASSES ({names}) is for REST only.",
            hint=(
                f"Set permission_classes = [{names}] on the connection, or on the mixin that it "
                "shares with a view. [AllowAny] says that it is open, or that the GraphQL view "
                "asks for a login."
            ),
            id="partstream.W015",
        )
        for kind in dict.fromkeys(_below(front.ProgressiveConnection))
        if not _decides(kind, front.ProgressiveConnection)
    ]


def _strict_defaults() -> list[str]:
    """The names of DRF's default permissions that may refuse to be read."""
    chosen = getattr(settings, "REST_FRAMEWORK", None) or {}
    classes = chosen.get("DEFAULT_PERMISSION_CLASSES") or ()
    names = [str(getattr(each, "__qualname__", each)).rpartition(".")[2] for each in classes]
    return [name for name in names if name not in _OPEN]


def _load_schemas() -> None:
    """Import what the project serves: its URLs, and the schema of graphene-django's settings."""
    with suppress(Exception):  # Django's own check of the URLs says so
        _ = get_resolver().url_patterns
    path = (getattr(settings, "GRAPHENE", None) or {}).get("SCHEMA")
    if isinstance(path, str):
        with suppress(Exception):  # graphene-django says so
            import_module(path.rpartition(".")[0])


def _below(kind: Any) -> Iterator[Any]:
    """The concrete connections below *kind*."""
    for each in kind.__subclasses__():
        if "_parts" in vars(each):
            yield each
        yield from _below(each)


def _decides(kind: type, base: type) -> bool:
    """Whether *kind*, or a class between it and *base*, says who may have the connection."""
    own = kind.__mro__[: kind.__mro__.index(base)]
    return any(name in vars(each) for each in own for name in _DECIDING)
