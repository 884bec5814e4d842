"""Load from outside the process: wrk asks gunicorn."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.request import urlopen

from benchmarks import needs

CLIENTS = 8
#: Seconds to wait for the server: to start, to answer and to stop.
PATIENCE = 30

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
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        listening.set_inheritable(True)
        address, number = f"http://127.0.0.1:{listening.getsockname()[1]}", listening.fileno()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--bind", f"fd://{number}", "--workers", "1"),
                *("--worker-class", "gthread", "--threads", "4", "--log-level", "error"),
                *("--keep-alive", "30", "benchmarks.wsgi"),
            ],
            pass_fds=[number],
        )

    def rate(path: str) -> float:
        command = [wrk, "-t1", f"-c{CLIENTS}", "-d1s", f"--timeout={PATIENCE}s"]
        command += ["-H", "Accept: application/json", address + path]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return responses_a_second(done.stdout)

    try:
        _wait_for(f"{address}/plain/django/")
        yield rate
    finally:
        process.terminate()
        process.wait(PATIENCE)


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


def _wait_for(url: str) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            urlopen(url, timeout=PATIENCE).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return
