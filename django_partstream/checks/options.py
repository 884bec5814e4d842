"""The checks of the keys and values of ``PARTSTREAM``."""

from __future__ import annotations

from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured

from django_partstream.conf import SETTINGS, setting


def check_settings(**_: Any) -> list[CheckMessage]:
    """Name each key of ``PARTSTREAM`` that is unknown or has a bad value."""
    _import_fronts()
    configured = getattr(settings, "PARTSTREAM", {})
    if not isinstance(configured, dict):
        return [
            Error(
                f"PARTSTREAM is a {type(configured).__name__}; it must be a dict.",
                hint="PARTSTREAM = {'CHUNK_SIZE': 3}",
                id="partstream.E001",
            )
        ]
    errors: list[CheckMessage] = []
    for key, value in configured.items():
        known = SETTINGS.get(key)
        if known is None:
            near = get_close_matches(str(key).upper(), SETTINGS, n=1)
            errors.append(
                Error(
                    f"PARTSTREAM has the unknown key {key!r}.",
                    hint=f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(SETTINGS)}.",
                    id="partstream.E002",
                )
            )
        elif not known.accepts(value):
            errors.append(
                Error(
                    f"PARTSTREAM[{key!r}] is {value!r}.",
                    hint=f"It must be {known.wants}.",
                    id="partstream.E003",
                )
            )
    return errors


def is_good(key: str) -> bool:
    """Whether the setting *key* has a value of the right shape."""
    configured = getattr(settings, "PARTSTREAM", {})
    return isinstance(configured, dict) and SETTINGS[key].accepts(setting(key))


def _import_fronts() -> None:
    """Import each front that can be imported, so that the settings of all are known."""
    for front in ("partstream_rest", "partstream_graphql"):
        with suppress(ImportError, ImproperlyConfigured):
            import_module(front)
