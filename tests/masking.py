"""Masks for the cursors and references of a response, so that every run gives the same."""

from __future__ import annotations

import base64
import json
import re
from typing import Any


def masked(page: Any) -> Any:
    """*page* with its cursors and references numbered, in the order they first appear."""
    text = json.dumps(page)
    for kind, pattern in [
        ("cursor", r"eyJ[\w-]+\.[\w-]+\.[\w-]+"),
        ("reference", r'(?<="reference": ")[0-9a-f]{8}(?=")'),
    ]:
        found = dict.fromkeys(re.findall(pattern, text))
        for number, token in enumerate(found, 1):
            text = text.replace(token, f"<{kind} {number}>")
    return json.loads(text)


def claims(token: str) -> dict[str, Any]:
    """The claims of a cursor, with its keyed digest masked."""
    payload = token.split(".")[1]
    return {**json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))), "k": "…"}
