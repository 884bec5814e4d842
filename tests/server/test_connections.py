"""Connections to PostgreSQL: their number is bounded, and pages recover when they are cut."""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from tests.server.servers import PATIENCE
from tests.server.sessions import Sessions

pytestmark = pytest.mark.postgres

CLIENTS = 8
NAMES = "rows_a,rows_b,rows_c,rows_d,timely"
RIGHT = {"rows_a": 42, "rows_b": 42, "rows_c": 42, "rows_d": 42, "timely": 42}

WORKERS, THREADS, MAX_THREADS = 2, 4, 8
#: A connection for each possible thread: of requests, of parts together, of timed calls.
EACH_THREAD = WORKERS * (THREADS + MAX_THREADS + THREADS)

#: A page holds a connection while its threads ask for more, so the pool exceeds the threads.
POOL = {"min_size": 1, "max_size": 12, "timeout": 10}

OPENED_ANEW = {"CONN_MAX_AGE": 0}
KEPT = {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
POOLED = {"OPTIONS": {"pool": POOL}, "CONN_HEALTH_CHECKS": True}


def front_of(number):
    return "graphql" if number % 4 == 0 else "rest"


@pytest.mark.parametrize(
    ("postgres", "most", "pages"),
    [
        pytest.param(
            OPENED_ANEW, EACH_THREAD, 300, id="opened-anew"
        ),  # opening a connection costs more
        pytest.param(KEPT, EACH_THREAD, 500, id="kept"),
        pytest.param(POOLED, WORKERS * POOL["max_size"], 500, id="pooled"),
    ],
)
def test_pages_take_no_more_database_connections_than_there_are_threads(
    start, sessions, run, postgres, most, pages
):
    server = start("gthread", postgres=postgres, SITE_PARTSTREAM={"MAX_THREADS": MAX_THREADS})
    counts = []

    def page(number):
        answer = server.page(front_of(number), NAMES, together=True, run=run)
        if number % 25 == 0:
            counts.append(sessions.count(server.name))
        return answer.status, answer.parts, answer.codes

    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(clients.map(page, range(pages)))
    assert [answer for answer in answers if answer != (200, RIGHT, {})] == []
    assert max(counts) <= most
    ends = server.events.ends(run, times=pages * len(RIGHT))
    assert ends == sorted((name, "ok") for name in RIGHT for _ in range(pages))
    if postgres is OPENED_ANEW:
        assert sessions.left(server.name) == 0


@pytest.mark.parametrize(
    ("postgres", "atomic", "lost"),
    [
        pytest.param(OPENED_ANEW, False, ["rows_e"], id="opened-anew"),
        pytest.param(KEPT, False, ["rows_e"], id="kept"),
        pytest.param(
            KEPT, True, ["gated", "rows_e", "rows_f", "timely_too"], id="in-a-transaction"
        ),
    ],
)
def test_a_cut_database_connection_fails_only_the_parts_that_used_it(
    start, sessions, gate, postgres, atomic, lost
):
    options = ["--workers=1", f"--threads={CLIENTS}"]
    server = start("gthread", *options, postgres=postgres, atomic=atomic)
    names = "rows_a,timely,gated,rows_e,rows_f,timely_too,last"
    for _ in range(2):
        pages = [server.soon(front_of(client), names, gate=gate.port) for client in range(CLIENTS)]
        visits = [gate.visit() for _ in pages]
        assert sessions.terminate(server.name) >= CLIENTS
        for visit in visits:
            visit.open()
        for page in pages:
            answer = page.result(PATIENCE)
            assert (answer.status, sorted(answer.codes)) == (200, lost)
            assert set(answer.codes.values()) == {"part_failed"}
            assert (answer.parts["rows_a"], answer.parts["timely"]) == (42, 42)
            assert answer.parts["last"] == "fast"
        for client in range(CLIENTS):
            answer = server.page(front_of(client), NAMES)
            assert (answer.status, answer.parts, answer.codes) == (200, RIGHT, {})
    assert sessions.in_transaction(server.name) == 0
    assert sessions.left(server.name, at_most=2 * CLIENTS) <= 2 * CLIENTS


def test_database_connections_cut_repeatedly_fail_only_the_pages_in_flight(start, sessions):
    server = start("gthread", postgres=KEPT, SITE_PARTSTREAM={"MAX_THREADS": MAX_THREADS})
    cuts, failed, done = [], [], count()

    def walk(client):
        for _ in range(60):
            began = time.monotonic()
            answer = server.page(front_of(client), NAMES, together=True)
            if (answer.status, answer.codes) != (200, {}):
                assert answer.status in (200, 500)
                failed.append((began, time.monotonic()))
            if next(done) % 100 == 50:
                began = time.monotonic()
                with Sessions() as cutting:
                    cutting.terminate(server.name)
                cuts.append((began, time.monotonic()))

    with ThreadPoolExecutor(CLIENTS) as clients:
        assert list(clients.map(walk, range(CLIENTS))) == [None] * CLIENTS
    for client in range(CLIENTS):
        answer = server.page(front_of(client), NAMES, together=True)
        assert (answer.status, answer.parts, answer.codes) == (200, RIGHT, {})
    assert len(cuts) >= 4
    assert [page for page in failed if not any(overlap(page, cut) for cut in cuts)] == []
    assert sessions.in_transaction(server.name) == 0
    assert sessions.left(server.name, at_most=EACH_THREAD) <= EACH_THREAD


def overlap(one, other):
    return one[0] <= other[1] and other[0] <= one[1]
