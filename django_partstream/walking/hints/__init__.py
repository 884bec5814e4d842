"""
Hints: sentences on figures that ask for something. Without such a figure there is none.

A hint names the figures that it is made of, and says no more than they show: that a value was equal
for two readers, where two were compared. The bounds stand in :mod:`.parts` and :mod:`.responses`,
and in ``docs/on-call.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

from django_partstream.walking.figures import Figures
from django_partstream.walking.hints import parts, responses


@dataclass(frozen=True, slots=True)
class Hint:
    """A hint of a *kind*, about *part*; None if it is about the whole response."""

    kind: str
    part: str | None
    text: str


def hints_of(figures: Figures) -> list[Hint]:
    """The hints that *figures* ask for, the gravest first."""
    about_parts = [
        Hint(kind, part.name, text)
        for kind, look in parts.LOOKS.items()
        for part in figures.parts
        if (text := look(part)) is not None
    ]
    about_responses = [
        Hint(kind, None, text) for kind, look in responses.LOOKS.items() for text in look(figures)
    ]
    return about_parts + about_responses
