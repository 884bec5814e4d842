"""``manage.py partstream clear``: kept values are dropped by the name of a function, or for a user."""

import gc
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.management import CommandError, call_command

from django_partstream import background, cached_for, lazy
from django_partstream.caching.cached import declared
from tests.core import jobs

HERE = __name__
runs = []


@cached_for(60)
def own(request):
    runs.append("own")
    return len(runs)


@cached_for(60, per_user=False)
def shared(request):
    runs.append("shared")
    return len(runs)


named = cached_for(60, key="named")(lambda request: runs.append("named") or len(runs))


@background
def counted():
    runs.append("counted")
    return len(runs)


class Parts:
    @cached_for(60)
    def get_sales(self, request):
        runs.append("sales")
        return len(runs)


class PartsByIdentity(Parts):
    def cache_identity(self, request):
        return "a team"


class Shop:
    @cached_for(60)
    def get_sales(self, request):
        runs.append("sales")
        return len(runs)


class Forgetful(FileBasedCache):
    """Says nothing where it cannot write, as some backends do."""

    def set(self, *args, **kwargs):
        pass


class Broken(BaseCache):
    def __init__(self, location, params):
        super().__init__(params)

    def get(self, *args, **kwargs):
        raise ConnectionError("no route")


@pytest.fixture(autouse=True)
def _shared_cache(settings, tmp_path):
    """A cache that processes share, as a command needs."""
    runs.clear()
    backend = "django.core.cache.backends.filebased.FileBasedCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": tmp_path}}


@pytest.fixture
def keep_in(settings, tmp_path):
    """Have the values kept by another backend: ``keep_in("tests...")``."""

    def chosen(backend):
        settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": str(tmp_path)}}

    return chosen


@pytest.fixture
def readers(db):
    return [User.objects.create_user(name) for name in ("ann", "bob")]


def clear(*arguments):
    """The text of the command, or its error with the exit code."""
    out = StringIO()
    try:
        call_command("partstream", "clear", *arguments, stdout=out)
    except CommandError as exc:
        return f"{exc.returncode} {exc}"
    return out.getvalue()


def of(request_of, *readers, call=own):
    return [call(request_of(user=reader)) for reader in readers]


def test_clear_drops_the_values_of_a_function_for_all_readers(request_of, readers):
    assert of(request_of, *readers) == [1, 2]
    assert clear(f"{HERE}.own") == f"Dropped all values: {HERE}.own, in the cache 'default'.\n"
    assert of(request_of, *readers) == [3, 4]


def test_clear_with_a_user_leaves_the_values_of_other_users(request_of, readers):
    assert of(request_of, *readers) == [1, 2]
    told = clear(f"{HERE}.own", "--user", "ann")
    assert told == f"Dropped the values of ann: {HERE}.own, in the cache 'default'.\n"
    assert of(request_of, *readers) == [3, 2]


def test_a_user_is_found_by_primary_key_too(request_of, readers):
    assert of(request_of, *readers) == [1, 2]
    assert "Dropped" in clear(f"{HERE}.own", "--user", str(readers[1].pk))
    assert of(request_of, *readers) == [1, 3]


def test_clear_leaves_every_other_value_of_the_cache(request_of, readers):
    cache.set("project", 7)
    assert of(request_of, readers[0], call=shared) == [1]
    clear(f"{HERE}.own")
    assert (cache.get("project"), of(request_of, readers[1], call=shared)) == (7, [1])


def test_clear_drops_the_values_of_a_method(request_of, readers):
    request = request_of(user=readers[0])
    assert Shop().get_sales(request) == 1
    assert "Dropped" in clear(f"{HERE}.Shop.get_sales")
    assert Shop().get_sales(request) == 2


def test_a_method_is_known_by_the_path_of_a_subclass(request_of, readers):
    request = request_of(user=readers[0])
    assert Parts().get_sales(request) == 1
    assert f"Dropped all values: {HERE}.Parts.get_sales," in clear(
        f"{HERE}.PartsByIdentity.get_sales"
    )
    assert Parts().get_sales(request) == 2


def test_a_function_with_a_key_is_known_by_its_key(request_of, readers):
    assert of(request_of, readers[0], call=named) == [1]
    assert "key:named" in clear("key:named")
    assert of(request_of, readers[0], call=named) == [2]


def test_clear_drops_the_values_of_a_background_function(deliver, settings):
    settings.PARTSTREAM = {"BACKGROUND": f"{jobs.__name__}.do"}

    def delivered():
        return deliver(number=lazy(lambda request: counted()))["number"].value

    assert (delivered(), delivered()) == (1, 1)
    assert f"Dropped all values: {HERE}.counted" in clear(f"{HERE}.counted")
    assert delivered() == 2


def test_a_user_alone_drops_that_users_values_of_every_function(request_of, readers):
    before = of(request_of, *readers), of(request_of, *readers, call=named)
    told = clear("--user", "ann")
    assert f"Dropped the values of ann: {HERE}.own" in told
    assert "Dropped the values of ann: key:named" in told
    after = of(request_of, *readers), of(request_of, *readers, call=named)
    assert [new != old for old, new in zip(before[0], after[0], strict=True)] == [True, False]
    assert [new != old for old, new in zip(before[1], after[1], strict=True)] == [True, False]


def test_a_user_alone_leaves_values_that_readers_share(request_of, readers):
    assert of(request_of, readers[0], call=shared) == [1]
    assert "shared" not in clear("--user", "ann")
    assert of(request_of, readers[0], call=shared) == [1]


def test_a_user_alone_names_the_functions_that_it_left(readers):
    told = clear("--user", "ann")
    assert f"Left: Readers of {HERE}.Parts.get_sales are told apart by a cache_identity()" in told


@pytest.mark.parametrize("function", ["shared", "counted"])
def test_values_that_readers_share_are_not_dropped_for_a_user(function, readers):
    told = clear(f"{HERE}.{function}", "--user", "ann")
    assert told == (
        f"2 Readers share the values of {HERE}.{function}. Leave out --user to drop them for all "
        "readers."
    )


def test_a_user_is_not_taken_for_the_identity_of_a_view(readers):
    assert "cache_identity()" in clear(f"{HERE}.Parts.get_sales", "--user", "ann")
    assert "Dropped" in clear(f"{HERE}.Parts.get_sales")


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (f"{HERE}.nothing", "has no attribute 'nothing'"),
        ("nowhere.nothing", "No module named 'nowhere'"),
        ("no path", "invalid format: 'no path'"),
        (f"{HERE}.runs", "is decorated with neither cached_for() nor background()"),
        ("key:nothing", "is decorated with neither cached_for() nor background()"),
    ],
)
def test_an_unknown_function_is_refused_with_the_functions_that_are_known(function, reason):
    told = clear(function)
    assert told.startswith("2 ")
    assert reason in told
    assert f"{HERE}.shared" in told


def test_clear_without_a_function_or_user_is_refused_with_the_functions_that_are_known():
    told = clear()
    assert told.startswith("2 Name a function, or --user.")
    assert f"{HERE}.counted" in told


def test_an_unknown_user_is_refused(db):
    assert clear("--user", "eve") == "2 No user has the username or primary key 'eve'."


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        ("django.core.cache.backends.locmem.LocMemCache", "of which each process has its own"),
        ("django.core.cache.backends.dummy.DummyCache", "keeps nothing"),
        (f"{HERE}.Missing", "cannot be used"),
    ],
)
@pytest.mark.parametrize("function", ["own", "counted"])
def test_a_cache_in_which_a_command_can_drop_nothing_is_refused(backend, reason, function, keep_in):
    keep_in(backend)
    told = clear(f"{HERE}.{function}")
    assert told.startswith("2 ")
    assert reason in told


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        ("Forgetful", "did not keep that the values"),
        ("Broken", "did not answer (ConnectionError: no route)"),
    ],
)
@pytest.mark.parametrize("function", ["own", "counted"])
def test_a_cache_that_did_not_drop_the_values_is_a_failure(backend, reason, function, keep_in):
    keep_in(f"{HERE}.{backend}")
    told = clear(f"{HERE}.{function}")
    assert told.startswith("1 ")
    assert reason in told


def test_a_user_alone_is_told_why_no_value_was_dropped(readers, keep_in):
    keep_in("django.core.cache.backends.locmem.LocMemCache")
    assert "2 Nothing was dropped" in clear("--user", "ann")


def test_a_decorated_function_that_is_gone_is_no_longer_known():
    def known():
        return "key:gone" in {store.keys.name for store in declared()}

    get = cached_for(60, key="gone")(lambda request: 1)
    assert known()
    del get
    gc.collect()  # a guard refers to itself
    assert not known()
