"""Background functions that ask the database, and a function with a short limit."""

from django.contrib.auth.models import Group
from django.db import connection

from django_partstream import background
from tests.background.nodes.tenants import current
from tests.background.site.events import tell
from tests.background.site.functions import wait_at


@background(keep=60, limit=60)
def groups(run):
    """The number of groups with the name *run* that this worker sees."""
    tell("begun", run)
    return Group.objects.filter(name=run).count()


@background(keep=60, limit=60)
def orders(run):
    """The tenant of this thread, and the tenants of all orders that its connection sees."""
    tell("begun", run)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant FROM nodes_order ORDER BY id")
        return [current.tenant, *[tenant for (tenant,) in cursor.fetchall()]]


@background(keep=60, limit=1)
def brief(run, gate):
    """Take as long as the gate is closed, and longer than the limit."""
    tell("begun", run)
    wait_at(gate, run)
    return f"brief of {run}"
