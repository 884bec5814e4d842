"""Time limits hold in every server, for parts that hang in a database, wait, or compute."""

import os
import time

import pytest
from django.db import connections
from django.test import Client

from django_partstream.signals import part_resolved
from tests import services
from tests.server.servers import PREEMPTIVE, Answer, Asking, Events
from tests.server.sessions import Sessions
from tests.server.site import events as told
from tests.server.site.parts import LIMIT

#: The seconds by which a page may exceed the limit of its part.
GRACE = 0.25

#: A page may be late on a busy machine; a page late in every try has another reason.
TRIES = 6

WAYS = [
    pytest.param("hangs_in_sql", "default", id="in-sqlite"),
    pytest.param("hangs_in_sql", "postgres", id="in-postgresql", marks=pytest.mark.postgres),
    pytest.param("hangs_in_sql", "mariadb", id="in-mariadb", marks=pytest.mark.mysql),
    pytest.param("hangs_at_gate", "default", id="waiting"),
    pytest.param("hangs_busy", "default", id="computing"),
]

everywhere = pytest.mark.parametrize(("part", "using"), WAYS)


class Local(Asking):
    """Django's test client with the interface of a server's client."""

    def __init__(self):
        self.client, self.events = Client(), Events()

    def _ask(self, address, body):
        started = time.monotonic()
        ask = self.client.get if body is None else self.client.post
        more = {} if body is None else {"data": body, "content_type": "application/json"}
        response = ask(address, **more)
        return Answer(response.status_code, response.json(), time.monotonic() - started)


@pytest.fixture
def local(settings, monkeypatch):
    settings.ROOT_URLCONF = "tests.server.site.urls"
    asked = Local()
    monkeypatch.setenv("SITE_EVENTS", f"/dev/fd/{asked.events.writing}")
    told.listen()
    yield asked
    part_resolved.disconnect(told.resolved)
    os.close(asked.events.writing)


def answered_in_time(asked, front, part, run, **query):
    """Ask until a page comes in time; also a late page must be right."""
    names = f"fast,rows_a,{part},rows_b,last"
    for attempt in range(TRIES):
        answer = asked.page(front, names, run=f"{run}-{attempt}", **query)
        assert answer.status == 200
        assert answer.codes == {part: "part_timed_out"}
        assert answer.parts == {
            "fast": "fast", "rows_a": 42, part: None, "rows_b": 42, "last": "fast",
        }  # fmt: skip
        assert answer.seconds >= LIMIT
        if answer.seconds < LIMIT + GRACE:
            return f"{run}-{attempt}"
    pytest.fail(f"{TRIES} pages were late, the last one took {answer.seconds:.3f} seconds.")


def hangs_no_more(asked, part, run, gate, database=None):
    """Assert that the late call ends: by itself where it hangs in SQL, else at its gate."""
    if database is not None:
        with Sessions(database) as sessions:
            sessions.wait_until_hung(run)
            assert sessions.statements(run) == 0
    if part != "hangs_in_sql":
        gate.close()
    assert len(asked.events.wait_for("left", run)) == 1
    assert asked.events.ends(run, times=5) == sorted(
        [("fast", "ok"), ("last", "ok"), ("rows_a", "ok"), ("rows_b", "ok"), (part, "timeout")]
    )


@everywhere
@pytest.mark.parametrize(
    ("front", "atomic"), [("rest", False), ("graphql", True)], ids=["autocommit", "atomic-requests"]
)
@pytest.mark.parametrize("kind", PREEMPTIVE)
def test_a_page_with_a_late_part_is_answered_within_the_limit_by_a_server(
    shared, kind, front, atomic, part, using, run, gate
):
    server = shared(kind, atomic=atomic)
    query = {"using": using, "gate": gate.port}
    run = answered_in_time(server, front, part, run, **query)
    database = services.database()["NAME"] if using == "postgres" else None
    hangs_no_more(server, part, run, gate, database)


@pytest.mark.parametrize("atomic", [False, True], ids=["autocommit", "atomic-requests"])
@pytest.mark.parametrize(
    ("part", "using"),
    [
        pytest.param("hangs_in_sql", "postgres", marks=pytest.mark.postgres, id="in-postgresql"),
        pytest.param("hangs_at_gate", "default", id="waiting"),
    ],
)
def test_a_page_with_a_part_that_waits_too_long_is_answered_within_the_limit_by_gevent(
    shared, front, atomic, part, using, run, gate
):
    server = shared("gevent", atomic=atomic)
    run = answered_in_time(server, front, part, run, using=using, gate=gate.port)
    database = services.database()["NAME"] if using == "postgres" else None
    hangs_no_more(server, part, run, gate, database)


@everywhere
@pytest.mark.django_db(databases=services.DATABASES)
def test_a_page_with_a_late_part_is_answered_within_the_limit_in_a_test_case(
    local, part, using, run, gate
):
    query = {"using": using, "gate": gate.port}
    run = answered_in_time(local, "graphql", part, run, **query)
    database = connections[using].settings_dict["NAME"] if using == "postgres" else None
    hangs_no_more(local, part, run, gate, database)


@everywhere
@pytest.mark.django_db(databases=services.DATABASES, transaction=True)
def test_a_page_with_a_late_part_is_answered_within_the_limit_outside_of_transactions(
    local, part, using, run, gate
):
    query = {"using": using, "gate": gate.port}
    run = answered_in_time(local, "rest", part, run, **query)
    database = connections[using].settings_dict["NAME"] if using == "postgres" else None
    hangs_no_more(local, part, run, gate, database)
