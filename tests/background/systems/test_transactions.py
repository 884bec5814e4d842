"""Parts that wait inside guards and transactions, over HTTP, with their rows in PostgreSQL."""

import pytest

from tests.background.systems.clients import Client, by_pages
from tests.background.systems.nodes import nodes_on
from tests.background.walks import pending

pytestmark = [pytest.mark.redis, pytest.mark.postgres]


@pytest.fixture(
    params=[("thread", True), ("thread", False), ("redis", True), ("tasks", True)],
    ids=lambda engine_and_atomic: "-".join(map(str, engine_and_atomic)),
)
def nodes(request):
    """A web node with or without ATOMIC_REQUESTS, and a worker where the engine has workers."""
    engine, atomic = request.param
    with nodes_on(engine, database={"ATOMIC_REQUESTS": atomic}) as nodes:
        nodes.start_node()
        nodes.start_workers(1)
        yield nodes


WAITING = {"plain", "caught", "timed", "swallowing", "in_transaction"}


def test_a_part_waits_under_guards_and_in_transactions_until_its_value_is_there(nodes, run, gate):
    (server,) = nodes.servers
    first = server.get("/guarded/", run=run, gate=gate.port)
    assert first.parts == {"written": "written"}
    assert set(pending(first)) == {*WAITING, "read"}
    gate.visit().open()
    rest = by_pages(Client(server), "/guarded/", cursor=first.cursor)
    assert rest.errors == []
    # The worker has read the row that the first page wrote in its own transaction.
    assert rest.parts == {**dict.fromkeys(WAITING, f"forecast of {run}"), "read": 1}
    assert nodes.begun(run, at_least=2) == 2  # of both functions
