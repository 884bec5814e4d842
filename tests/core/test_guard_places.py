"""Guards under decorators, in partials, and on helpers without a request."""

import threading
from functools import partial, wraps
from types import SimpleNamespace

import pytest
from django.core.exceptions import PermissionDenied

from django_partstream import cached_for, lazy, safe_call, with_timeout
from django_partstream.guards import guard
from django_partstream.outcomes import Status


@pytest.mark.parametrize(
    "guarded_by",
    [cached_for(60, key="under"), safe_call(fallback=[]), with_timeout(30)],
    ids=["cached_for", "safe_call", "with_timeout"],
)
def test_a_plain_decorator_above_a_guard_gets_the_functions_return_value(deliver, guarded_by):
    def name_of_first(func):
        @wraps(func)
        def inner(*args, **kwargs):
            return func(*args, **kwargs)[0].name

        return inner

    def part(request):
        return [SimpleNamespace(name="ann")]

    decorated = lazy(name_of_first(guarded_by(part)))
    for _ in range(2):
        outcome = deliver(whole=str, a=decorated)["a"]
        assert (outcome.status, outcome.value) == (Status.OK, "ann")


def test_safe_call_inside_a_partial_covers_the_evaluation_of_the_value(deliver):
    def whole(value):
        raise ValueError("the query of a query set")

    guarded = partial(partial(safe_call(lambda request: "rows", fallback=None)))
    assert deliver(whole=whole, a=lazy(guarded))["a"].status is Status.FALLBACK


def test_a_guard_may_call_its_function_twice_and_the_guards_inside_cover_both_calls(deliver):
    threads = []

    def twice(call):
        call()
        return call()

    def whole(value):
        threads.append(threading.current_thread().name)
        return value

    guarded = guard(with_timeout(lambda request: object(), 30), twice)
    assert deliver(whole=whole, a=lazy(guarded))["a"].status is Status.OK
    assert threads == ["partstream-timed", "partstream-timed"]


@pytest.mark.parametrize(
    "fallback", [(n for n in ()), {"lock": threading.Lock()}], ids=["generator", "lock"]
)
def test_safe_call_refuses_a_fallback_that_cannot_be_copied(fallback):
    with pytest.raises(TypeError):
        safe_call(fallback=fallback)
    with pytest.raises(TypeError):
        safe_call(lambda request: 1, fallback=fallback)


def test_permission_denied_in_a_helper_without_a_request_denies_the_part(deliver):
    @safe_call(fallback=[])
    def secret(currency):
        raise PermissionDenied

    outcome = deliver(a=lazy(lambda request: {"secret": secret("EUR")}))["a"]
    assert (outcome.status, outcome.value) == (Status.DENIED, None)
