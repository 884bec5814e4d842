"""The parts of the site, for both fronts."""

import asyncio
import socket
import sys
import time
from functools import wraps
from secrets import token_hex

from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.db import connections

from django_partstream import cached_for, lazy, safe_call, with_timeout
from django_partstream.exceptions import PartPending
from tests.server.site.events import tell
from tests.server.site.work import through_gate

#: Time limits in seconds: for parts that must exceed theirs, and for parts that must not.
LIMIT = 0.3
AMPLE = 30.0

#: The longest time that a part waits for its gate or hangs, in seconds.
PATIENCE = 20.0

ENDLESS_SQL = {
    "postgresql": f"SELECT pg_sleep({PATIENCE})",
    "sqlite": """
        WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT 1000000000)
        SELECT count(*) FROM numbers
    """,
    "mysql": """
        SELECT count(*) FROM
            information_schema.COLLATIONS a, information_schema.COLLATIONS b,
            information_schema.COLLATIONS c
        WHERE MD5(a.ID + b.ID + c.ID) = 'x'
    """,
}


def tells_when_left(func):
    """Have *func* send the event ``left`` when it returns or raises."""

    @wraps(func)
    def told(request):
        try:
            return func(request)
        finally:
            tell("left", request, part=func.__name__)

    return told


def fast(request):
    return "fast"


def slow(request):
    """Take as long as a query with some work. No test waits for it."""
    time.sleep(0.05)
    return "slow"


async def paced(request):
    """Take as long as :func:`slow`, in an event loop."""
    await asyncio.sleep(0.05)
    return "paced"


def rows(request):
    with _database(request).cursor() as cursor:
        cursor.execute("SELECT 42")
        return cursor.fetchone()[0]


async def rows_async(request):
    """Ask the database as the async ORM does."""
    return await sync_to_async(rows)(request)


def failing(request):
    raise ConnectionError("the upstream of this part is down")


async def failing_async(request):
    await asyncio.sleep(0)
    failing(request)


def denied(request):
    raise PermissionDenied


def gated(request):
    """Wait at the gate until it is opened."""
    with _at_gate(request, "gated") as gate:
        gate.recv(1)
    return "let through"


async def gated_async(request):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(request.GET["gate"]))
    try:
        writer.write(b"gated_async\n")
        async with asyncio.timeout(PATIENCE):
            await reader.read(1)
    except asyncio.CancelledError:
        tell("cancelled", request, part="gated_async")
        raise
    finally:
        writer.close()
    return "let through"


async def meets(request, barrier):
    """Return once *barrier* is full: as many parts run at the same time as it has parties."""
    async with asyncio.timeout(PATIENCE):
        await barrier.wait()
    return "met"


@cached_for(60, per_user=False, cache="redis")
def cached(request, run=None):
    tell("computed", request, part="cached")
    return token_hex(8)


@cached_for(60, per_user=False, cache="redis")
async def cached_async(request, run=None):
    """A cached value that waits at the gate while it is computed."""
    await gated_async(request)
    tell("computed", request, part="cached_async")
    return token_hex(8)


@tells_when_left
def hangs_in_sql(request):
    connection = _database(request)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # A test that asks for this lock gets it when this statement has ended.
            cursor.execute(
                "SELECT pg_advisory_xact_lock_shared(hashtext(%s)), pg_sleep(%s)",
                [request.GET.get("run", ""), PATIENCE],
            )
        else:
            cursor.execute(ENDLESS_SQL[connection.vendor])
        return cursor.fetchone()


@tells_when_left
def stays_in_sql(request):
    """Run a statement without a limit of its own."""
    tell("begun", request, part="stays_in_sql")
    with _database(request).cursor() as cursor:
        cursor.execute(ENDLESS_SQL[_database(request).vendor])


@tells_when_left
def hangs_at_gate(request):
    with _at_gate(request, "hangs_at_gate") as gate:
        gate.recv(1)
    return "late"


@tells_when_left
def hangs_busy(request):
    """Compute without waiting until the gate is opened."""
    end = time.monotonic() + PATIENCE
    with _at_gate(request, "hangs_busy") as gate:
        gate.setblocking(False)
        while time.monotonic() < end:
            try:
                gate.recv(1)
            except BlockingIOError:
                continue
            break
    return "late"


def elsewhere(request):
    """Return what a job has computed, once it was let through the gate."""
    return through_gate(int(request.GET["gate"]))


async def elsewhere_async(request):
    return await sync_to_async(elsewhere)(request)


def waits(request):
    """Wait for work elsewhere that is never done."""
    tell("looked", request, part="waits")
    raise PartPending("waits", limit=600)


def exits(request):
    sys.exit("a part calls sys.exit()")


async def exits_async(request):
    sys.exit("a coroutine calls sys.exit()")


def recurses(request):
    return recurses(request)


def endless(request):
    """Yield for as long as it is read, and no longer than PATIENCE, to spare the machine."""
    end = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < end:
            yield len(bytes(10_000))
        tell("drained", request, part="endless")
    except GeneratorExit:
        tell("closed", request, part="endless")


def _database(request):
    return connections[request.GET.get("using", "default")]


def _at_gate(request, part):
    """Connect to the request's gate and send it the name *part*."""
    gate = socket.create_connection(("127.0.0.1", int(request.GET["gate"])), timeout=PATIENCE)
    gate.sendall(f"{part}\n".encode())
    return gate


class Parts:
    """All parts of the site. A client chooses: ``?parts=`` in REST, the selection in GraphQL."""

    def get_parts(self):
        barrier = asyncio.Barrier(2)
        return [
            ("fast", lazy(fast)),
            ("slow", lazy(slow)),
            ("paced", lazy(paced)),
            ("rows_async", lazy(rows_async)),
            ("rows_a", lazy(rows)),
            ("rows_b", lazy(rows)),
            ("rows_c", lazy(rows)),
            ("rows_d", lazy(rows)),
            ("timely", lazy(with_timeout(rows, AMPLE))),
            ("failing", lazy(failing)),
            ("failing_too", lazy(failing)),
            ("failing_async", lazy(failing_async)),
            ("denied", lazy(denied)),
            ("safe", lazy(safe_call(failing, fallback="safe"))),
            ("gated", lazy(gated)),
            ("gated_too", lazy(gated)),
            ("gated_async", lazy(gated_async)),
            ("gated_timed", lazy(with_timeout(gated, AMPLE))),
            ("gated_timed_async", lazy(with_timeout(gated_async, AMPLE))),
            ("meets_a", lazy(meets, barrier)),
            ("meets_b", lazy(meets, barrier)),
            ("cached", lazy(cached)),
            ("cached_async", lazy(cached_async)),
            ("hangs_in_sql", lazy(with_timeout(hangs_in_sql, LIMIT))),
            ("hangs_at_gate", lazy(with_timeout(hangs_at_gate, LIMIT))),
            ("hangs_busy", lazy(with_timeout(hangs_busy, LIMIT))),
            ("exits", lazy(exits)),
            ("exits_async", lazy(exits_async)),
            ("exits_timed", lazy(with_timeout(exits, AMPLE))),
            ("recurses", lazy(recurses)),
            ("recurses_timed", lazy(with_timeout(recurses, AMPLE))),
            ("endless", lazy(with_timeout(endless, LIMIT))),
            ("rows_e", lazy(rows)),
            ("rows_f", lazy(rows)),
            ("timely_too", lazy(with_timeout(rows, AMPLE))),
            ("stays_in_sql", lazy(stays_in_sql)),
            ("elsewhere", lazy(elsewhere)),
            ("elsewhere_async", lazy(elsewhere_async)),
            ("waits", lazy(waits)),
            ("last", lazy(fast)),
        ]
