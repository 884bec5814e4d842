"""Pages a second, for clients outside the process of the server."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks import load, needs
from benchmarks.measure import alternated
from benchmarks.rows.row import Row

PAGES = [
    ("REST, pages a second", "/ours/page/", "/plain/page/0/", 0.9),
    ("REST, pages of 100 rows a second", "/ours/rows/100/", "/plain/rows/100/", 1.1),
]


def rows(seconds: float) -> Iterator[Row]:
    titles = [f"{what} for {load.CLIENTS} clients (wrk) / plain DRF view" for what, *_ in PAGES]
    try:
        with load.server() as rate:
            for title, (_, ours, theirs, target) in zip(titles, PAGES, strict=True):
                ratio = alternated(
                    partial(rate, ours), partial(rate, theirs), seconds=seconds, least=2
                )
                yield Row(title, ratio, target, at_least=True)
    except needs.LackingError as lacking:
        for title, (*_, target) in zip(titles, PAGES, strict=True):
            yield Row(title, None, target, at_least=True, note=needs.skip(lacking))
