"""
Values of parts in REST: JSON text, made once within the guards of the part.

A cache keeps the text, and a page is put together from it. Renderers of other formats, and code
that looks into a response, get the objects that the text stands for.

A value is encoded at once, by orjson if it is installed, else by the C encoder of the standard
library. The two differ: orjson refuses keys that are no text, the standard library refuses NaN and
writes integers of any size. Where an encoder gives up, a walk over the value decides, which has the
rules of both. So the JSON is equal with and without orjson.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from math import isfinite
from typing import Any

from django.utils.functional import LazyObject, cached_property
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.serializers import BaseSerializer
from rest_framework.utils.encoders import JSONEncoder

from django_partstream._django import wrapped_by
from django_partstream._fetching import with_peers
from partstream_rest.kinds import COMMON_FORMS, encoder_before_ours, is_missing

try:
    import orjson
except ImportError:
    orjson = None  # type: ignore[assignment]
else:
    _ORJSON = (
        orjson.OPT_PASSTHROUGH_DATACLASS
        | orjson.OPT_PASSTHROUGH_DATETIME
        | orjson.OPT_PASSTHROUGH_SUBCLASS
    )

#: Gives the form of a value that JSON lacks.
Default = Callable[[Any], Any]

#: An integer of more than 64 bits is not safe in JSON, for few parsers read it as it is.
_INTEGERS = range(-(2**63), 2**64)

#: The kinds that JSON has, of which a value may be of a subclass.
_BASES = (str, int, float, dict, list, tuple)


class JSONText(bytes):
    """The JSON of a value: UTF-8 on a single line, with the escapes that DRF adds."""

    __slots__ = ()


class Writer:
    """
    Writes the values of a view's parts as JSON text.

    *renderers* returns the renderers of the view. The encoder of the first JSON renderer among them
    gives the form of a value that JSON lacks. *rows* takes the query set of a serializer, and
    returns the query set to fetch.
    """

    def __init__(
        self,
        renderers: Callable[[], Iterable[BaseRenderer]],
        rows: Callable[[Any], Any] = with_peers,
    ) -> None:
        self._renderers, self._rows = renderers, rows

    @cached_property
    def encoder_class(self) -> type[json.JSONEncoder]:
        """The encoder that is asked."""
        for renderer in self._renderers():
            if isinstance(renderer, JSONRenderer):
                return renderer.encoder_class
        return JSONEncoder

    def __call__(self, value: Any) -> JSONText:
        """
        The JSON of *value*.

        Raises:
            TypeError: *value*, or a value in it, is of a kind that JSON does not have.
            ValueError: *value* has a number or text that JSON or a parser cannot hold (RFC 8259,
                sections 6 and 8.1), or contains itself.
            PartTimeout: the deadline of the part passed before the end of an iterable.
        """
        try:
            return JSONText(_escaped(self._written(value)))
        except RecursionError as exc:
            raise ValueError("The value is nested too deep for JSON, or contains itself.") from exc

    def _written(self, value: Any) -> bytes:
        failures: list[BaseException] = []
        form = self._forms(failures)
        try:
            return _encoded(value, form)
        except (TypeError, ValueError):
            failure = failures[0] if failures else None
        if failure is not None:
            raise failure  # orjson has put an error of its own round it
        return _STANDARD.encode(_plain(value, form)).encode()

    def _forms(self, failures: list[BaseException]) -> Default:
        """
        A function that returns the form of a value, for an encoder and for the walk after it.

        Each value is asked for its form once, since an iterator has nothing left the second time.
        An exception that the function raises is added to *failures*.
        """
        asked: dict[int, tuple[Any, Any]] = {}

        def form_of(value: Any) -> Any:
            try:
                kind = type(value)
                common = self._common.get(kind)
                if common is not None:
                    return common(value)
                if issubclass(kind, _BASES):
                    return _base_form(value)
                if id(value) not in asked:
                    # The value is kept alive, so that its id stays its own.
                    asked[id(value)] = value, self._form(value)
                return asked[id(value)][1]
            except BaseException as exc:
                failures.append(exc)
                raise

        return form_of

    def _form(self, value: Any) -> Any:
        """A form of *value*, of a kind that JSON lacks: a step nearer to JSON."""
        if issubclass(type(value), LazyObject):
            return wrapped_by(value)
        if is_missing(value):
            return None
        if isinstance(value, BaseSerializer):
            value.instance = self._rows(value.instance)
        form = self._ask(value)
        if form is value:
            raise TypeError(f"{type(value).__name__} has no form in JSON.")
        return form

    @cached_property
    def _common(self) -> dict[type, Default]:
        """The forms of DRF's own encoder, by type; empty for a project's encoder."""
        return COMMON_FORMS if self.encoder_class is JSONEncoder else {}

    @cached_property
    def _ask(self) -> Default:
        kind: Any = self.encoder_class
        return encoder_before_ours(kind).default


def _plain(value: Any, form: Default) -> Any:
    """*value* as str-keyed dict, list, str, bool, None, 64-bit int and finite float."""
    kind = type(value)
    if kind is str:
        return _text(value)
    if value is None or kind is bool:
        return value
    if kind is int:
        if value not in _INTEGERS:
            raise ValueError("An integer beyond 64 bits is not safe in JSON; send it as a str.")
        return value
    if kind is float:
        return value if isfinite(value) else None
    if kind is dict:
        return {_key(name): _plain(item, form) for name, item in value.items()}
    if kind is list or kind is tuple:
        return [_plain(item, form) for item in value]
    return _plain(form(value), form)


def _text(value: str) -> str:
    if not value.isascii():
        value.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError
    return value


def _key(name: Any) -> str:
    """The key *name* as ``json.dumps()`` writes it."""
    if isinstance(name, str):
        return _text(str.__str__(name))
    if name is None or isinstance(name, (int, float)):
        return json.dumps(name)
    raise TypeError(
        f"{name!r} cannot be a key in JSON. Keys are str, int, float, bool or None; use str()."
    )


def _base_form(value: Any) -> Any:
    """*value*, of a subclass of a kind that JSON has, as the kind itself."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, dict):
        return dict(value.items())
    return list.copy(value) if isinstance(value, list) else [*tuple.__iter__(value)]


def dumps(value: Any) -> bytes:
    """The JSON of *value*, which consists of kinds that JSON has."""
    return _escaped(orjson.dumps(value) if orjson else _STANDARD.encode(value).encode())


def _escaped(text: bytes) -> bytes:
    """*text* with U+2028 and U+2029 escaped, as DRF does: they end a line in JavaScript only."""
    if text.isascii():
        return text
    return text.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")


_standard_encoder = partial(
    json.JSONEncoder,
    ensure_ascii=False,
    check_circular=False,
    allow_nan=False,
    separators=(",", ":"),
)
_STANDARD = _standard_encoder()

#: Makes all digits equal, so that the length of a number can be seen.
_DIGITS = bytes.maketrans(b"0123456789", b"0000000000")
#: An integer of 64 bits has no more digits than the first below zero, or than the second.
_LONG, _LONGER = b"0" * 19, b"0" * 20


def _encoded(value: Any, default: Default) -> bytes:
    """
    The JSON of *value*; *default* gives the form of a value that JSON lacks.

    Raises:
        TypeError, ValueError, RecursionError: the encoder gives up.
        Exception: *default* raised it. With orjson it is the cause of a TypeError.
    """
    if orjson is not None:
        return orjson.dumps(value, default, _ORJSON)
    text = _standard_encoder(default=default).encode(value).encode()
    digits = text.translate(_DIGITS)
    if _LONG in digits and (_LONGER in digits or b"-" + _LONG in digits):
        raise ValueError("An integer may have more than 64 bits.")
    return text
