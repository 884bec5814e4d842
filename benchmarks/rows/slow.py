"""Slow responses: parts that sleep, and parts that ask PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from benchmarks import needs, postgres
from benchmarks.measure import Contender, Ratio
from benchmarks.requests import Site, walk
from benchmarks.rows.row import Row
from benchmarks.site.slow import EQUALS, QUERIES, SLEEPS

SLOW = {"burst": 1, "least": 2}


def rows(site: Site, compare: Callable[..., Ratio]) -> Iterator[Row]:
    yield Row(
        f"page of {EQUALS} equal slow parts, concurrency = {EQUALS} / one of them",
        compare(
            partial(site.get, "/ours/slow-at-once/"), partial(site.get, "/ours/slow-one/"), **SLOW
        ),
        1.1,
    )
    took = " ".join(f"{1000 * seconds:.0f}" for seconds in SLEEPS)
    yield from _walks(site, compare, "sleeps", len(SLEEPS), f"parts of {took} ms")
    told = f"{len(QUERIES)} queries on PostgreSQL"
    try:
        with postgres.orders():
            yield from _walks(site, compare, "queries", len(QUERIES), told)
    except needs.LackingError as lacking:
        yield Row(f"walk / one blocking view ({told})", None, note=needs.skip(lacking))


def _walks(
    site: Site, compare: Callable[..., Ratio], name: str, count: int, told: str
) -> Iterator[Row]:
    """The ways to get *count* parts, each beside a view that blocks until all are there."""
    blocking = partial(site.get, f"/plain/{name}/")

    def all_pages(path: str) -> None:
        for _ in walk(site, path):
            pass

    def parallel() -> None:
        with ThreadPoolExecutor(count) as clients:
            list(clients.map(lambda n: site.get(f"/plain/{name}/{n}/"), range(count)))

    def values() -> list[object]:
        pages = walk(site, f"/ours/{name}/")
        return [value for page in pages for part in page["results"] for value in part.values()]

    assert values() == site.json(f"/plain/{name}/")["results"]
    contenders: list[tuple[str, Contender]] = [
        ("first page", lambda: next(walk(site, f"/ours/{name}/"))),
        ("whole walk", partial(all_pages, f"/ours/{name}/")),
        ("whole walk, concurrency = 2", partial(all_pages, f"/ours/{name}-together/")),
        ("six endpoints at once", parallel),
    ]
    for what, contender in contenders:
        yield Row(f"{what} / one blocking view ({told})", compare(contender, blocking, **SLOW))
