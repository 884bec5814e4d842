"""The parts of a stream see what the view saw, although the middlewares have put theirs back."""

import threading
from contextlib import contextmanager
from contextvars import ContextVar

import pytest
from asgiref.local import Local
from asgiref.sync import sync_to_async
from django.db import connections
from django.urls import get_script_prefix, get_urlconf, set_script_prefix, set_urlconf
from django.utils import timezone, translation

from django_partstream import lazy, with_timeout
from django_partstream.costs import wrappers_of
from django_partstream.outcomes import Status
from tests import services
from tests.core.streaming import statuses, values

state = threading.local()
untold = threading.local()
kept = Local()
variable = ContextVar("variable", default="unset")


def parts_of(see):
    """Parts of each kind that return what *see* sees."""

    async def step(request):
        return see()

    async def beside(request):
        return await sync_to_async(see)()

    async def after_a_suspension(request):
        await sync_to_async(int)()
        return see()

    return {
        "plain": lazy(lambda request: see()),
        "timed": lazy(with_timeout(lambda request: see(), 30)),
        "step": lazy(step),
        "beside": lazy(beside),
        "after": lazy(after_a_suspension),
        "awaitable": lazy(lambda request: step(request)),
    }


@pytest.fixture
def seen_by_parts(stream_of, ends_of):
    """What parts of each kind see of the *surroundings* in which their stream was made."""

    def seen(see, surroundings, **options):
        def make():
            with surroundings():
                return stream_of(**options, **parts_of(see))

        ends = ends_of(make)
        assert set(statuses(ends).values()) == {Status.OK}, statuses(ends)
        return values(ends)

    return seen


@contextmanager
def in_tokyo():
    before = get_script_prefix()
    with translation.override("de"), timezone.override("Asia/Tokyo"):
        set_urlconf("tests.no_urls")
        set_script_prefix("/tenant/")
        yield
        set_urlconf(None)
        set_script_prefix(before)


def test_language_time_zone_urlconf_and_prefix_are_those_of_the_view(seen_by_parts):
    def see():
        zone = timezone.get_current_timezone_name()
        return translation.get_language(), zone, get_urlconf(), get_script_prefix()

    found = seen_by_parts(see, in_tokyo)
    assert set(found.values()) == {("de", "Asia/Tokyo", "tests.no_urls", "/tenant/")}


@contextmanager
def of_ann():
    token = variable.set("ann")
    kept.tenant = state.tenant = "ann"
    yield
    del kept.tenant, state.tenant
    variable.reset(token)


def test_variables_and_locals_are_those_of_the_view(seen_by_parts, settings):
    settings.PARTSTREAM = {"THREAD_LOCALS": [f"{__name__}.state"]}

    def see():
        return variable.get(), getattr(kept, "tenant", None), getattr(state, "tenant", None)

    assert seen_by_parts(see, of_ann) == dict.fromkeys(parts_of(see), ("ann",) * 3)
    assert see() == ("unset", None, None)


class Tenancy:
    """The tenant is the ``tenant`` of the thread-local that nothing else carries."""

    def capture(self, request):
        return getattr(untold, "tenant", None)

    @contextmanager
    def thread(self, tenant):
        token = variable.set(tenant)
        untold.tenant = tenant
        yield
        untold.tenant = None
        variable.reset(token)

    @contextmanager
    def connection(self, tenant, connection):
        if connection.vendor != "postgresql":
            yield
            return
        self.set(connection, tenant or "")
        yield
        self.set(connection, "")

    def set(self, connection, tenant):
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.tenant', %s, false)", [tenant])


@contextmanager
def of_bob():
    untold.tenant = "bob"
    yield
    untold.tenant = None


@pytest.fixture
def _tenancy(settings):
    settings.PARTSTREAM = {"TENANCY": f"{__name__}.Tenancy"}


@pytest.mark.usefixtures("_tenancy")
def test_the_tenant_is_that_of_the_view(seen_by_parts):
    assert set(seen_by_parts(variable.get, of_bob).values()) == {"bob"}
    assert variable.get() == "unset"
    assert untold.tenant is None


@pytest.mark.postgres
@pytest.mark.usefixtures("_tenancy")
@pytest.mark.django_db(transaction=True, databases=services.DATABASES)
def test_each_session_is_prepared_for_the_tenant_of_the_view(stream_of, ends_of):
    def see():
        with connections["postgres"].cursor() as cursor:
            cursor.execute("SELECT current_setting('app.tenant', true)")
            return cursor.fetchone()[0]

    parts = parts_of(see)

    def make():
        with of_bob():
            return stream_of(**{name: parts[name] for name in ("plain", "timed", "beside")})

    assert values(ends_of(make)) == {"plain": "bob", "timed": "bob", "beside": "bob"}
    assert not see()


@pytest.mark.django_db(databases=services.DATABASES)
@pytest.mark.usefixtures("_tenancy")
def test_inside_a_transaction_parts_see_the_view_too(seen_by_parts):
    found = seen_by_parts(lambda: (translation.get_language(), variable.get()), in_tokyo_of_bob)
    assert set(found.values()) == {("de", "bob")}


@contextmanager
def in_tokyo_of_bob():
    with in_tokyo(), of_bob():
        yield


def test_execute_wrappers_of_the_view_are_round_statements(stream_of, ends_of, transacted):
    statements = []

    def note(execute, sql, params, many, context):
        statements.append(sql)
        return execute(sql, params, many, context)

    def see():
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT 'seen'")

    def make():
        with connections["default"].execute_wrapper(note):
            parts = parts_of(see)
            return stream_of(**{name: parts[name] for name in ("plain", "timed", "beside")})

    assert set(statuses(ends_of(make)).values()) == {Status.OK}
    assert statements.count("SELECT 'seen'") == 3
    assert wrappers_of(connections["default"]) == ()


class Refusing(Tenancy):
    """Cannot be entered."""

    def thread(self, tenant):
        raise LookupError("No such tenant.")


def test_surroundings_that_cannot_be_entered_fail_each_part(stream_of, ends_of, settings):
    settings.PARTSTREAM = {"TENANCY": f"{__name__}.Refusing"}
    ends = ends_of(lambda: stream_of(**parts_of(lambda: 1), value=[1]))
    found = statuses(ends)
    assert found.pop("value") == Status.OK
    assert set(found.values()) == {Status.ERROR}
    assert set(found) == set(parts_of(None))


class Sticky(Tenancy):
    """Cannot be left."""

    @contextmanager
    def thread(self, tenant):
        yield
        raise LookupError("No way out.")


def test_surroundings_that_cannot_be_left_are_logged(stream_of, ends_of, settings, caplog):
    settings.PARTSTREAM = {"TENANCY": f"{__name__}.Sticky"}

    async def part(request):
        return 1

    assert values(ends_of(lambda: stream_of(a=lazy(part)))) == {"a": 1}
    assert [record.getMessage() for record in caplog.records] == [
        "The surroundings of a stream could not be left."
    ]
