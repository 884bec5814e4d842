"""The figures of walks as a JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django_partstream.walking.figures import Figures
from django_partstream.walking.hints import Hint


def document(
    title: str, figures: Figures, hints: Sequence[Hint], not_selected: list[str]
) -> dict[str, Any]:
    """The figures of walks of *title*, of each part, and what they ask for."""
    walks = figures.walks
    seconds = figures.seconds
    return {
        "target": title,
        "by": "stream" if figures.is_stream else "pages",
        "readers": list(dict.fromkeys(walked.reader for walked in walks if walked.reader)),
        "walks": len(walks),
        "pages": walks[0].pages,
        "ms": seconds
        and {name: round(value * 1000, 1) for name, value in seconds.as_dict(9).items()},
        "waited_ms": round(max(walked.waited for walked in walks) * 1000, 1),
        "parts": [part.as_dict() for part in figures.parts],
        "not_selected": not_selected,
        "hints": [{"kind": hint.kind, "part": hint.part, "text": hint.text} for hint in hints],
        "problems": figures.problems(),
    }
