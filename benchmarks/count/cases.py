"""The requests that are counted, by the names that ``bounds.csv`` has for them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import cycle

from benchmarks.requests import Site, walk
from benchmarks.site.graphql import CSRF, body_of

#: More readers than a process should remember anything for.
READERS = 2_000

Case = Callable[[], bytes]


def cases(site: Site, *, readers: int = READERS) -> dict[str, Case]:
    """Every case. Each of *readers* has taken a first page, and has a cursor of it."""
    first, second, _ = walk(site, "/ours/page/")
    return {
        "django": partial(site.get, "/plain/django/"),
        "plain_first": partial(site.get, "/plain/page/0/"),
        "first": partial(site.get, "/ours/page/"),
        "plain_cursor": partial(site.get, "/plain/page/1/"),
        "cursor": partial(site.get, f"/ours/page/?cursor={first['cursor']}"),
        "plain_last": partial(site.get, "/plain/page/2/"),
        "last": partial(site.get, f"/ours/page/?cursor={second['cursor']}"),
        "plain_rows": partial(site.get, "/plain/rows/100/"),
        "rows": partial(site.get, "/ours/rows/100/"),
        "plain_rich": partial(site.get, "/plain/rich/"),
        "rich": partial(site.get, "/ours/rich/"),
        "plain_cached": partial(site.get, "/plain/cached/"),
        "cached": partial(site.get, "/ours/cached/"),
        **_of_many(site, readers),
        **_graphql(site),
    }


def _of_many(site: Site, readers: int) -> dict[str, Case]:
    """The cases of *readers* in turn."""
    fresh = {
        reader: site.json("/ours/many/", HTTP_X_READER=str(reader))["cursor"]
        for reader in range(readers)
    }
    turns = cycle(fresh)

    def first(path: str) -> bytes:
        return site.get(path, HTTP_X_READER=str(next(turns)))

    def follow() -> bytes:
        reader = next(turns)
        return site.get(f"/ours/many/?cursor={fresh[reader]}", HTTP_X_READER=str(reader))

    return {
        "plain_first_many": partial(first, "/plain/many/0/"),
        "first_many": partial(first, "/ours/many/"),
        "plain_cursor_many": partial(first, "/plain/many/1/"),
        "cursor_many": follow,
    }


def _graphql(site: Site) -> dict[str, Case]:
    body = body_of("dashboard")
    return {
        "stock": partial(site.post, "/stock/graphql/", body),
        "graphql": partial(site.post, "/ours/graphql/", body),
        "stock_cookie": partial(site.post, "/stock/graphql/", body, **CSRF),
        "graphql_cookie": partial(site.post, "/ours/graphql/", body, **CSRF),
    }
