"""``get_analytics.invalidate()`` drops cached values, for all readers or for a given reader."""

import asyncio
from secrets import token_hex
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches

from django_partstream import cached_for, lazy, safe_call
from tests import services

ANN, BOB = User(pk=1), User(pk=2)


@pytest.fixture(params=["default", pytest.param("redis", marks=pytest.mark.redis)])
def alias(request, settings):
    if request.param == "redis":
        # Its clear() would drop the values of other programs in that Redis: use a prefix instead.
        redis = services.cache(KEY_PREFIX=f"partstream-tests-{token_hex(8)}")
        settings.CACHES = {**settings.CACHES, "redis": redis}
    return request.param


@pytest.fixture
def runs():
    return []


@pytest.fixture
def get(alias, runs):
    """The number of the run that computed the value."""

    def number(request, *args):
        runs.append(request)
        return len(runs)

    return cached_for(60, key="number", cache=alias)(number)


def test_invalidate_without_a_reader_drops_every_value_of_the_function(get, request_of):
    assert [get(request_of(user=one)) for one in (ANN, BOB, None)] == [1, 2, 3]
    get.invalidate()
    assert [get(request_of(user=one)) for one in (ANN, BOB, None)] == [4, 5, 6]
    assert [get(request_of(user=one)) for one in (ANN, BOB, None)] == [4, 5, 6]


@pytest.mark.parametrize(
    "reader",
    [
        lambda ask: ASK_ANN(ask),
        lambda ask: ANN,
        lambda ask: ["user", "auth.user", "1"],
    ],
    ids=["request", "user", "identity"],
)
def test_invalidate_for_a_reader_drops_that_readers_values_for_all_arguments(
    get, request_of, reader
):
    def asked():
        return [
            get(request_of("/?a=1", user=ANN)),
            get(request_of("/?a=2", user=ANN), 5),
            get(request_of(user=BOB)),
        ]

    assert asked() == [1, 2, 3]
    get.invalidate(reader(request_of))
    assert asked() == [4, 5, 3]
    assert asked() == [4, 5, 3]


def ASK_ANN(request_of):
    return request_of("/elsewhere/", user=ANN)


def test_invalidating_a_shared_value_drops_it_for_all_users(alias, request_of, runs):
    get = cached_for(60, key="shared", per_user=False, cache=alias)(
        lambda request: runs.append(1) or len(runs)
    )
    assert [get(request_of(user=one)) for one in (ANN, BOB)] == [1, 1]
    get.invalidate(ANN)
    assert [get(request_of(user=one)) for one in (ANN, BOB)] == [2, 2]


def test_an_invalidated_value_is_not_served_stale(alias, request_of, runs):
    get = cached_for(60, key="stale", stale=600, cache=alias)(
        lambda request: runs.append(1) or len(runs)
    )
    assert get(request_of()) == 1
    get.invalidate()
    assert get(request_of()) == 2


def test_a_value_invalidated_during_its_computation_is_not_cached(alias, request_of, runs):
    def slow(request):
        runs.append(1)
        if len(runs) == 1:
            get.invalidate()
        return len(runs)

    get = cached_for(60, key="slow", cache=alias)(slow)
    assert [get(request_of()) for _ in range(3)] == [1, 2, 2]


def test_lost_invalidation_marks_cause_a_computation_and_never_an_old_value(alias, request_of, get):
    assert get(request_of()) == 1
    get.invalidate()
    assert get(request_of()) == 2
    marks = [get.invalidate.__self__.keys.mark_of(reader) for reader in (None, ["anyone"])]
    assert caches[alias].get(marks[0])
    caches[alias].delete_many(marks)
    assert [get(request_of()) for _ in range(2)] == [3, 3]


def test_invalidate_leaves_the_values_of_other_functions(get, alias, request_of):
    other = cached_for(60, key="other", cache=alias)(lambda request: object.__name__)
    assert (get(request_of()), other(request_of())) == (1, "object")
    other.invalidate()
    assert get(request_of()) == 1


class View:
    """A view with cached methods, also under other guards."""

    runs = 0

    def get_parts(self):
        return [("a", lazy(self.get_a)), ("b", lazy(self.get_b))]

    def count(self):
        View.runs += 1
        return View.runs

    @cached_for(60)
    def get_a(self, request):
        return self.count()

    @safe_call(fallback=0)
    @cached_for(60)
    def get_b(self, request):
        return self.count()

    @cached_for(60)
    async def get_c(self, request):
        return self.count()


@pytest.mark.parametrize("name", ["get_a", "get_b", "get_c"])
@pytest.mark.parametrize("owner", [View, View()], ids=["class", "object"])
def test_invalidating_a_method_drops_its_values_in_subclasses_too(request_of, name, owner):
    class Sub(View):
        """A subclass that inherits the cached methods."""

    def asked():
        answers = [getattr(one(), name)(request_of()) for one in (View, Sub)]
        return [asyncio.run(one) if asyncio.iscoroutine(one) else one for one in answers]

    first = asked()
    assert asked() == first
    getattr(owner, name).invalidate()
    assert not set(first) & set(asked())


def test_invalidate_refuses_a_user_without_an_identity(get, request_of):
    unknown = SimpleNamespace(is_authenticated=True, pk=None)
    with pytest.raises(TypeError, match="no primary key"):
        get.invalidate(unknown)


def test_invalidate_raises_when_the_cache_is_down(monkeypatch, get):
    def down(*args, **kwargs):
        raise OSError("down")

    for name in ("locmem.LocMemCache", "redis.RedisCache"):
        monkeypatch.setattr(f"django.core.cache.backends.{name}.set", down)
    with pytest.raises(OSError, match="down"):
        get.invalidate()
