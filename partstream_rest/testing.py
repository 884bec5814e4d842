"""A helper for tests: it compares the manifest of a view with the values that walks delivered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django_partstream.testing import Walk
from partstream_rest.views import ProgressiveView

try:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    from partstream_rest._spectacular import components
    from partstream_rest.openapi.results import result_of
except ModuleNotFoundError as exc:
    if (exc.name or "").partition(".")[0] not in ("drf_spectacular", "jsonschema"):
        raise
    raise ImportError(
        "partstream_rest.testing needs drf-spectacular: pip install 'django-partstream[openapi]'."
    ) from None

__all__ = ["check_manifest"]

#: The characters of a mistake that are shown, for it may show a whole value.
_WIDTH = 300


def check_manifest(view: type[ProgressiveView], *walks: Walk) -> None:
    """
    Make sure that the ``manifest`` of *view* is true of these *walks* over REST.

    Each part of the manifest came in a walk, at least, and each value is of its type in the
    manifest, with no further key. The value of a part that failed, or is unchanged, is passed over.

    Raises:
        AssertionError: it is not true. The message lists the mistakes, one for each part.
        TypeError: *view* has no manifest, or a walk is not over REST.
    """
    if not view.manifest:
        raise TypeError(f"{view.__qualname__} has no manifest.")
    schemas = _strict(components(result_of("Checked", view.manifest)))
    result = schemas["CheckedResult"]
    named, others = schemas["CheckedParts"].get("properties", {}), result["additionalProperties"]
    mistakes: dict[str, str] = {}
    missing = set(named)
    for name, value, ended_well in _delivered(walks):
        missing.discard(name)
        schema = named.get(name, others)
        if schema is False:
            mistakes[name] = f"{name}: it came, and the manifest does not name it."
        elif ended_well and name not in mistakes:
            whole = {**schema, "components": {"schemas": schemas}}
            error = best_match(Draft202012Validator(whole).iter_errors(value))
            if error is not None:
                mistakes[name] = f"{name}{error.json_path[1:]}: {error.message[:_WIDTH]}"
    for name in sorted(missing):
        mistakes[name] = f"{name}: the manifest names it, and it did not come."
    if mistakes:
        told = "\n  ".join([f"{view.__qualname__}.manifest is not true:", *mistakes.values()])
        raise AssertionError(told)


def _delivered(walks: tuple[Walk, ...]) -> Iterator[tuple[str, Any, bool]]:
    """The name and the value of each part of *walks*, and whether the part has its own value."""
    for page in [page for walk in walks for page in walk.pages]:
        if "results" not in page:
            raise TypeError("check_manifest() takes the walks of walk() and walk_stream().")
        failed = {error["index"] for error in page.get("errors", ())}
        unchanged = page.get("unchanged", ())
        for index, result in enumerate(page["results"]):
            for name, value in result.items():
                yield name, value, index not in failed and name not in unchanged


def _strict(schema: Any) -> Any:
    """*schema*, in which an object with properties has no others, unless it says so."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: _strict(value) for name, value in schema.items()}
    if inner.get("type") == "object" and isinstance(inner.get("properties"), dict):
        inner.setdefault("additionalProperties", False)
    return inner
