"""The keys of cached values, and values that must not be cached."""

import asyncio
from functools import partial
from types import SimpleNamespace
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone, translation

from django_partstream import cached_for, lazy, safe_call
from django_partstream.outcomes import Status


def test_an_inherited_class_method_is_cached_for_each_class(request_of):
    class Base:
        region = "base"

        @classmethod
        @cached_for(60)
        def get_region(cls, request):
            return cls.region

    eu, us = (type(name, (Base,), {"region": name}) for name in ("eu", "us"))
    assert [one.get_region(request_of()) for one in (eu, us, Base, eu)] == [
        "eu",
        "us",
        "base",
        "eu",
    ]


def test_subclasses_do_not_share_a_method_that_is_cached_with_a_key(request_of):
    class Base:
        @cached_for(60, key="region")
        def get_region(self, request):
            return type(self).__name__

        def get_parts(self):
            """Make it an owner of parts, which a cache key names by its class."""

    eu, us = (type(name, (Base,), {}) for name in ("EU", "US"))
    assert [one().get_region(request_of()) for one in (eu, us, eu)] == ["EU", "US", "EU"]


@pytest.mark.parametrize(
    "differ",
    [
        lambda request: setattr(request.resolver_match, "route", "uk/<pk>/"),
        lambda request: setattr(request.resolver_match, "kwargs", {"pk": 2}),
        lambda request: setattr(request, "version", "v2"),
    ],
    ids=["route", "arguments of the route", "version"],
)
def test_route_and_version_of_a_request_are_part_of_the_cache_key(request_of, differ):
    runs = []
    get = cached_for(60, key="route")(lambda request: runs.append(1) or len(runs))

    def asked(*changes):
        request = request_of()
        request.resolver_match = SimpleNamespace(route="eu/<pk>/", kwargs={"pk": 1})
        for change in changes:
            change(request)
        return get(request)

    assert [asked(), asked(differ), asked()] == [1, 2, 1]


def test_the_initial_arguments_of_a_view_are_part_of_the_cache_key(request_of):
    class Regional:
        def __init__(self, **initkwargs):
            self._initkwargs = initkwargs

        @cached_for(60)
        def get_region(self, request):
            return self._initkwargs["region"]

        def get_parts(self):
            """Make it an owner of parts."""

    views = [Regional(region=region) for region in ("eu", "us", "eu")]
    assert [view.get_region(request_of()) for view in views] == ["eu", "us", "eu"]


def test_a_helper_without_a_request_is_cached_for_the_user_and_host_of_its_page(
    deliver, request_of
):
    runs = []
    rate = cached_for(60, key="rate")(lambda currency: runs.append(currency) or len(runs))
    ann, bob = User(pk=1), User(pk=2)

    def delivered(user, host, currency="EUR"):
        request = request_of(user=user)
        request.META["SERVER_NAME"] = host
        return deliver(request=request, a=lazy(lambda request: rate(currency)))["a"].value

    asked = [(ann, "a.example"), (bob, "a.example"), (ann, "b.example"), (ann, "a.example")]
    assert [delivered(*each) for each in asked] == [1, 2, 3, 1]
    assert delivered(ann, "a.example", "USD") == 4
    assert [rate("EUR"), rate("EUR")] == [5, 6]


def test_a_helper_called_with_none_and_without_an_argument_has_two_cached_values(deliver):
    @cached_for(60, key="sized")
    def get_size(size="default"):
        return size

    def part(request):
        return [get_size(), get_size(size=None), get_size()]

    assert deliver(a=lazy(part))["a"].value == ["default", None, "default"]


def test_a_page_and_a_call_by_hand_do_not_share_a_cached_value(deliver):
    rows = cached_for(60, key="rows")(lambda request: ("ann", "bob"))

    def whole(value):
        return list(value) if isinstance(value, tuple) else value

    def by_hand(request):
        return type(rows(request)).__name__

    for _ in range(2):
        outcomes = deliver(whole=whole, a=lazy(rows), b=lazy(by_hand))
        assert [one.value for one in outcomes.values()] == [["ann", "bob"], "tuple"]
    for _ in range(2):
        outcomes = deliver(whole=whole, b=lazy(by_hand), a=lazy(rows))
        assert [one.value for one in outcomes.values()] == ["tuple", ["ann", "bob"]]


def test_the_fallback_of_a_helper_without_a_request_is_reported_and_not_cached(deliver):
    up = []

    @safe_call(fallback=0)
    def rate(currency):
        if not up:
            raise ConnectionError
        return 11

    part = lazy(cached_for(60, key="price")(lambda request: {"price": rate("EUR")}))
    outcomes = [deliver(a=part)["a"]]
    up.append("again")
    outcomes.append(deliver(a=part)["a"])
    up.clear()
    outcomes.append(deliver(a=part)["a"])
    ends = [(one.status, one.value) for one in outcomes]
    assert ends == [
        (Status.FALLBACK, {"price": 0}),
        (Status.OK, {"price": 11}),
        (Status.OK, {"price": 11}),
    ]


def test_the_fallback_of_a_coroutine_helper_is_not_cached(deliver):
    up = []

    @safe_call(fallback=0)
    async def rate(currency):
        if not up:
            raise ConnectionError
        return 11

    @cached_for(60, key="later")
    async def price(request):
        return {"price": await rate("EUR")}

    values = [deliver(a=lazy(price))["a"].value]
    up.append("again")
    values.append(deliver(a=lazy(price))["a"].value)
    up.clear()
    values.append(deliver(a=lazy(price))["a"].value)
    assert values == [{"price": 0}, {"price": 11}, {"price": 11}]


def test_the_fallback_in_an_awaitable_that_a_plain_function_returns_is_not_cached(request_of):
    up = []

    @safe_call(fallback=0)
    async def rate():
        if not up:
            raise ConnectionError
        return 11

    async def price():
        return {"price": await rate()}

    get = cached_for(60, key="plain")(lambda request: price())
    assert [asyncio.run(get(request_of())) for _ in range(2)] == [{"price": 0}, {"price": 0}]
    up.append("again")
    assert asyncio.run(get(request_of())) == {"price": 11}


def test_callers_in_quick_succession_get_the_renewed_value(request_of):
    runs = []
    get = cached_for(10, stale=600, key="quick")(lambda request: runs.append(1) or len(runs))
    answers = []
    for seconds in range(0, 45, 5):  # closer together than a lease is long
        with mock.patch("time.time", return_value=1000.0 + seconds):
            answers.append(get(request_of()))
    assert answers == [1, 1, 2, 2, 3, 3, 4, 4, 5]


@pytest.mark.parametrize(
    "change",
    [
        lambda request, given: setattr(request, "user", User(pk=2)),
        lambda request, given: translation.activate("de"),
        lambda request, given: timezone.activate("Asia/Tokyo"),
        lambda request, given: given.append(1),
    ],
    ids=["user", "language", "time zone", "argument"],
)
@pytest.mark.parametrize("within", ["a page", "a call by hand"])
def test_what_a_part_changes_counts_for_what_it_calls_next(deliver, request_of, change, within):
    runs, given, request = [], [], request_of(user=User(pk=1))
    get = cached_for(60, key="changes")(lambda request, given: runs.append(1) or len(runs))

    def part(request):
        values = [get(request, given), get(request, given)]
        change(request, given)
        return [*values, get(request, given)]

    with translation.override("en"), timezone.override("UTC"):
        by_hand = within == "a call by hand"
        values = part(request) if by_hand else deliver(a=lazy(part), request=request)["a"].value
    assert values == [1, 1, 2]


def test_a_part_that_asks_as_another_user_shares_no_values_with_its_own(deliver, request_of):
    """The helper is called with another request, which says whom and what it is for."""
    ann, bob = User(pk=1), User(pk=2)
    get = cached_for(60, key="as another")(lambda request: (request.user.pk, request.GET.dict()))
    bare = HttpRequest()
    bare.user = bob

    def part(request):
        others = [request_of("/?a=2", user=bob), request_of("/?a=3", user=ann), bare]
        return [get(one) for one in [*others, request, *others]]

    others = [(2, {"a": "2"}), (1, {"a": "3"}), (2, {})]
    assert deliver(a=lazy(part), request=request_of("/?a=1", user=ann))["a"].value == [
        *others,
        (1, {"a": "1"}),
        *others,
    ]


def test_a_session_that_a_part_begins_tells_the_next_part_apart(deliver, request_of):
    runs = []
    get = cached_for(60, key="cart")(lambda request: runs.append(1) or len(runs))

    def begin(request):
        request.session.session_key = f"session {len(runs)}"

    def delivered():
        outcomes = deliver(a=lazy(get), b=lazy(begin), c=lazy(get), request=request_of())
        return outcomes["a"].value, outcomes["c"].value

    assert [delivered(), delivered()] == [(1, 2), (1, 3)]


def test_functions_of_one_key_share_only_what_is_for_the_same_readers(request_of):
    shared, own = (
        cached_for(60, key="both", per_user=per_user)(partial(lambda told, request: told, per_user))
        for per_user in (False, True)
    )
    assert [get(request_of()) for get in (shared, own, shared)] == [False, True, False]


def test_the_fields_of_a_key_cannot_pass_for_each_other(request_of):
    """Each text that a client sends stands in quotes or brackets."""
    runs = []
    get = cached_for(60, key="fields")(lambda request, *args, **named: runs.append(1) or len(runs))
    calls = [
        partial(get, request_of("/?a=1")),
        partial(get, request_of("/?a=1"), {}),
        partial(get, request_of("/?a=1"), a={}),
        partial(get, request_of("/?a=1"), "{} 'en-us' 'UTC'"),
        partial(get, request_of("/?a=1"), "' []"),
        partial(get, request_of("/?a=1"), "", "[]"),
        partial(get, request_of("/?a=1&b=[]")),
        partial(get, request_of("/?a=%5B%5D%20%7B%7D")),
    ]
    assert [call() for call in [*calls, *calls]] == [1, 2, 3, 4, 5, 6, 7, 8] * 2
