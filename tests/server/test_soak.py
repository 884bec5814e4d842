"""
A bounded soak: clients walk pages of every kind of part, and no resources pile up.

``make soak`` runs it for a minute; ``SOAK_SECONDS`` sets another time.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from statistics import median
from typing import Any

import pytest

from tests import services
from tests.server.watch import Watch

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

SECONDS = float(os.environ.get("SOAK_SECONDS", "6"))
CLIENTS = 8
WORKERS, SERVER_THREADS, MAX_THREADS, MAX_ABANDONED = 2, 4, 4, 8

#: The parts of each walk, and the error code of each part that must fail.
FINE = ("fast", "slow", "rows_a", "rows_b", "timely", "meets_a", "meets_b", "cached")
FAILING = {
    "failing": "part_failed",
    "hangs_in_sql": "part_timed_out",
    "hangs_at_gate": "part_timed_out",
    "endless": "part_timed_out",
}
NAMES = (*FINE, *FAILING)


def walk(server: Any, front: str, **query: Any) -> tuple[Counter[str], dict[str, str], int]:
    """Walk a response; return arrivals by part, codes of failed parts, and the number of pages."""
    arrived: Counter[str] = Counter()
    codes: dict[str, str] = {}
    pages, cursor = 0, None
    while pages == 0 or cursor:
        if front == "rest":
            more = {"cursor": cursor} if cursor else {}
            answer = server.get("/walk/", parts=",".join(NAMES), **query, **more)
        else:
            names = ",".join(NAMES)
            answer = server.query(names, field="together", first=4, after=cursor, **query)
        assert answer.status == 200, answer.body
        arrived.update(answer.parts.keys())
        codes |= answer.codes
        pages, cursor = pages + 1, answer.cursor
    return arrived, codes, pages


def test_a_server_under_load_loses_no_part_and_piles_up_no_resources(start, gate, run, capsys):
    application = f"partstream-soak-{os.getpid()}"
    database = services.database(CONN_MAX_AGE=60, OPTIONS={"application_name": application})
    server = start(
        "gthread",
        f"--threads={SERVER_THREADS}",
        SITE_DATABASES={"default": database},
        SITE_PARTSTREAM={"MAX_THREADS": MAX_THREADS, "MAX_ABANDONED_CALLS": MAX_ABANDONED},
    )
    end = time.monotonic() + SECONDS
    totals, wrong = Counter(), []
    counting = threading.Lock()

    def client(number: int) -> None:
        fronts = ("rest", "graphql")
        try:
            for turn in range(10**9):
                if time.monotonic() > end:
                    return
                front = fronts[(number + turn) % 2]
                arrived, codes, pages = walk(server, front, run=run, gate=gate.port)
                with counting:
                    totals.update(walks=1, pages=pages, parts=arrived.total())
                    if set(arrived) != set(NAMES) or arrived.total() != len(NAMES):
                        wrong.append(f"{front}: arrived {arrived}")
                    if codes != FAILING:
                        wrong.append(f"{front}: codes {codes}")
        except Exception as exc:
            wrong.append(repr(exc))

    clients = [threading.Thread(target=client, args=[number]) for number in range(CLIENTS)]
    for one in clients:
        one.start()
    watch, ended = Watch(application), threading.Event()
    while any(one.is_alive() for one in clients):
        ended.wait(SECONDS / 30)  # the time between two samples
        seen = server.get("/debug/", run=run, brief=1)
        assert seen.status == 200, seen.body
        pids = {one["pid"] for one in server.events.of("seen", run)}
        watch.look(pids, len(seen.body["threads"]))
    gate.close()
    server.settled()
    resolved = Counter(one["part"] for one in server.events.of("resolved", run))
    computed = len(server.events.of("computed", run))
    exit_status = server.stop()

    third = len(watch.memory) // 3
    early, late = median(watch.memory[third : 2 * third]), median(watch.memory[2 * third :])
    most_connections = WORKERS * (SERVER_THREADS + 2 * MAX_THREADS) + MAX_ABANDONED * WORKERS
    # Gunicorn has a few threads of its own. Each request has its thread and up to that many more.
    in_flight = SERVER_THREADS * MAX_THREADS
    most_threads = 4 + SERVER_THREADS + 2 * MAX_THREADS + MAX_ABANDONED + in_flight
    with capsys.disabled():
        print(  # noqa: T201 - it is what the soak is for
            f"\n\n| soak, {SECONDS:g} s, {CLIENTS} clients, gunicorn gthread | |\n|---|---:|\n"
            f"| walks, pages, parts | {totals['walks']}, {totals['pages']}, {totals['parts']} |\n"
            f"| parts that ended, parts that arrived | {resolved.total()}, {totals['parts']} |\n"
            f"| computations of the cached part | {computed} |\n"
            f"| wrong or failed responses | {len(wrong)} |\n"
            f"| PostgreSQL connections, most (bound) | {max(watch.connections)} ({most_connections}) |\n"
            f"| threads of a worker, most (bound) | {max(watch.threads)} ({most_threads}) |\n"
            f"| memory of a worker, middle and last third | {early:.0f} MB, {late:.0f} MB |\n"
        )
    assert wrong == []
    assert totals["walks"] >= CLIENTS
    assert resolved == dict.fromkeys(NAMES, totals["walks"])
    assert 2 <= computed <= 2 * (1 + (SECONDS + 10) // 60)  # once a minute for each front
    assert max(watch.connections) <= most_connections
    assert max(watch.threads) <= most_threads
    assert late <= early * 1.1 + 8
    assert exit_status == 0
