"""
Pages of two tenants at the same time, in a process of their own: ``python -m tests.tenants.rounds``.

The first argument names a recipe of ``docs/tenants.md``, and the second how connections are kept:
``pool`` (psycopg's) or ``kept`` (``CONN_MAX_AGE``). Each round is a page of a tenant, outside of a
transaction or inside. Its parts read the orders of the tenant, each in another way. The last line
of the output is JSON: the number of reads, and a description of each wrong read.
"""

import asyncio
import json
import logging
import os
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

import psycopg
from asgiref.sync import sync_to_async
from django.conf import settings
from psycopg import sql

from tests import services

PAGE = Path(__file__).parents[2] / "docs" / "tenants.md"

#: Rounds, threads that serve them, and the seconds after which a late part is late.
ROUNDS, THREADS, LATE = 200, 8, 0.05

#: The orders of each tenant.
ORDERS = {"ann": 3, "bob": 5}

PID = os.getpid()
DATABASE = f"partstream_tests_{PID}_tenants"
#: The role of the application, which is no superuser, and the role of each tenant.
APP = f"partstream_tests_{PID}_app"
ROLES = {name: f"partstream_tests_{PID}_{name}" for name in ORDERS}


def main(recipe, keeping):
    with database():
        sys.stdout.write(json.dumps(RECIPES[recipe](keeping).run()))


@contextmanager
def database():
    """A database and roles for this process."""
    identifiers = [sql.Identifier(APP), *map(sql.Identifier, ROLES.values())]
    name = sql.Identifier(DATABASE)
    with psycopg.connect(services.POSTGRES_URL, autocommit=True) as server:
        try:
            with alone(server):
                server.execute(sql.SQL("CREATE DATABASE {}").format(name))
                for role in identifiers:
                    server.execute(sql.SQL("CREATE ROLE {}").format(role))
                    server.execute(sql.SQL("GRANT ALL ON DATABASE {} TO {}").format(name, role))
            yield
        finally:
            with alone(server):
                server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
                for role in identifiers:
                    server.execute(sql.SQL("DROP ROLE {}").format(role))


@contextmanager
def alone(server):
    """Hold back other processes that come here: they would change the same rows of the catalogue."""
    server.execute("SELECT pg_advisory_lock(hashtext('partstream_tests_tenants'))")
    try:
        yield
    finally:
        server.execute("SELECT pg_advisory_unlock(hashtext('partstream_tests_tenants'))")


class Raised(logging.Handler):
    """Collect the exceptions of parts, for a description of a wrong end."""

    def __init__(self, raised):
        super().__init__()
        self.raised = raised

    def emit(self, record):
        if record.exc_info:
            self.raised.add(repr(record.exc_info[1])[:200])


class Recipe:
    """A recipe of the page, and the project that it needs."""

    #: The heading of the recipe, and whether it uses the middleware of the first recipe.
    heading, has_middleware = "", True
    engine = "django.db.backends.postgresql"
    apps = ()
    options = {}

    def __init__(self, keeping):
        for name in ("shop", "shop.models"):
            sys.modules[name] = ModuleType(name)
        pooled = {"pool": {"min_size": 0, "max_size": 40, "timeout": 30}}
        settings.configure(
            SECRET_KEY="-",
            ALLOWED_HOSTS=["*"],
            USE_TZ=True,
            LOGGING_CONFIG=None,
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
            INSTALLED_APPS=["django.contrib.contenttypes", *self.apps],
            CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
            DATABASES={
                "default": services.database(
                    ENGINE=self.engine,
                    NAME=DATABASE,
                    CONN_MAX_AGE=60 if keeping == "kept" else 0,
                    OPTIONS={
                        "options": f"-c role={APP}",
                        **(pooled if keeping == "pool" else {}),
                    },
                )
            },
            PARTSTREAM={"TENANCY": "shop.tenants.Tenancy", "MAX_THREADS": 8},
            **self.options,
        )
        import django

        django.setup()
        self.prepare()
        code = PAGE.read_text().partition(f"\n## {self.heading}\n")[2].partition("\n## ")[0]
        run(code, "tenants")
        if self.has_middleware:
            run(PAGE.read_text(), "middleware")
        self.wrong, self.reads = [], 0
        self.raised = set()
        logging.getLogger().addHandler(logging.NullHandler())
        logging.getLogger("django_partstream").addHandler(Raised(self.raised))
        self._lock = threading.Lock()

    def prepare(self):
        """Make the tables and the orders, as the superuser."""
        with psycopg.connect(services.POSTGRES_URL, dbname=DATABASE, autocommit=True) as server:
            server.execute("CREATE TABLE shop_order (id serial, tenant text, total int)")
            for tenant, orders in ORDERS.items():
                for total in range(orders):
                    values = self.value_of(tenant), total
                    server.execute("INSERT INTO shop_order (tenant, total) VALUES (%s, %s)", values)
            self.protect(server)

    def protect(self, server):
        """Let each tenant see its own orders only."""

    def value_of(self, tenant):
        """The tenant as ``capture()`` of the recipe returns it."""
        return tenant

    def enter(self, request, get_response):
        """Serve *request* of the tenant in its header, as the project's middleware does."""
        from shop.middleware import TenantMiddleware

        return TenantMiddleware(get_response)(request)

    def seen(self):
        """The tenant of each order that this thread sees."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT tenant FROM shop_order")
            return [tenant for (tenant,) in cursor.fetchall()]

    def whole(self, tenant):
        """The answer of :meth:`seen` if nothing is lost, and nothing is mixed."""
        return [self.value_of(tenant)] * ORDERS[tenant]

    # The parts.

    def read(self, tenant, kind, request=None):
        """Read the orders, and note whether these are the orders of *tenant*."""
        seen = self.seen()
        with self._lock:
            self.reads += 1
            if seen != self.whole(tenant):
                self.wrong.append([kind, tenant, seen])
        return len(seen)

    def parts_of(self, tenant, number, atomic):
        """The parts of a round. Some give a connection up, which costs time: not in each round."""
        from django.db import DatabaseError, connection, transaction

        from django_partstream import cached_for, lazy, safe_call, with_timeout

        read = partial(self.read, tenant)

        def nested(request):
            return with_timeout(partial(read, "nested"), 60)(request) + read("around nested")

        def late(request):
            with suppress(DatabaseError), connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(2)")
            with suppress(DatabaseError):
                read("late")

        def failing(request):
            read("failing")
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")

        def leaving(request):
            """Leave a transaction open."""
            transaction.atomic().__enter__()
            return read("leaving")

        def closing(request):
            """Lose the connection, and get another."""
            read("before closing")
            if not connection.in_atomic_block:
                connection.close()
            return read("after closing")

        def rolled_back(request):
            with transaction.atomic():
                read("in a transaction")
                transaction.set_rollback(True)
            return read("after a rollback")

        async def coroutine(request):
            await asyncio.sleep(0)
            await sync_to_async(read)("coroutine")
            await asyncio.sleep(0)
            return await sync_to_async(read)("coroutine, later")

        parts = {
            "plain": lazy(partial(read, "plain")),
            "timed": lazy(with_timeout(partial(read, "timed"), 60)),
            "nested": lazy(with_timeout(nested, 60)),
            "failing": lazy(safe_call(failing, fallback=0)),
            "rolled back": lazy(rolled_back),
            "coroutine": lazy(coroutine),
            "shared": lazy(cached_for(60, per_user=False, key="shared")(self.count)),
        }
        if number % 3 == 0:
            parts["timed and failing"] = lazy(safe_call(with_timeout(failing, 60), fallback=0))
            parts["closing"] = lazy(with_timeout(closing, 60))
        if number % 5 == 0:
            parts["late"] = lazy(with_timeout(late, LATE))
        if number % 7 == 0 and not atomic:
            parts["leaving"] = lazy(with_timeout(leaving, 60))
            parts["leaving in the pool"] = lazy(partial(self.leave_in_pool, leaving))
        return parts

    def leave_in_pool(self, leaving, request):
        """Leave a transaction open, unless this is the thread of the request."""
        return leaving(request) if threading.current_thread().name.startswith("partstream") else 0

    def count(self, request):
        return len(self.seen())

    # The rounds.

    def run(self):
        from django.db import close_old_connections

        from django_partstream.timed.calls import abandoned_calls

        def served(number):
            try:
                self.round(number)
            except Exception as exc:
                self.wrong.append(["round", number, repr(exc)])
            finally:
                close_old_connections()  # as after each request

        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(served, range(ROUNDS)))
        end = time.monotonic() + 60
        while abandoned_calls() and time.monotonic() < end:
            os.sched_yield()
        self.check_leavings()
        return {
            "reads": self.reads,
            "wrong": self.wrong[:9],
            "raised": sorted(self.raised)[:9],
            "left": abandoned_calls(),
        }

    def check_leavings(self):
        """Note each connection of the pool that still has a tenant."""

    def round(self, number):
        """A page of a tenant: the two tenants take turns."""
        from django.test import RequestFactory

        tenant = list(ORDERS)[number % 2]
        request = RequestFactory().get("/", headers={"X-Tenant": self.value_of(tenant)})
        self.enter(request, partial(self.page, tenant, number, atomic=number % 4 > 1))

    def page(self, tenant, number, request, *, atomic):
        from django.db import connection, transaction

        from django_partstream.endpoints import Endpoint
        from django_partstream.outcomes import Status
        from django_partstream.parts import Plan

        parts = self.parts_of(tenant, number, atomic)
        endpoint = Endpoint(SimpleNamespace(concurrency=2), request, address=[])
        with transaction.atomic() if atomic else nullcontext():
            self.read(tenant, "before the page")
            page = Plan(parts.items()).page(after=None, size=None)
            outcomes = endpoint.resolve(endpoint.attempts(page, whole=lambda value: value))
            if not connection.closed_in_transaction:  # a late part may cost the transaction
                self.read(tenant, "after the page")
        ends = {outcome.name: outcome for outcome in outcomes}
        others = {
            "late": Status.TIMEOUT,
            "failing": Status.FALLBACK,
            "timed and failing": Status.FALLBACK,
        }
        for name, end in ends.items():
            if end.status != others.get(name, Status.OK):
                self.wrong.append([name, tenant, end.status, end.error and end.error.message])
        if ends["shared"].value != ORDERS[tenant]:
            self.wrong.append(["shared", tenant, ends["shared"].value])


def blocks(text, language):
    """The code blocks of *text* in *language*, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def run(text, name):
    """Run the first block ``shop/<name>.py`` of *text* as a module."""
    code = next(each for each in blocks(text, "python") if each.startswith(f"# shop/{name}.py\n"))
    module = sys.modules[f"shop.{name}"] = ModuleType(f"shop.{name}")
    exec(compile(code, f"docs/tenants.md ({name})", "exec"), vars(module))


class Policies(Recipe):
    heading = "Row-level security"

    def protect(self, server):
        (code,) = blocks(PAGE.read_text(), "sql")
        server.execute(code)
        server.execute(sql.SQL("GRANT SELECT ON shop_order TO {}").format(sql.Identifier(APP)))

    def check_leavings(self):
        from django.db import connection

        pool = connection.pool
        for _ in range(pool.get_stats()["pool_size"]):
            raw = pool.getconn()  # not given back, so that each is another
            (left,) = raw.execute("SELECT current_setting('shop.tenant', true)").fetchone()
            if left:
                self.wrong.append(["left in the pool", left])
            raw.close()


class Roles(Recipe):
    heading = "`SET ROLE`"

    def value_of(self, tenant):
        return ROLES[tenant]

    def protect(self, server):
        server.execute("ALTER TABLE shop_order ENABLE ROW LEVEL SECURITY")
        server.execute("CREATE POLICY own ON shop_order USING (tenant = current_user)")
        for role in ROLES.values():
            server.execute(sql.SQL("GRANT SELECT ON shop_order TO {}").format(sql.Identifier(role)))


class Schemas(Recipe):
    heading, has_middleware = "django-tenants", False
    engine = "django_tenants.postgresql_backend"
    apps = ("django_tenants", "tests.tenants.schemas")
    options = {
        "SHARED_APPS": ["django_tenants", "tests.tenants.schemas"],
        "TENANT_APPS": ["tests.tenants.schemas"],
        "TENANT_MODEL": "schemas.Client",
        "TENANT_DOMAIN_MODEL": "schemas.Domain",
        "DATABASE_ROUTERS": ["django_tenants.routers.TenantSyncRouter"],
        # Or a lost schema would be set again by each cursor.
        "TENANT_LIMIT_SET_CALLS": True,
    }

    def prepare(self):
        with psycopg.connect(services.POSTGRES_URL, dbname=DATABASE, autocommit=True) as server:
            for tenant, orders in ORDERS.items():
                schema = sql.Identifier(tenant)
                for code in (
                    "CREATE SCHEMA {}",
                    "CREATE TABLE {}.shop_order AS SELECT {} AS tenant FROM generate_series(1, {})",
                    f'GRANT USAGE ON SCHEMA {{}} TO "{APP}"',
                    f'GRANT SELECT ON ALL TABLES IN SCHEMA {{}} TO "{APP}"',
                ):
                    server.execute(sql.SQL(code).format(schema, tenant, orders))

    def enter(self, request, get_response):
        from django.db import connection

        from tests.tenants.schemas.models import Client

        connection.set_tenant(Client(schema_name=request.headers["X-Tenant"]))
        return get_response(request)


class Multitenant(Recipe):
    heading, has_middleware = "django-multitenant", False
    apps = ("django_multitenant", "tests.tenants.stores")

    def prepare(self):
        from django.db import connection

        from tests.tenants.stores.models import Order, Store

        with psycopg.connect(services.POSTGRES_URL, dbname=DATABASE, autocommit=True) as server:
            server.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(sql.Identifier(APP)))
        with connection.schema_editor() as editor:
            editor.create_model(Store)
            editor.create_model(Order)
        self.stores = {name: Store.objects.create(name=name) for name in ORDERS}
        for name, orders in ORDERS.items():
            for _ in range(orders):
                Order.objects.create(store=self.stores[name])
        connection.close()

    def enter(self, request, get_response):
        import crum
        from django_multitenant.utils import set_current_tenant, unset_current_tenant

        set_current_tenant(self.stores[request.headers["X-Tenant"]])
        crum._thread_locals.user = request.headers["X-Tenant"]
        try:
            return get_response(request)
        finally:
            unset_current_tenant()
            crum._thread_locals.user = None

    def seen(self):
        import crum

        from tests.tenants.stores.models import Order

        users = {getattr(crum._thread_locals, "user", None)}
        names = Order.objects.values_list("store__name", flat=True)
        return [name if users == {name} else f"{name} {users}" for name in names]


class MultitenantInContext(Multitenant):
    """With asgiref's Local in place of a threading.local."""

    options = {"TENANT_USE_ASGIREF": True}


RECIPES = {
    "policies": Policies,
    "roles": Roles,
    "schemas": Schemas,
    "multitenant": Multitenant,
    "multitenant-asgiref": MultitenantInContext,
}


if __name__ == "__main__":
    main(*sys.argv[1:])
