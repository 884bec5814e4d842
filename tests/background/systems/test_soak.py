"""
A bounded soak of background parts: clients walk over job after job, and no resources pile up.

``make soak`` runs it for a minute; ``SOAK_SECONDS`` sets another time.
"""

import os
import subprocess
import threading
import time
from collections import Counter
from statistics import median

import pytest
import redis

from tests import services
from tests.background.systems.clients import INSTANT, Client, by_graphql, by_pages, by_stream
from tests.background.systems.nodes import nodes_on, redis_database
from tests.background.walks import poll

pytestmark = pytest.mark.redis

SECONDS = float(os.environ.get("SOAK_SECONDS", "6"))
CLIENTS = 24
KINDS = [by_pages, by_graphql, by_stream]

#: Threads of a process: those of gthread and of requests in the pool, and some of the server's own.
MOST_THREADS = 8 + 8 + 8


@pytest.fixture
def location():
    """The address of a database of Redis for the cache of this test alone."""
    with redis_database() as address:
        yield address


@pytest.fixture
def nodes(location):
    caches = {"default": services.cache(LOCATION=location)}
    with nodes_on("redis", SITE_CACHES=caches, SITE_TIMES={}) as nodes:
        nodes.start_node("gthread", "--workers=1")
        nodes.start_workers(1)
        yield nodes


def sizes(process):
    """The memory in MB and the threads of each process in the session of *process*."""
    told = subprocess.run(
        ["ps", "-o", "rss=,nlwp=", "-s", str(process.pid)], capture_output=True, check=True
    )
    return [
        (int(rss) / 1024, int(threads))
        for rss, threads in map(bytes.split, told.stdout.splitlines())
    ]


def at_work(cache):
    """The keys in *cache* that say that a job was asked for, or goes on."""
    return [key for key in cache.scan_iter() if key.endswith((b":lease", b":asked", b":tries"))]


def test_jobs_under_load_are_done_once_and_pile_up_no_resources(nodes, location, run, capsys):
    (server,), (worker,) = nodes.servers, nodes.workers
    by_pages(Client(server), run=run)  # all is up then
    end, wrong, walks = time.monotonic() + SECONDS, [], Counter()
    counting = threading.Lock()

    def client(number):
        try:
            for turn in range(10**9):
                if time.monotonic() > end:
                    return
                job = f"{run}-{turn}-{number % 4}"  # shared by some clients
                walked = KINDS[(number + turn) % 3](Client(server), run=job)
                with counting:
                    walks[job] += 1
                    if walked.parts != {**INSTANT, "forecast": f"forecast of {job}"}:
                        wrong.append((walked.parts, walked.errors))
        except Exception as exc:
            wrong.append(repr(exc))

    clients = [threading.Thread(target=client, args=[number]) for number in range(CLIENTS)]
    for one in clients:
        one.start()
    memory, threads, ended = [], [], threading.Event()
    while any(one.is_alive() for one in clients):
        ended.wait(SECONDS / 30)  # the time between two samples
        seen = [*sizes(server.process), *sizes(worker.process)]
        memory.append(sum(megabytes for megabytes, _ in seen))
        threads.append(max(count for _, count in seen))
    third = len(memory) // 3
    early, late = median(memory[third : 2 * third]), median(memory[2 * third :])
    begun = Counter(nodes.begun(job) for job in walks)
    with redis.Redis.from_url(location) as cache:
        poll(lambda: not at_work(cache))  # the last worker may just have kept its value
        keys = cache.keys()
        for_ever = [key for key in keys if cache.ttl(key) == -1]  # the mark of the function
    with capsys.disabled():
        print(  # noqa: T201 - it is what the soak is for
            f"\n\n| soak, {SECONDS:g} s, {CLIENTS} clients, gunicorn gthread, Celery on Redis | |\n"
            "|---|---:|\n"
            f"| walks, jobs, computations | {walks.total()}, {len(walks)}, {sum(n * count for n, count in begun.items())} |\n"
            f"| wrong or failed walks | {len(wrong)} |\n"
            f"| keys in the cache: all, without an end | {len(keys)}, {len(for_ever)} |\n"
            f"| threads of a process, most (bound) | {max(threads)} ({MOST_THREADS}) |\n"
            f"| memory of all processes, middle and last third | {early:.0f} MB, {late:.0f} MB |\n"
        )
    assert wrong == []
    assert walks.total() >= CLIENTS
    assert begun == {1: len(walks)}
    assert len(for_ever) == 1
    assert max(threads) <= MOST_THREADS
    assert late <= early * 1.1 + 8
