"""
A bounded soak of streams: 200 at once on a single uvicorn, and no resources pile up.

Some clients read to the end, over REST or with ``@defer``. Some leave in mid-stream. Some are cut,
and go on by ``Last-Event-ID`` or in pages. ``make soak`` runs it for a minute; ``SOAK_SECONDS`` sets another time.
"""

from __future__ import annotations

import os
import resource
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from django_partstream.testing import walk, walk_stream
from tests.graphql.multipart import SHAPES, Merged, payloads_in
from tests.server.servers import PATIENCE, Gate, Server
from tests.server.sessions import Sessions
from tests.server.streaming import StreamClient, StreamResponse
from tests.server.watch import Watch
from tests.tools import lack

pytestmark = pytest.mark.postgres

SECONDS = float(os.environ.get("SOAK_SECONDS", "6"))
STREAMS = 200
MAX_THREADS = 8

#: Clients that walk one stream after another; fewer in the ordinary suite, for each ends its walk.
CLIENTS = STREAMS if "SOAK_SECONDS" in os.environ else STREAMS // 4

#: Requests that begin at the same time. Each has a thread with a connection until its first byte.
BEGINNING = 16

#: Open files of each process: both ends of a stream, of its visit at the gate, and some.
FILES = 5 * STREAMS

#: The parts of a stream that is held: ``gated_async`` waits at the gate.
HELD = "fast,rows_a,slow,timely,gated_async,paced,last"

#: The parts of all other streams, over REST and with ``@defer``.
WALKED = "fast,rows_a,slow,timely,failing,paced,rows_b,last"
FRAGMENT = f"... @defer {{ status error {{ code }} {WALKED.replace(',', ' ')} }}"
QUERY = f"{{ together(first: 9) {{ edges {{ node {{ name {FRAGMENT} }} }} }} }}"
DEFERRED = f"/graphql/?{urlencode({'query': QUERY})}"

#: A request has its own connection; a part in the pool has one, and waits for that of a timed call.
MOST_CONNECTIONS = 2 * BEGINNING + 2 * MAX_THREADS

#: Threads beside those of the requests: of the pool, of timed calls, and a few of uvicorn.
THREADS_BESIDE = 2 * MAX_THREADS + 8

#: A request has its own thread, and another for a moment at its end. A client that leaves may ask
#: again before that.
MOST_THREADS = 3 * CLIENTS + THREADS_BESIDE

#: In MB, for each stream that is held.
MOST_MEMORY = 0.5

SSE, LINES = "text/event-stream", "application/jsonl"


@pytest.fixture(scope="module")
def files() -> Iterator[None]:
    """Allow as many open files as the streams need, here and in servers that are started."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        lack(f"{STREAMS} streams need {FILES} open files, and the limit is {hard}: ulimit -Hn.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def server(files: None, start: Callable[..., Server]) -> Server:
    settings = {"MAX_THREADS": MAX_THREADS}
    server = start("uvicorn", postgres={}, SITE_PARTSTREAM=settings)
    walk_stream(Client(server), address(WALKED))  # it makes the threads of the pool
    return server


class Client(StreamClient):
    """A client that waits while too many others begin."""

    _beginning = threading.Semaphore(BEGINNING)

    def open(self, *args: Any, **kwargs: Any) -> StreamResponse:
        with self._beginning:
            return super().open(*args, **kwargs)


def address(names: str, **query: Any) -> str:
    return f"/asking/?{urlencode({'parts': names, **query})}"


class Watched(Watch):
    """The server under watch, and its state before."""

    def __init__(self, server: Server) -> None:
        super().__init__(server.name)
        self._server = server
        self.before, self.tasks = self.sample(), self._tasks()

    def sample(self) -> int:
        """Take a sample, and return the number of threads."""
        state = self._server.get("/debug/", brief=1).body
        self.look({state["pid"]}, len(state["threads"]))
        return self.threads[-1]

    def settled(self) -> bool:
        """Whether nothing is left of any stream, once that is so or time is up."""
        end = time.monotonic() + PATIENCE
        most = self.before + 2 * MAX_THREADS  # the pool, and timed threads that wait for a call
        while self._tasks() != self.tasks or self.sample() > most:
            if time.monotonic() > end:
                return False
        return self._server.settled()["running"] == []

    def _tasks(self) -> list[str]:
        return self._server.get("/tasks/").body["tasks"]


def at_once(client: Callable[[int], None], count: int) -> list[threading.Thread]:
    """Start *client* for each number below *count*, each in a thread."""
    threads = [threading.Thread(target=client, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_200_streams_at_once_on_one_server_end_resume_and_leave_nothing(
    server: Server, gate: Gate, sessions: Sessions, run: str, capsys: Any
) -> None:
    watch, arrived, wrong = Watched(server), [], []
    all_are_held, url = threading.Event(), address(HELD, gate=gate.port, run=run)

    def client(number: int) -> None:
        """Read to the end, leave, or go on: by a stream, or in pages."""
        kind = ("stays", "leaves", "stream", "pages")[number % 4]
        try:
            response = Client(server).open(url, Accept=SSE)
            frames = response.frames()
            got = [next(frames)]
            all_are_held.wait(2 * PATIENCE)
            if kind == "stays":
                got += frames
            elif kind != "leaves":
                got += [next(frames) for _ in range(number % 5)]
            response.close()
            names = [frame.data["name"] for frame in got if frame.kind == "part"]
            if kind in ("stream", "pages"):
                names += rest_of(server, url, got[-1].cursor, kind)
            if kind != "leaves":
                arrived.append(sorted(names))
        except Exception as exc:
            wrong.append(f"{kind}: {exc!r}")

    clients = at_once(client, STREAMS)
    visits = []
    while len(visits) < STREAMS:
        visits += [gate.visit() for _ in range(STREAMS // 10)]
        watch.sample()
    all_are_held.set()
    for _ in range(STREAMS // 2):
        gate.visit().open()  # of a stream or a walk in pages that went on
    cancelled = len(server.events.wait_for("cancelled", run, times=3 * STREAMS // 4))
    for visit in visits:
        visit.open()
    for one in clients:
        one.join()
    each = (watch.memory[-1] - watch.memory[0]) / STREAMS
    most = max(watch.connections), max(watch.threads)
    is_settled, left = watch.settled(), sessions.left(server.name)
    with capsys.disabled():
        print(  # noqa: T201 - it is what the soak is for
            f"\n\n| soak, {STREAMS} streams held at once, uvicorn | |\n|---|---:|\n"
            f"| walks with each part once, of {3 * STREAMS // 4} | {arrived.count(sorted(HELD.split(',')))} |\n"
            f"| parts that were cancelled when their clients left | {cancelled} |\n"
            f"| PostgreSQL connections, most (bound), at the end | {most[0]} ({MOST_CONNECTIONS}), {left} |\n"
            f"| threads, most (bound), at the end | {most[1]} ({STREAMS + THREADS_BESIDE}), {watch.threads[-1]} |\n"
            f"| memory a stream (bound) | {each:.2f} MB ({MOST_MEMORY}) |\n"
        )
    assert wrong == []
    assert arrived == [sorted(HELD.split(","))] * (3 * STREAMS // 4)
    assert cancelled == 3 * STREAMS // 4
    assert is_settled
    assert left == 0
    assert most[0] <= MOST_CONNECTIONS
    assert most[1] <= STREAMS + THREADS_BESIDE
    assert each <= MOST_MEMORY


def rest_of(server: Server, url: str, cursor: str | None, by: str) -> list[str]:
    """The names of the parts behind *cursor*, by another stream or in pages."""
    client = Client(server)
    if by == "pages":
        query = url.partition("?")[2]
        return list(walk(client, f"/asking/?{query}&cursor={cursor}").parts)
    return walk_stream(client, url, headers={"Last-Event-ID": cursor}).names


class Arrived(NamedTuple):
    """The names of the parts that arrived, and the codes of the parts that failed."""

    names: list[str]
    codes: list[str]


def behave(server: Server, number: int, turn: int) -> Arrived | None:
    """Walk whole, cut after some parts, or with ``@defer``; or leave, which is no walk."""
    client, url, count = Client(server), address(WALKED), 1 + (number // 7 + turn) % 4
    match (number + turn) % 7:
        case 0:
            walked = walk_stream(client, url)
        case 1:
            walked = walk_stream(client, url, accept=LINES)
        case 2:
            walked = walk_stream(client, url, cut_after=count)
        case 3:
            walked = walk_stream(client, url, cut_after=count, then="pages")
        case 4:
            return deferred(client)
        case 5:
            return leave(client.open(url, Accept=SSE), StreamResponse.frames, count)
        case _:
            return leave(client.open(DEFERRED, Accept=SHAPES["both"]), payloads, count)
    return Arrived(walked.names, [error["code"] for error in walked.errors])


def payloads(response: StreamResponse) -> Iterator[Any]:
    return payloads_in(response.iter_raw())


def deferred(client: Client) -> Arrived:
    """All parts of a page in fragments with ``@defer``."""
    response = client.open(DEFERRED, Accept=SHAPES["both"])
    merged = Merged(payloads(response))
    response.close()
    assert not merged.has_next
    nodes = [edge["node"] for edge in merged.data["together"]["edges"]]
    codes = [node["error"]["code"] for node in nodes if node["error"]]
    return Arrived([node["name"] for node in nodes if node["status"]], codes)


def leave(
    response: StreamResponse, read: Callable[[StreamResponse], Iterator[Any]], count: int
) -> None:
    """Leave after *count* frames or payloads."""
    coming = read(response)
    for _ in range(count):
        next(coming)
    response.close()


#: The arrivals of every walk.
ALL = Arrived(sorted(WALKED.split(",")), ["part_failed"])


def test_streams_under_load_lose_no_part_and_pile_up_no_resources(
    server: Server, sessions: Sessions, capsys: Any
) -> None:
    watch, end = Watched(server), time.monotonic() + SECONDS
    totals: Counter[str] = Counter()
    wrong: list[str] = []
    counting = threading.Lock()

    def client(number: int) -> None:
        turn = 0
        try:
            while turn == 0 or time.monotonic() < end:
                arrived = behave(server, number, turn)
                turn += 1
                with counting:
                    totals.update(walks=1) if arrived else totals.update(leavers=1)
                if arrived and Arrived(sorted(arrived.names), arrived.codes) != ALL:
                    wrong.append(f"{(number + turn) % 7}: {arrived}")
        except Exception as exc:
            wrong.append(repr(exc))

    clients, ended = at_once(client, CLIENTS), threading.Event()
    while any(one.is_alive() for one in clients):
        ended.wait(SECONDS / 30)  # the time between two samples
        watch.sample()
    third = len(watch.memory) // 3
    early, late = median(watch.memory[third : 2 * third]), median(watch.memory[2 * third :])
    most = max(watch.connections), max(watch.threads)
    is_settled, left = watch.settled(), sessions.left(server.name)
    with capsys.disabled():
        print(  # noqa: T201 - it is what the soak is for
            f"\n\n| soak, {SECONDS:g} s, {CLIENTS} clients of streams, uvicorn | |\n|---|---:|\n"
            f"| walks to the end, clients that left | {totals['walks']}, {totals['leavers']} |\n"
            f"| wrong or failed responses | {len(wrong)} |\n"
            f"| PostgreSQL connections, most (bound), at the end | {most[0]} ({MOST_CONNECTIONS}), {left} |\n"
            f"| threads, most (bound), at the end | {most[1]} ({MOST_THREADS}), {watch.threads[-1]} |\n"
            f"| memory, middle and last third | {early:.0f} MB, {late:.0f} MB |\n"
        )
    assert wrong == []
    assert totals["walks"] >= CLIENTS // 2
    assert is_settled
    assert left == 0
    assert most[0] <= MOST_CONNECTIONS
    assert most[1] <= MOST_THREADS
    assert late <= early * 1.1 + 8
