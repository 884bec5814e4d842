"""REST beside the plain DRF view, with orjson where that is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.test import RequestFactory

from benchmarks.measure import Ratio
from benchmarks.requests import Site, walk
from benchmarks.rows.row import Row
from benchmarks.site.growth import BUILT
from benchmarks.site.rest import REFRESHED, ROWS, overview
from django_partstream import cached_for


def rows(site: Site, compare: Callable[..., Ratio]) -> Iterator[Row]:
    first, second, _ = walk(site, "/ours/page/")
    for number, page in enumerate((first, second)):
        assert {**page, "cursor": 0} == {**site.json(f"/plain/page/{number}/"), "cursor": 0}
    yield Row(
        "REST, first page / plain DRF view",
        compare(partial(site.get, "/ours/page/"), partial(site.get, "/plain/page/0/")),
        1.25,
    )
    yield Row(
        "REST, cursor page / plain DRF view",
        compare(
            partial(site.get, f"/ours/page/?cursor={first['cursor']}"),
            partial(site.get, "/plain/page/1/"),
        ),
        1.42,
    )
    for count in ROWS:
        yield Row(
            f"REST, page of {count:,} row{'s' * (count > 1)} / plain DRF view",
            _alike(site, compare, f"rows/{count}", burst=5),
        )
    yield Row(
        "REST, page of 100 rows of dates and Decimals / plain DRF view",
        _alike(site, compare, "rich", burst=5),
    )
    yield Row(
        "REST, page of 100 cached rows / plain DRF view with cache.get()",
        _alike(site, compare, "cached"),
    )
    yield Row("hit of cached_for / one get_many() of LocMemCache", compare(*_hits(), burst=200), 4)
    yield from _refreshes(site, compare)
    yield from _growth(site, compare)


def _alike(site: Site, compare: Callable[..., Ratio], page: str, **options: Any) -> Ratio:
    """Compare our page with the plain page of the same JSON."""
    assert site.json(f"/ours/{page}/") == site.json(f"/plain/{page}/")
    return compare(
        partial(site.get, f"/ours/{page}/"), partial(site.get, f"/plain/{page}/"), **options
    )


@cached_for(3600)
def _kept(request: Any) -> list[Any]:
    return [overview(request), uuid4().hex]


def _hits() -> tuple[Callable[[], Any], Callable[[], Any]]:
    """A hit of ``cached_for``, and the read of three values such as its own."""
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    assert _kept(request) == _kept(request)
    values = {"value": _kept(request), "mark": uuid4().hex, "reader": uuid4().hex}
    cache.set_many(values, 3600)
    assert cache.get_many(values) == values
    return partial(_kept, request), partial(cache.get_many, list(values))


def _refreshes(site: Site, compare: Callable[..., Ratio]) -> Iterator[Row]:
    """A page that is asked for again by a client that has its rows, beside the page itself."""
    page = partial(site.get, "/ours/made/")
    cached, made = (_refresh(site, f"/ours/{name}/") for name in ("made-once", "made"))
    yield Row(
        f"REST, refresh of {REFRESHED:,} unchanged rows, cached / page that makes them",
        compare(cached, page, burst=5),
        0.3,
    )
    yield Row(
        f"REST, refresh of {REFRESHED:,} unchanged rows, not cached / page that makes them",
        compare(made, page, burst=5),
    )
    shares = [100 * len(refresh()) / len(page()) for refresh in (cached, made)]
    yield Row(
        f"bytes of a refresh of {REFRESHED:,} unchanged rows / of their page",
        Ratio.of(shares),
        30,
        unit="%",
    )


def _refresh(site: Site, path: str) -> Callable[[], bytes]:
    """The request of a client that has the value of each part at *path*."""
    tags = site.json(path, HTTP_PARTSTREAM_HAVE="")["etags"]
    have = ", ".join(f'{name}="{tag}"' for name, tag in tags.items())
    assert site.json(path, HTTP_PARTSTREAM_HAVE=have)["unchanged"] == list(tags)
    return partial(site.get, path, HTTP_PARTSTREAM_HAVE=have)


def _growth(site: Site, compare: Callable[..., Ratio]) -> Iterator[Row]:
    fewest, *_, most = BUILT
    few = partial(site.get, f"/ours/parts/{fewest}/")
    for count in BUILT[1:]:
        yield Row(
            f"REST, page of {count:,} parts from get_parts() / of {fewest}",
            compare(partial(site.get, f"/ours/parts/{count}/"), few, burst=5),
        )
    yield Row(
        f"REST, page of {most:,} parts planned once / of {fewest} from get_parts()",
        compare(partial(site.get, "/ours/plan/"), few),
        1.3,
    )
