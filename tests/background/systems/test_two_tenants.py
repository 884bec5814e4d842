"""Two tenants: each gets the values that were computed in it and for it, also under load."""

from functools import partial
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from tests import services
from tests.background.systems.clients import Client, Crowd, by_pages
from tests.background.systems.nodes import nodes_on

pytestmark = [pytest.mark.redis, pytest.mark.postgres]

#: The orders of each tenant.
ORDERS = {"ann": 3, "bob": 5}

#: Values that each tenant asks for, and clients of each tenant for each value.
RUNS, CLIENTS = 6, 3

#: Row-level security, as in ``docs/tenants.md``; the role is no superuser and owns no table.
TABLES = """
CREATE TABLE nodes_order (id serial, tenant text);
INSERT INTO nodes_order (tenant) SELECT 'ann' FROM generate_series(1, 3);
INSERT INTO nodes_order (tenant) SELECT 'bob' FROM generate_series(1, 5);
ALTER TABLE nodes_order ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON nodes_order USING (tenant = current_setting('shop.tenant', true));
GRANT ALL ON ALL TABLES IN SCHEMA public TO {role};
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role};
"""


@pytest.fixture(scope="module")
def role():
    """A role for Django that is no superuser."""
    name = f"partstream_tests_{uuid4().hex[:8]}"
    with psycopg.connect(services.POSTGRES_URL, autocommit=True) as server:
        server.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
        yield name
        server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture(scope="module", params=["thread", "redis", "tasks"])
def nodes(request, role):
    """A web node that keeps its connections, and two workers where the engine has workers."""
    with nodes_on(request.param, database={"CONN_MAX_AGE": 60}) as nodes:
        database = nodes.environ["SITE_DATABASES"]["default"]
        with psycopg.connect(services.POSTGRES_URL, dbname=database["NAME"]) as server:
            server.execute(sql.SQL(TABLES).format(role=sql.Identifier(role)))
        database["OPTIONS"] = {"options": f"-c role={role}"}
        nodes.environ["SITE_PARTSTREAM"]["TENANCY"] = "tests.background.nodes.tenants.Tenancy"
        nodes.start_node()
        nodes.start_workers()
        yield nodes


def orders(client, run):
    """The value of the part, at the end of its walk."""
    return by_pages(client, "/tenants/", run=run).parts["orders"]


def test_each_tenant_gets_the_value_that_was_computed_in_it_and_for_it(nodes, run):
    (server,) = nodes.servers
    runs = [f"{number} of {run}" for number in range(RUNS)]
    askers = [(tenant, each) for each in runs for tenant in ORDERS] * CLIENTS
    walks = [
        (Client(server, headers={"X-Tenant": tenant}), partial(orders, run=each))
        for tenant, each in askers
    ]
    values = Crowd(walks).ends()
    assert [(tenant, *value) for (tenant, _), value in zip(askers, values, strict=True)] == [
        (tenant, tenant, *[tenant] * ORDERS[tenant]) for tenant, _ in askers
    ]
    assert [nodes.begun(each, at_least=2) for each in runs] == [2] * RUNS


def test_a_tenant_cannot_go_on_with_the_walk_of_another(nodes, run):
    (server,) = nodes.servers
    first = Client(server, headers={"X-Tenant": "ann"}).get(f"/tenants/?run={run}").json()
    assert [wait["part"] for wait in first["pending"]] == ["orders"]
    other = Client(server, headers={"X-Tenant": "bob"})
    answer = other.open(f"/tenants/?cursor={first['cursor']}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")
