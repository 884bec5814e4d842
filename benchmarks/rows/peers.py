"""Other libraries beside the plain views."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from benchmarks import strawberry
from benchmarks.measure import Contender, Ratio
from benchmarks.requests import Site
from benchmarks.rows.row import Row
from benchmarks.site.graphql import CSRF
from benchmarks.site.peers import DEFERRED, HAS, VISIT


def rows(site: Site, compare: Callable[..., Ratio]) -> Iterator[Row]:
    drf = partial(site.get, "/plain/page/0/")
    yield Row(
        "plain Django view / plain DRF view", compare(partial(site.get, "/plain/django/"), drf)
    )
    for name, what, contender in [
        ("ninja", "django-ninja", partial(site.get, "/ninja/page")),
        ("dmr", "django-modern-rest", partial(site.get, "/dmr/page/")),
        (
            "inertia",
            "inertia-django, page with two deferred props",
            partial(site.get, "/inertia/page/", **VISIT, **CSRF),
        ),
        (
            "inertia",
            "inertia-django, the deferred props",
            partial(site.get, "/inertia/page/", **DEFERRED, **CSRF),
        ),
    ]:
        yield _peer(site, compare, name, f"{what} / plain DRF view", contender, drf)
    yield from (Row(what, ratio, note=note) for what, ratio, note in strawberry.measured(compare))


def _peer(
    site: Site,
    compare: Callable[..., Ratio],
    name: str,
    what: str,
    contender: Contender,
    base: Contender,
) -> Row:
    if not HAS[name]:
        return Row(what, None, note="not installed: pip install -e .[bench]")
    return Row(what, compare(contender, base))
