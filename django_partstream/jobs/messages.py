"""
The message that asks for a job: a JSON object, and nothing more.

It says which function to call, with which arguments, in which language, time zone and tenant. The
worker derives all else from it, the key of the value included. So a forged message can call nothing
but a background function, and can write no key but that of its own value. Where traces are made, it
names the span of the part that has asked, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, Self

from django.utils import timezone, translation

from django_partstream import clocks
from django_partstream.canonical import digest
from django_partstream.carried.surroundings import current_schemas, entered_for
from django_partstream.jobs.arguments import check

#: From here on ``repr()`` writes a float with an exponent.
_WITH_EXPONENT = 1e16


@dataclass(frozen=True, slots=True)
class Message:
    """
    A call of the background function at the dotted path *function*.

    *zone* is the name of a time zone, or its offset as "+02:00"; empty with ``TIME_ZONE = None``.
    *context* has the ``tenant`` of ``TENANCY`` and the ``schemas`` of django-tenants, by database.
    *trace* is the span of the part that has asked (W3C Trace Context). It makes no other message.
    """

    function: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    language: str | None
    zone: str
    context: Mapping[str, Any] = field(default_factory=dict)
    trace: Mapping[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def of(
        cls, function: str, args: Sequence[Any], kwargs: Mapping[str, Any], *, tenant: Any
    ) -> Self:
        """
        The message for a call in the language, time zone and schemas of this thread.

        Raises:
            TypeError: an argument has no JSON form.
        """
        try:
            for argument in (*args, *kwargs.values()):
                check(function, argument)
            plain_args, plain_kwargs = json.loads(json.dumps([args, kwargs], allow_nan=False))
        except RecursionError:
            raise TypeError(
                f"{function}() got an argument that is nested too deeply. Pass a flat one."
            ) from None
        zone = clocks.time_zone()
        context = {"tenant": tenant, "schemas": current_schemas() or None}
        return cls(
            function,
            plain_args,
            plain_kwargs,
            translation.get_language(),
            clocks.name_of(zone) if zone else "",
            {name: value for name, value in context.items() if value is not None},
        )

    @classmethod
    def read(cls, raw: Any) -> Self:
        """
        The message in *raw*, the JSON object that an engine has carried.

        Raises:
            ValueError: it is no such object.
        """
        try:
            message = cls(**raw)
            shapes: list[tuple[Any, Any]] = [
                (message.function, str),
                (message.args, list),
                (message.kwargs, dict),
                (message.language, (str, type(None))),
                (message.zone, str),
                (message.context, dict),
                (message.trace, dict),
                *((word, str) for word in dict(message.trace).values()),
            ]
        except (TypeError, ValueError) as exc:
            raise ValueError(f"It is no message of a background function: {exc}.") from exc
        for value, kind in shapes:
            if not isinstance(value, kind):
                raise ValueError(f"It is no message of a background function: {value!r}.")
        return message

    def as_json(self) -> dict[str, Any]:
        """The message as the JSON object that an engine carries, without *trace*."""
        return {name: getattr(self, name) for name in _NAMES}

    @property
    def key(self) -> str:
        """The digest that the value of the call is kept under; the same on both ends."""
        return digest(json.dumps(_as_carried(self.as_json()), sort_keys=True))

    def entered(self) -> AbstractContextManager[Any]:
        """
        The language, time zone and tenant of the message, for work in this thread.

        Raises:
            ImproperlyConfigured: this process does not know the time zone, or has no such database.
            Exception: a method of ``TENANCY`` raised it.
        """
        stack = ExitStack()
        with stack:
            stack.enter_context(translation.override(self.language))
            if self.zone:
                stack.enter_context(timezone.override(clocks.zone_named(self.zone)))
            tenant, schemas = self.context.get("tenant"), self.context.get("schemas", {})
            stack.enter_context(entered_for(tenant, schemas))
            return stack.pop_all()


#: The fields in which messages differ.
_NAMES = [each.name for each in fields(Message) if each.compare]


def _as_carried(value: Any) -> Any:
    """
    *value* with each number as a carrier may give it back.

    PostgreSQL's ``jsonb`` has decimal numbers: no exponent, and no zero below zero.
    """
    if isinstance(value, float):
        if value == 0:
            return 0.0
        return int(Decimal(repr(value))) if abs(value) >= _WITH_EXPONENT else value
    if isinstance(value, list):
        return [_as_carried(item) for item in value]
    if isinstance(value, dict):
        return {name: _as_carried(item) for name, item in value.items()}
    return value
