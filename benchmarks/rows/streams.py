"""Streams of real servers: the time to the first part, and to the end of all parts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.client import HTTPConnection

from benchmarks.measure import Ratio
from benchmarks.rows.row import Row
from benchmarks.servers import KINDS, PATIENCE, serving
from benchmarks.site.slow import SLEEPS

#: Targets: milliseconds from the request to the first part, and the time of all parts as a
#: multiple of the slowest part.
FIRST, ALL = 15, 1.03
#: Runs of which the best counts, for a busy machine only ever adds to the time of sleeping parts.
RUNS, FEWEST = 5, 2

#: The name of a front, its request (address, body and headers), and the mark of a part in a line.
Asked = tuple[str, str, str | None, dict[str, str], bytes]

REST: Asked = ("REST", "/ours/stream/", None, {"Accept": "text/event-stream"}, b"event: part")


def rows(seconds: float) -> Iterator[Row]:
    """Two rows for each server and front."""
    took = " ".join(f"{1000 * seconds:.0f}" for seconds in SLEEPS)
    runs = RUNS if seconds else FEWEST
    for kind in KINDS:
        with serving(kind) as address:
            for asked in (REST,):
                streamed(address, asked)  # a warm-up: it makes the threads of the server
                taken = [streamed(address, asked) for _ in range(runs)]
                told = f"({asked[0]}, {kind}, parts of {took} ms)"
                firsts = Ratio.of([1000 * first for first, _ in taken])
                yield Row(f"stream, first part {told}", firsts, FIRST, unit="ms", best=True)
                ends = Ratio.of([end / max(SLEEPS) for _, end in taken])
                yield Row(f"stream, all parts / the slowest part {told}", ends, ALL, best=True)


def streamed(address: tuple[str, int], asked: Asked) -> tuple[float, float]:
    """
    The seconds from the request to the first part, and to the end of the stream.

    Raises:
        RuntimeError: the stream has too few parts.
    """
    _, path, body, headers, mark = asked
    connection = HTTPConnection(*address, timeout=PATIENCE)
    try:
        started = time.perf_counter()
        connection.request("GET" if body is None else "POST", path, body, headers)
        times = []
        with connection.getresponse() as response:
            while line := response.readline():
                if mark in line:
                    times.append(time.perf_counter() - started)
        ended = time.perf_counter() - started
    finally:
        connection.close()
    if len(times) != len(SLEEPS):
        raise RuntimeError(f"{path}: {len(times)} parts of {len(SLEEPS)}")
    return times[0], ended
