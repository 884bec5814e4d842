"""``manage.py partstream`` in the process of a test."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any, NamedTuple

from django.core.management import CommandError, call_command


class Told(NamedTuple):
    """The exit *code* of the command, its output, and its error message."""

    code: int
    out: str
    error: str

    @property
    def json(self) -> Any:
        """The document that it wrote."""
        return json.loads(self.out)

    @property
    def parts(self) -> dict[str, Any]:
        """The figures of each part in the document, by name."""
        return {part["name"]: part for part in self.json["parts"]}

    @property
    def hints(self) -> dict[str, str]:
        """The text of each kind of hint in the document."""
        return {hint["kind"]: hint["text"] for hint in self.json["hints"]}


class Terminal(StringIO):
    """An output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def partstream(*arguments: str, out: StringIO | None = None, **options: Any) -> Told:
    """Run the command with *arguments*, which writes to *out*."""
    written = out or StringIO()
    try:
        call_command("partstream", *arguments, stdout=written, **options)
    except CommandError as exc:
        return Told(exc.returncode, written.getvalue(), str(exc))
    return Told(0, written.getvalue(), "")


def walk(*arguments: str, **options: Any) -> Told:
    """Run ``partstream walk``."""
    return partstream("walk", *arguments, **options)


def figures(*arguments: str) -> Told:
    """Run ``partstream walk`` with a JSON document."""
    return walk(*arguments, "--format", "json")
