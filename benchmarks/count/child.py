"""
The counted process: ``python -m benchmarks.count.child KIND [--shim FILE] CASES...``.

Under callgrind it prints how often it made the request of each case, as JSON. Without a shim it
makes each request once and prints the answers.

KIND is ``orjson``; ``json``, as if orjson were not installed; ``set``, as ``orjson`` with a
``PARTSTREAM`` setting, which other kinds lack; or ``otel``, as ``orjson`` with the API of
OpenTelemetry, without a provider, as if other kinds did not have it installed.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import sys
from collections.abc import Callable
from typing import Any

#: Requests of a case: to warm up, and counted.
WARM_UP, COUNTED = 6, 10
#: The same, where the view parses and validates each request: ten times the instructions.
STOCK = 2
#: Readers where nothing is counted.
FEW = 10


def main() -> None:
    """Make the requests, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.count.child")
    parser.add_argument("kind", choices=["orjson", "json", "set", "otel"])
    parser.add_argument("--shim")
    parser.add_argument("cases", nargs="+")
    options = parser.parse_args()
    prepare(options.kind)
    from benchmarks.count.cases import READERS, cases
    from benchmarks.requests import Site

    of_many = options.shim and any(name.endswith("_many") for name in options.cases)
    every = cases(Site(), readers=READERS if of_many else FEW)
    chosen = {name: every[name] for name in options.cases}
    if options.shim:
        result: dict[str, Any] = count(chosen, options.shim)
    else:
        result = {name: json.loads(request()) for name, request in chosen.items()}
    sys.stdout.write(json.dumps(result))


def prepare(kind: str) -> None:
    """Set up Django for *kind*."""
    if kind == "json":
        sys.modules["orjson"] = None  # type: ignore[assignment]
    else:
        import orjson  # noqa: F401, where it is missing, nothing of this kind can be counted
    if kind == "otel":
        import opentelemetry.trace  # noqa: F401, as above
    else:
        sys.modules["opentelemetry"] = None  # type: ignore[assignment]
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.count.settings"
    import django
    from django.conf import settings

    if kind == "set":
        settings.PARTSTREAM = {"CHUNK_SIZE": 2}
    django.setup()


def count(chosen: dict[str, Callable[[], bytes]], shim: str) -> dict[str, int]:
    """Count the instructions of *chosen*, and return how often each request was made."""
    callgrind = ctypes.CDLL(shim)
    times = {name: STOCK if name.startswith("stock") else COUNTED for name in chosen}
    for request in chosen.values():
        for _ in range(WARM_UP):
            request()
    gc.collect()
    gc.disable()
    callgrind.begin()
    for name, request in chosen.items():
        request()
        callgrind.zero()
        for _ in range(times[name]):
            request()
        callgrind.write_as(name.encode())
    callgrind.end()
    return times


if __name__ == "__main__":
    main()
