"""The rows of the table: the two contenders of each, and the target of their ratio."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks import strawberry
from benchmarks.measure import Contender, Ratio, paired
from benchmarks.requests import Site, server, walk
from benchmarks.site import COUNTS, CURSOR, EQUALS, HAS_NINJA, SLEEPS, body_of

SLOW = {"burst": 1, "least": 2}


@dataclass(frozen=True)
class Row:
    """A row: its *ratio*, or a *note* that says why there is none; *target* is a limit, or None."""

    what: str
    ratio: Ratio | None
    target: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        """``ok``, ``MISSED``, or an empty string without a target."""
        if self.ratio is None or self.target is None:
            return ""
        met = (
            self.ratio.median >= self.target if self.at_least else self.ratio.median <= self.target
        )
        return "ok" if met else "MISSED"


def rows(seconds: float) -> Iterator[Row]:
    """Measure each row for *seconds* and yield it."""
    site = Site()
    compare = partial(paired, seconds=seconds)
    yield from _rest(site, compare, seconds)
    yield from _graphql(site, compare)
    yield from _slow(site, compare)
    yield from _peers(site, compare)


def _rest(site: Site, compare: Callable[..., Ratio], seconds: float) -> Iterator[Row]:
    drf = partial(site.get, "/drf/")
    first = site.json("/progressive/")
    assert {**first, "cursor": CURSOR, "meta": 0} == {**site.json("/drf/"), "meta": 0}
    second = f"/progressive/?cursor={first['cursor']}"
    assert [list(one.values()) for one in site.json(second)["results"]] == [
        list(one.values()) for one in first["results"]
    ]
    yield Row(
        "REST, first page / plain DRF view",
        compare(partial(site.get, "/progressive/"), drf),
        1.15,
    )
    yield Row("REST, cursor page / plain DRF view", compare(partial(site.get, second), drf), 1.35)
    with server() as ask:
        ours, theirs = partial(ask, "/progressive/", 160), partial(ask, "/drf/", 160)
        taken = paired(theirs, ours, seconds=seconds, burst=1, least=4)
    yield Row(
        "REST, pages a second for 8 clients (gunicorn gthread) / plain DRF view",
        taken,
        0.90,
        at_least=True,
    )
    ten = partial(site.get, f"/parts/{COUNTS[0]}/")
    for count in COUNTS[1:]:
        yield Row(
            f"REST, page of {count:,} parts from get_parts() / of {COUNTS[0]}",
            compare(partial(site.get, f"/parts/{count}/"), ten, burst=5),
        )
    yield Row(
        f"REST, page of {COUNTS[-1]:,} parts planned once / of {COUNTS[0]} from get_parts()",
        compare(partial(site.get, "/plan/"), ten),
        1.3,
    )
    assert site.json("/rows/") == site.json("/rows-by-orjson/")
    yield Row(
        "REST, page of 100 rows with orjson / with DRF's own JSON",
        compare(partial(site.get, "/rows-by-orjson/"), partial(site.get, "/rows/")),
    )


def _graphql(site: Site, compare: Callable[..., Ratio]) -> Iterator[Row]:
    def asking(view: str, query: str) -> Contender:
        return partial(site.post, f"/graphql/{view}/", body_of(query))

    def nodes(view: str, query: str) -> list[Any]:
        connection = site.json(f"/graphql/{view}/", body_of(query))["data"]["dashboard"]
        return [edge["node"] for edge in connection["edges"]]

    assert nodes("ours", "dashboard") == nodes("stock", "dashboard")
    assert [node["name"] for node in nodes("ours", "dashboard")] == ["overview", "figures"]
    yield Row(
        "GraphQL, page on our view / the same on graphene-django's",
        compare(asking("ours", "dashboard"), asking("stock", "dashboard")),
        0.35,
    )
    for count in (100, 1_000):
        assert site.json("/graphql/ours/", body_of(f"wide_{count}")) == site.json(
            "/graphql/ours/", body_of("wide_10")
        )
        yield Row(
            f"GraphQL, page of {count:,} declared parts / of 10",
            compare(asking("ours", f"wide_{count}"), asking("ours", "wide_10")),
            1.3,
        )
    drf = partial(site.get, "/drf/")
    for what, view, query in [
        ("GraphQL, page on our view", "ours", "dashboard"),
        ("graphene-django, page of ours on its view", "stock", "dashboard"),
        ("graphene-django, plain field", "stock", "stock"),
        ("graphene-django, ConnectionField", "stock", "items"),
        ("graphene-django's plain field, on our view", "ours", "stock"),
    ]:
        yield Row(f"{what} / plain DRF view", compare(asking(view, query), drf))


def _slow(site: Site, compare: Callable[..., Ratio]) -> Iterator[Row]:
    yield Row(
        f"page of {EQUALS} equal slow parts, concurrency = {EQUALS} / one of them",
        compare(partial(site.get, "/slow-at-once/"), partial(site.get, "/slow-one/"), **SLOW),
        1.1,
    )

    def blocking() -> None:
        site.get("/blocking/")

    def all_pages(path: str) -> None:
        for _ in walk(site, path):
            pass

    def first_page(path: str) -> None:
        next(walk(site, path))

    def parallel() -> None:
        with ThreadPoolExecutor(len(SLEEPS)) as clients:
            list(clients.map(lambda n: site.get(f"/endpoint/{n}/"), range(len(SLEEPS))))

    took = " ".join(f"{1000 * seconds:.0f}" for seconds in SLEEPS)
    for what, contender in [
        ("first page", partial(first_page, "/slow/")),
        ("whole walk", partial(all_pages, "/slow/")),
        ("whole walk, concurrency = 2", partial(all_pages, "/slow-together/")),
        ("six endpoints at once", parallel),
    ]:
        yield Row(
            f"{what} / one blocking view (parts of {took} ms)",
            compare(contender, blocking, **SLOW),
        )


def _peers(site: Site, compare: Callable[..., Ratio]) -> Iterator[Row]:
    drf = partial(site.get, "/drf/")
    yield Row("plain Django view / plain DRF view", compare(partial(site.get, "/django/"), drf))
    what = "django-ninja / plain DRF view"
    if HAS_NINJA:
        assert site.json("/ninja/page") == site.json("/drf/")
        yield Row(what, compare(partial(site.get, "/ninja/page"), drf))
    else:
        yield Row(what, None, note="not installed: pip install -e .[bench]")
    yield from (Row(what, ratio, note=note) for what, ratio, note in strawberry.measured(compare))
