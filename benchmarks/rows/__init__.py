"""The rows of the table: the two contenders of each, and the target of their ratio."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import partial

from benchmarks.measure import paired
from benchmarks.requests import Site
from benchmarks.rows import graphql, peers, rest, slow, streams, throughput, traces
from benchmarks.rows.row import Row

__all__ = ["Row", "rows"]


def rows(seconds: float) -> Iterator[Row]:
    """Measure each row for *seconds* and yield it."""
    site = Site()
    # What has been imported stays: the collector need not look at it between the bursts.
    gc.collect()
    gc.freeze()
    compare = partial(paired, seconds=seconds)
    yield from rest.rows(site, compare)
    yield from throughput.rows(seconds)
    yield from graphql.rows(site, compare)
    yield from slow.rows(site, compare)
    yield from traces.rows(site, compare)
    yield from streams.rows(seconds)
    yield from peers.rows(site, compare)
