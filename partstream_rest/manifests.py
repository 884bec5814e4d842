"""
The manifest of a view: the type, the title and the description of its parts, said in advance.

Nothing of it is read while a page is made. ``OPTIONS`` gives the texts to front ends, and
:mod:`.openapi` the types to generated clients.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from enum import Enum
from typing import Any

from django.db.models import Model
from django.utils.functional import Promise
from rest_framework.fields import Field

from django_partstream.exceptions import PlanError
from django_partstream.parts import check_name

#: The name in a manifest that stands for all parts that it does not name.
OTHERS = "*"

#: Kinds of objects that drf-spectacular may have a schema for. OpenApiTypes is an Enum.
_TYPES = (type, Field, dict, Enum, getattr(typing, "TypeAliasType", type))
#: Kinds among them that cannot describe a value.
_VALUES = (str, bytes, int, float)


@dataclass(frozen=True, slots=True)
class PartInfo:
    """
    The description of a part in the ``manifest`` of a view.

    *serializer* is the type of its value, as drf-spectacular takes it for a response: a serializer,
    a field, a type hint, a ``TypedDict``, ``OpenApiTypes``, a schema as a dict; None for any value.
    *title* and *description* are for people, and may be lazy translations.

    Raises:
        TypeError: *serializer* describes no value, or a text is no text.
    """

    serializer: Any = None
    _: KW_ONLY
    title: str | Promise | None = None
    description: str | Promise | None = None

    def __post_init__(self) -> None:
        if self.serializer is not None and not _is_type(self.serializer):
            raise TypeError(
                f"{self.serializer!r} does not describe the value of a part. Use a serializer, a "
                "type hint or a TypedDict."
            )
        for name in ("title", "description"):
            text = getattr(self, name)
            if text is not None and not isinstance(text, (str, Promise)):
                raise TypeError(f"The {name} of a part is {text!r}; it must be a str.")

    @property
    def texts(self) -> dict[str, str]:
        """The title and the description, if the author gave them, in the current language."""
        given = {"title": self.title, "description": self.description}
        return {name: str(text) for name, text in given.items() if text is not None}


def info_of(entry: Any) -> PartInfo:
    """
    The ``PartInfo`` that *entry* of a manifest is, or is short for.

    Raises:
        TypeError: *entry* describes no value.
    """
    return entry if isinstance(entry, PartInfo) else PartInfo(entry)


def is_complete(manifest: Mapping[str, Any]) -> bool:
    """Whether *manifest* says that there are no parts but those that it names."""
    return OTHERS in manifest and manifest[OTHERS] is None


def check_entries(owner: type, manifest: Any) -> None:
    """
    Make sure that *manifest*, of the view class *owner*, describes parts.

    Raises:
        TypeError: it is no mapping, or an entry describes no value. The message shows it.
        PlanError: a key cannot be the name of a part.
    """
    if not isinstance(manifest, Mapping):
        raise TypeError(
            f"{owner.__qualname__}.manifest is a {type(manifest).__name__}; it must map the names "
            'of parts to their types: {"orders": OrderSerializer(many=True)}.'
        )
    for name, entry in manifest.items():
        try:
            check_name(name)
            if entry is None and name != OTHERS:
                raise TypeError("Use PartInfo() for a part that may have any value.")
            info_of(entry)
        except (TypeError, PlanError) as exc:
            exc.add_note(f"In {owner.__qualname__}.manifest[{name!r}].")
            raise


def described(
    data: dict[str, Any], names: Iterable[str], manifest: Mapping[str, Any]
) -> dict[str, Any]:
    """
    The answer *data* to ``OPTIONS``, with the parts of these *names* and the texts of *manifest*.

    A key ``manifest`` of the project's own metadata class stays as it is.
    """
    answer = {**data, "parts": list(names)}
    infos = {name: manifest.get(name, manifest.get(OTHERS)) for name in answer["parts"]}
    texts = {name: info.texts for name, info in infos.items() if isinstance(info, PartInfo)}
    given = {name: text for name, text in texts.items() if text}
    if given:
        answer.setdefault("manifest", given)
    return answer


def _is_type(kind: Any) -> bool:
    """Whether *kind* may describe a value; drf-spectacular alone knows whether it does."""
    if isinstance(kind, type) and issubclass(kind, Model):
        return False
    is_hint = typing.get_origin(kind) is not None
    return is_hint or (isinstance(kind, _TYPES) and not isinstance(kind, _VALUES))
