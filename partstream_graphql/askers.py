"""The asker of a resolver: its ``info``, whose ``context`` is or has the request."""

from __future__ import annotations

from django_partstream.identity import CONTEXT_ATTRIBUTES


def register() -> None:
    """Let the guards of the core find the request of an ``info``."""
    CONTEXT_ATTRIBUTES.add("context")
