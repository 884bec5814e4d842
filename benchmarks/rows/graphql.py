"""GraphQL beside graphene-django's view, with the CSRF cookie that a browser sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from benchmarks.measure import Contender, Ratio
from benchmarks.requests import Site
from benchmarks.rows.row import Row
from benchmarks.site import growth
from benchmarks.site.graphql import CSRF, body_of

#: Calls of a contender in a pair: a GraphQL page takes several times as long as a REST page.
BURST = 5


def rows(site: Site, compare: Callable[..., Ratio]) -> Iterator[Row]:
    def asking(view: str, query: str) -> Contender:
        return partial(site.post, f"/{view}/graphql/", body_of(query), **CSRF)

    def nodes(view: str) -> list[Any]:
        answer = site.json(f"/{view}/graphql/", body_of("dashboard"), **CSRF)
        return [edge["node"] for edge in answer["data"]["dashboard"]["edges"]]

    assert nodes("ours") == nodes("stock")
    assert [node["name"] for node in nodes("ours")] == ["overview", "figures"]
    yield Row(
        "GraphQL, page on our view / the same on graphene-django's",
        compare(asking("ours", "dashboard"), asking("stock", "dashboard"), burst=BURST),
        0.35,
    )
    yield from _declared(site, compare)
    drf = partial(site.get, "/plain/page/0/")
    for what, view, query in [
        ("GraphQL, page on our view", "ours", "dashboard"),
        ("graphene-django, page of ours on its view", "stock", "dashboard"),
        ("graphene-django, plain field", "stock", "stock"),
        ("graphene-django, ConnectionField", "stock", "items"),
        ("graphene-django's plain field, on our view", "ours", "stock"),
    ]:
        yield Row(f"{what} / plain DRF view", compare(asking(view, query), drf, burst=BURST))


def _declared(site: Site, compare: Callable[..., Ratio]) -> Iterator[Row]:
    """A page of ever more declared parts."""
    fewest, *others = growth.DECLARED

    def asking(count: int) -> Contender:
        return partial(site.post, "/ours/wide/", growth.body_of(count), **CSRF)

    for count in others:
        page, least = (
            site.json("/ours/wide/", growth.body_of(n), **CSRF)["data"]["page"]
            for n in (count, fewest)
        )
        assert page["totalCount"] == least["totalCount"]
        assert page["edges"] == least["edges"] != []
        yield Row(
            f"GraphQL, page of {count:,} declared parts / of {fewest}",
            compare(asking(count), asking(fewest), burst=BURST),
            1.1,
        )
