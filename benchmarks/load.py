"""Load from outside the process: wrk asks gunicorn."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks import needs
from benchmarks.servers import PATIENCE, serving

CLIENTS = 8

#: ``rate(path)``: the responses a second that CLIENTS clients get.
Rate = Callable[[str], float]


@contextmanager
def server() -> Iterator[Rate]:
    """
    Run gunicorn with threads, and yield a function that loads it for a second.

    Raises:
        LackingError: there is no wrk.
    """
    wrk = needs.program("wrk")
    with serving("gunicorn") as (host, port):

        def rate(path: str) -> float:
            command = [wrk, "-t1", f"-c{CLIENTS}", "-d1s", f"--timeout={PATIENCE}s"]
            command += ["-H", "Accept: application/json", f"http://{host}:{port}{path}"]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            return responses_a_second(done.stdout)

        yield rate


def responses_a_second(output: str) -> float:
    """
    The rate that wrk printed.

    Raises:
        RuntimeError: some answers were errors or did not come.
    """
    found = re.search(r"^Requests/sec: +([0-9.]+)$", output, re.MULTILINE)
    if found is None or "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"wrk has failures:\n{output}")
    return float(found[1])
