"""The ``info`` of a resolver brings the request to a guard, also in a call by hand."""

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import RequestFactory

import partstream_graphql  # noqa: F401 - the front registers its askers when it is imported
from django_partstream import cached_for, safe_call
from django_partstream.identity import Asked

ANN, BOB = User(pk=1), User(pk=2)


def request_of(user=None):
    request = RequestFactory().get("/")
    request.user = user or AnonymousUser()
    return request


def info_of(user=None):
    return SimpleNamespace(context=request_of(user))


@pytest.fixture
def get():
    """A cached resolver that returns the number of its run."""
    runs = []
    return cached_for(60, key="counted")(lambda root, info: runs.append(1) or len(runs))


def test_an_info_is_the_asker_behind_the_root_of_a_resolver():
    info = info_of()
    asked = Asked.of((7, info, 1), {})
    assert (asked.owners, asked.asker, asked.rest, asked.by_hand) == ((7,), info, (1,), False)


def test_the_root_value_of_a_resolver_is_part_of_the_cache_key():
    class Resolver:
        @staticmethod
        @cached_for(60)
        def number(root, info):
            return root

    info = info_of()
    assert [Resolver.number(root, info) for root in (1, 2, 1)] == [1, 2, 1]


@pytest.mark.parametrize(
    "context",
    [
        lambda user: request_of(user),
        lambda user: {"request": request_of(user)},
        lambda user: SimpleNamespace(request=request_of(user)),
        lambda user: {"request": request_of(), "user": user},
        lambda user: SimpleNamespace(request=request_of(), user=user),
        lambda user: {"user": user},
    ],
    ids=["request", "mapping", "object", "own user in a mapping", "own user", "no request"],
)
def test_the_user_of_any_context_is_part_of_the_cache_key(get, context):
    infos = [SimpleNamespace(context=context(user)) for user in (ANN, BOB, ANN)]
    assert [get(None, info) for info in infos] == [1, 2, 1]


def test_an_info_without_context_is_the_asker_too(get):
    info = SimpleNamespace(context=None)
    assert [get(None, info) for _ in range(2)] == [1, 1]


def test_invalidate_for_an_info_drops_the_values_of_its_reader(get):
    assert [get(None, info_of(user)) for user in (ANN, BOB)] == [1, 2]
    get.invalidate(info_of(ANN))
    assert [get(None, info_of(user)) for user in (ANN, BOB)] == [3, 2]


def test_a_guard_called_by_hand_with_an_info_returns_its_fallback():
    def fail(root, info):
        raise ValueError

    assert safe_call(fail, fallback=0)(None, info_of()) == 0
