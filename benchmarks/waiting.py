"""
What readers of a pending part cost: ``python -m benchmarks.waiting [--seconds 5] [--cache URL]``.

Timed is a page on which a part is still pending, beside an ordinary page of two parts, through WSGI
in one process. Counted is how often a reader asks during a job. *URL* is of a Redis, as the cache
of a project with workers; without it the cache is in memory.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from functools import partial

import django
from django.conf import settings

READERS = 10_000

#: The jobs in the table, by their seconds.
JOBS = (10, 60, 600)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.waiting", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of timing, for each page")
    parser.add_argument("--cache", help="the address of a Redis: redis://127.0.0.1:6379/15")
    options = parser.parse_args()
    configure(options.cache)
    sys.stdout.write(f"{in_words(*pages_a_second(options.seconds))}\n\n{table()}\n")


def configure(cache: str | None) -> None:
    """Set Django up for a site of one response."""
    from benchmarks import settings as site

    backend = "redis.RedisCache" if cache else "locmem.LocMemCache"
    settings.configure(
        **{name: getattr(site, name) for name in dir(site) if name.isupper()}
        | {
            "ROOT_URLCONF": "benchmarks.site.waiting",
            "INSTALLED_APPS": [*site.INSTALLED_APPS, "benchmarks"],
            "PARTSTREAM": {"BACKGROUND": "benchmarks.site.waiting.never"},
            "CACHES": {
                "default": {
                    "BACKEND": f"django.core.cache.backends.{backend}",
                    "LOCATION": cache or "",
                    "KEY_PREFIX": f"partstream-waiting-{os.getpid()}",
                }
            },
        }
    )
    django.setup()


def pages_a_second(seconds: float) -> tuple[float, float]:
    """How many pages of a pending part a core makes in a second, and how many ordinary pages."""
    from benchmarks.requests import Site

    site = Site()
    first = site.json("/")
    second = site.json(f"/?cursor={first['cursor']}")
    assert [entry["part"] for entry in second["pending"]] == ["forecast"]
    waiting = partial(site.get, f"/?cursor={second['cursor']}")
    return rate(waiting, seconds), rate(partial(site.get, "/"), seconds)


def rate(ask: Callable[[], object], seconds: float) -> float:
    """The calls of *ask* in a second of a core, after a warm-up."""
    for _ in range(50):
        ask()
    calls, started = 0, time.process_time()
    while (spent := time.process_time() - started) < seconds:
        ask()
        calls += 1
    return calls / spent


def in_words(waiting: float, ordinary: float) -> str:
    """Both rates in a sentence."""
    return (
        f"A core makes {waiting:,.0f} pages of a pending part in a second, and {ordinary:,.0f} "
        f"ordinary pages. So such a page costs {ordinary / waiting:.2f} times as much."
    )


def looks(seconds: float) -> list[float]:
    """When a reader asks for a job of so many *seconds*: from its beginning to its value."""
    asked = [0.0]
    while asked[-1] < seconds:
        # PartPending.retry_after, without its chance.
        asked.append(asked[-1] + min(max(asked[-1] / 4, 0.5), 10.0))
    return asked


def table() -> str:
    """How often a reader asks for each of the ``JOBS``, and ``READERS`` together in a second."""
    lines = [
        f"| a job of | requests of a reader | {READERS:,} readers, requests a second |",
        "|---|---:|---:|",
    ]
    for seconds in JOBS:
        asked = looks(seconds)
        lines.append(f"| {seconds} s | {len(asked)} | {READERS * len(asked) / asked[-1]:,.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
