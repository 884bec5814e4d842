"""The arguments of background functions: values that JSON has, for they are sent to a worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from django.db.models import Manager, QuerySet
from django.utils.datastructures import MultiValueDict
from django.utils.functional import Promise

#: The types of JSON values without a look inside. A subclass, as of a choice, has an equal value.
_SCALARS = (str, int, float, bool, type(None))

#: Characters of a value that a message shows.
MAX_SHOWN = 200


def check(function: str, argument: Any) -> None:
    """
    Check that *argument*, of a call of the function at a path, has a JSON form that is equal to it.

    Raises:
        TypeError: it has none. The message has the remedy.
    """
    _check(function, argument, argument)


def _check(function: str, argument: Any, value: Any) -> None:
    if isinstance(value, float) and not (value - value == 0):  # NaN or an infinity
        raise _no_form(function, argument, value)
    if isinstance(value, _SCALARS):
        return
    if isinstance(value, list):
        for item in value:
            _check(function, argument, item)
    elif _is_plain_dict(value):
        for item in value.values():
            _check(function, argument, item)
    else:
        raise _no_form(function, argument, value)


def _is_plain_dict(value: Any) -> bool:
    """Whether *value* is a dict of texts; that of a query string loses values as JSON."""
    return (
        isinstance(value, dict)
        and not isinstance(value, MultiValueDict)
        and all(type(key) is str for key in value)
    )


def _no_form(function: str, argument: Any, value: Any) -> TypeError:
    inside = "" if value is argument else f" in a {type(argument).__name__}"
    return TypeError(
        f"{function}() got {_shown(value)}{inside}, which has no JSON form that a worker can be "
        f"sent. {_remedy(value)}"
    )


def _shown(value: Any) -> str:
    """*value* for a message. Rows are not fetched to be shown."""
    if isinstance(value, (QuerySet, Manager)):
        return f"a query set of {value.model.__name__}"
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _remedy(value: Any) -> str:
    if hasattr(value, "META"):
        return "Pass what the function needs of the request, such as request.user.pk."
    if hasattr(value, "_meta"):
        return "Pass the primary key, and get the row in the function."
    if hasattr(value, "is_anonymous"):
        return "Pass user.pk, which is None for an anonymous user."
    return next(remedy for kind, remedy in _REMEDIES if isinstance(value, kind))


#: What to pass instead of a value of each kind; the first that fits counts.
_REMEDIES: tuple[tuple[Any, str], ...] = (
    ((QuerySet, Manager), "Pass primary keys, as a list, and get the rows in the function."),
    (float, "Pass None for a number that is none, or is infinite."),
    ((date, time), "Pass its isoformat()."),
    (timedelta, "Pass its total_seconds()."),
    ((Decimal, UUID, Promise), "Pass its str()."),
    (bytes, "Pass text: decode() it, or send base64."),
    (Enum, "Pass its value."),
    (MultiValueDict, "Pass its dict(), or the values that the function needs."),
    (Mapping, "Pass a dict with text as its keys."),
    (Iterable, "Pass a list."),
    (object, "Pass text, numbers, True, False, None, and lists and dicts of those."),
)
