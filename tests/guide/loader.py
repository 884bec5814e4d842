"""
The guide's ``ProgressiveLoader``, line for line in Python, and its ``fetch`` over HTTP.

In addition it gives up on a response without end.
"""

import json
from collections.abc import Callable
from typing import Any
from urllib.request import ProxyHandler, build_opener

MAX_PAGES = 20

_opener = build_opener(ProxyHandler({}))


class ProgressiveLoader:
    def __init__(self, api_url: str, fetch: Callable[[str], Any]) -> None:
        self.api_url = api_url
        self.all_data: list[dict[str, Any]] = []
        self.fetch = fetch

    def load_all(self, on_progress: Callable[[dict[str, Any]], None] | None = None) -> list[Any]:
        cursor = None
        for _ in range(MAX_PAGES):
            url = f"{self.api_url}?cursor={cursor}" if cursor else self.api_url
            data = self.fetch(url)

            self.all_data.extend(data["results"])

            if on_progress:
                on_progress(
                    {
                        "results": data["results"],
                        "totalLoaded": len(self.all_data),
                        "hasMore": bool(data["cursor"]),
                    }
                )

            cursor = data["cursor"]
            if not cursor:
                return self.all_data
        raise AssertionError(f"{self.api_url}: no end after {MAX_PAGES} pages.")


def fetch_json(url: str) -> Any:
    """The JSON at *url*, over a socket."""
    with _opener.open(url, timeout=10) as response:
        assert response.headers["Content-Type"] == "application/json"
        return json.load(response)


def names_of(results: list[dict[str, Any]]) -> list[str]:
    """The names of *results*, each of which has a single name, as the guide's loops expect."""
    names = []
    for part in results:
        [name] = part
        names.append(name)
    return names
