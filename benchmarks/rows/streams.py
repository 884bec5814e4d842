"""Streams of real servers: the time to the first part, and to the end of all parts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection

from benchmarks.measure import Ratio
from benchmarks.rows.row import Row
from benchmarks.servers import KINDS, PATIENCE, serving
from benchmarks.site.slow import SLEEPS
from benchmarks.site.streams import QUERY

#: Targets: milliseconds from the request to the first part, and the time of all parts as a
#: multiple of the slowest part.
FIRST, ALL = 15, 1.03
#: Runs of which the best counts, for a busy machine only ever adds to the time of sleeping parts.
RUNS, FEWEST = 5, 2


@dataclass(frozen=True)
class Asked:
    """A request for a stream, and the bytes that it has once for each part."""

    front: str
    path: str
    accept: str
    mark: bytes
    body: str | None = None


ASKED = [
    Asked("REST", "/ours/stream/", "text/event-stream", b"event: part"),
    Asked(
        "@defer",
        "/ours/defer/",
        "multipart/mixed;deferSpec=20220824",
        b'"status":"OK"',
        json.dumps({"query": QUERY}),
    ),
]


def rows(seconds: float) -> Iterator[Row]:
    """Two rows for each server and front."""
    took = f"{1000 * min(SLEEPS):.0f} to {1000 * max(SLEEPS):.0f}"
    runs = RUNS if seconds else FEWEST
    for kind in KINDS:
        with serving(kind) as address:
            for asked in ASKED:
                streamed(address, asked)  # a warm-up: it makes the threads of the server
                taken = [streamed(address, asked) for _ in range(runs)]
                told = f"({asked.front}, {kind}, parts of {took} ms)"
                firsts = Ratio.of([1000 * first for first, _ in taken])
                yield Row(f"first part of a stream {told}", firsts, FIRST, unit="ms", best=True)
                ends = Ratio.of([end / max(SLEEPS) for _, end in taken])
                yield Row(f"all parts of a stream / the slowest {told}", ends, ALL, best=True)


def streamed(address: tuple[str, int], asked: Asked) -> tuple[float, float]:
    """
    The seconds from the request to the first part, and to the end of the stream.

    Raises:
        RuntimeError: the stream has too few parts, or too many.
    """
    connection = HTTPConnection(*address, timeout=PATIENCE)
    method, headers = "GET" if asked.body is None else "POST", {"Accept": asked.accept}
    if asked.body is not None:
        headers["Content-Type"] = "application/json"
    try:
        started = time.perf_counter()
        connection.request(method, asked.path, asked.body, headers)
        times: list[float] = []
        with connection.getresponse() as response:
            while line := response.readline():
                times += [time.perf_counter() - started] * line.count(asked.mark)
        ended = time.perf_counter() - started
    finally:
        connection.close()
    if len(times) != len(SLEEPS):
        raise RuntimeError(f"{asked.path}: {len(times)} parts of {len(SLEEPS)}")
    return times[0], ended
