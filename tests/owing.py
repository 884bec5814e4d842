"""A cursor of a page, made to owe parts: such as a stream that broke leaves behind."""

from __future__ import annotations

import json

from django_partstream import cursors


def owing(token: str, *names: str, front: tuple[str, int] | None = None) -> str:
    """The place of *token*, or that of the *front*, at which the parts *names* are owed."""
    claims = {**cursors._claims(token), "v": 2, "o": dict.fromkeys(names, 1_700_000_000)}
    if front is not None:
        claims["p"], claims["n"] = front
    return cursors._sign(json.dumps(claims), cursors.read(token).key)
