"""The pages of a view in OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from partstream_rest.manifests import OTHERS, is_complete
from partstream_rest.openapi.results import ResultSerializer, result_of

_Serializer = serializers.Serializer[Any]
_Field = serializers.Field[Any, Any, Any, Any]


class _Entries(NamedTuple):
    """The serializers of the entries of a page for parts without a value."""

    error: type[_Serializer]
    pending: type[_Serializer]


#: The pages of each view, by the identity of the manifest that they are of. drf-spectacular takes
#: serializers of different classes for different components, though they have the same name.
_pages: WeakKeyDictionary[type, dict[int, type[_Serializer]]] = WeakKeyDictionary()


def name_of(view: type) -> str:
    """The name of *view* in components: that of its class, as ``Dashboard`` of DashboardView."""
    return re.sub(r"(API)?View(Set)?$", "", view.__name__) or view.__name__


def part_names(manifest: Mapping[str, Any]) -> list[str] | None:
    """The names that a part can have; None if *manifest* leaves others open."""
    return [name for name in manifest if name != OTHERS] if is_complete(manifest) else None


def page_of(view: type, manifest: Mapping[str, Any]) -> type[_Serializer]:
    """The serializer of the pages of *view*, whose parts its *manifest* describes."""
    if not manifest:
        return _PAGE
    pages = _pages.setdefault(view, {})
    if id(manifest) not in pages:
        name, names = name_of(view), part_names(manifest)
        entries = _ENTRIES
        if names is not None:
            entries = _entries(name, _text(f"{name}PartName", {"type": "string", "enum": names}))
        pages[id(manifest)] = _page(name, result_of(name, manifest), entries)
    return pages[id(manifest)]


def _text(component: str, schema: dict[str, Any]) -> type[_Field]:
    """A class of fields for text, which is the *component* with that *schema*."""
    kind = type(component, (serializers.CharField,), {})
    described: type[_Field] = extend_schema_field(schema, component_name=component)(kind)
    return described


def _entries(name: str, part: type[_Field]) -> _Entries:
    """The entries on the pages of the view *name*; *part* is the class of fields for names."""
    error = {
        "part": part(),
        "code": serializers.CharField(
            help_text="part_failed, part_timed_out, permission_denied, not_found, "
            "or the code of the exception."
        ),
        "message": serializers.CharField(),
        "retryable": serializers.BooleanField(),
        "reference": serializers.CharField(help_text="Also on the server's log record."),
        "index": serializers.IntegerField(help_text="The place in `results`."),
    }
    pending = {
        "part": part(),
        "retry_after": serializers.FloatField(help_text="Seconds until another look."),
        "progress": serializers.FloatField(
            allow_null=True, min_value=0, max_value=1, help_text="Null if it is not known."
        ),
    }
    return _Entries(_object(f"{name}PartError", error), _object(f"{name}PendingPart", pending))


def _page(name: str, result: type[ResultSerializer], entries: _Entries) -> type[_Serializer]:
    """The serializer of the pages of the view *name*."""
    fields = {
        "results": result(many=True),
        "cursor": serializers.CharField(
            allow_null=True, help_text="Where the next page begins; null on the last page."
        ),
        "meta": _META(),
        "errors": entries.error(many=True, required=False),
        "pending": entries.pending(
            many=True,
            required=False,
            help_text="The parts that are computed elsewhere. A later page carries them.",
        ),
        "etags": serializers.DictField(
            child=serializers.CharField(),
            required=False,
            help_text="The tag of each value, by part; for a request with `Partstream-Have`.",
        ),
        "unchanged": serializers.ListField(
            child=serializers.CharField(),
            required=False,
            help_text="The parts of which the client has the value. They are null in `results`.",
        ),
    }
    return _object(f"{name}Page", fields)


def _object(name: str, fields: Mapping[str, Any]) -> type[_Serializer]:
    """The serializer of the component *name* with these *fields*."""
    return type(name, (serializers.Serializer,), dict(fields))


_META = _object(
    "ProgressivePageMeta",
    {
        "total_parts": serializers.IntegerField(),
        "current_chunk_size": serializers.IntegerField(),
        "has_more": serializers.BooleanField(),
    },
)
_ENTRIES = _entries("Progressive", serializers.CharField)
_PAGE = _page("Progressive", result_of("Progressive", {}), _ENTRIES)
