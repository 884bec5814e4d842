"""Pages with providers of OpenTelemetry's SDK beside the same pages without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from benchmarks import needs, postgres
from benchmarks.measure import Contender, Ratio
from benchmarks.requests import Site
from benchmarks.rows.row import Row

try:
    from benchmarks.providers import Providers
except ImportError:
    HAS_SDK = False
else:
    HAS_SDK = True


def rows(site: Site, compare: Callable[..., Ratio]) -> Iterator[Row]:
    what = "page of two queries on PostgreSQL, with OpenTelemetry's SDK / without"
    if not HAS_SDK:
        yield Row(what, None, note="not installed: pip install -e .[bench]")
        return
    page = partial(site.get, "/ours/queries/")
    try:
        with postgres.orders():
            yield Row(what, compare(_traced(page), page, burst=2), 1.03)
    except needs.LackingError as lacking:
        yield Row(what, None, note=needs.skip(lacking))


def _traced(page: Contender) -> Contender:
    """*page* with providers of traces and metrics."""
    providers = Providers()

    def traced() -> None:
        with providers.set():
            page()

    return traced
