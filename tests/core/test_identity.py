"""The identity of readers: every kind of user, and every way to pass a request."""

import logging
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.utils.functional import SimpleLazyObject

from django_partstream import cached_for, lazy, safe_call
from django_partstream.delivery.attempts import current_attempt
from django_partstream.endpoints import Endpoint
from django_partstream.identity import (
    audience_identity,
    cache_identity,
    is_identified,
    is_personal,
    user_identity,
)
from django_partstream.outcomes import Status


class Account:
    """A user that is no model instance, as token authentication makes them."""

    is_authenticated = True

    def __init__(self, **names):
        vars(self).update(names)


@pytest.fixture
def get():
    """A cached function that returns how often it ran."""
    runs = []
    return cached_for(60, key="counted")(lambda request, *args: runs.append(1) or len(runs))


@pytest.mark.parametrize(
    "made", [lambda name: Account(username=name), lambda name: User(username=name)]
)
def test_users_without_a_primary_key_are_told_apart_by_name(request_of, get, made):
    ann, bob = request_of(user=made("ann")), request_of(user=made("bob"))
    assert [get(one) for one in (ann, bob, ann, bob, request_of())] == [1, 2, 1, 2, 3]
    assert user_identity(ann) != user_identity(bob)


def test_a_user_name_is_never_mistaken_for_a_primary_key(request_of):
    ask = lambda **names: user_identity(request_of(user=Account(**names)))  # noqa: E731
    identities = [ask(pk="1"), ask(username="1"), ask(pk="2"), ask()]
    assert len({tuple(one) for one in identities}) == 4


def test_a_value_for_a_user_without_key_and_name_is_not_cached_and_logged_once(
    request_of, get, caplog
):
    assert [get(request_of(user=Account())) for _ in range(3)] == [1, 2, 3]
    assert caplog.text.count("not cached: a Account has no primary key or name") == 1
    assert is_identified(request_of(user=Account()))


def test_a_session_or_credentials_tell_nameless_users_apart(request_of, get):
    answers = []
    for session_key, auth in [("s1", None), ("s2", None), (None, "t1"), (None, "t2"), ("s1", None)]:
        request = request_of(user=Account())
        request.session, request.auth = SimpleNamespace(session_key=session_key), auth
        answers.append(get(request))
    assert answers == [1, 2, 3, 4, 1]


@pytest.mark.parametrize(
    ("attributes", "personal"),
    [
        ({}, False),
        ({"user": Account()}, True),
        ({"user": SimpleNamespace(is_authenticated=False)}, False),
        ({"session": SimpleNamespace(session_key=None), "auth": None}, False),
        ({"session": SimpleNamespace(session_key="s")}, True),
        ({"auth": "key"}, True),
    ],
)
def test_a_reader_with_user_session_or_credentials_has_personal_pages(
    request_of, attributes, personal
):
    request = request_of()
    vars(request).update(attributes)
    assert is_personal(request) is personal
    assert is_personal(attributes) is personal  # as the context of a GraphQL execution


def test_a_session_is_asked_before_a_user_that_is_read_from_the_database(request_of):
    def load():
        raise AssertionError("the user was loaded")

    request = request_of()
    request.user, request.session = SimpleLazyObject(load), SimpleNamespace(session_key="s")
    assert is_personal(request)


def credentials(request_of, auth, *, user=None, session_key=None):
    request = request_of(user=user)
    request.session, request.auth = SimpleNamespace(session_key=session_key), auth
    return request


def endpoint(request, reader=None):
    return Endpoint(SimpleNamespace(), request, address=[], reader=reader)


class TestAudience:
    def of(self, request_of, auth, owner=None, **options):
        return audience_identity(credentials(request_of, auth, **options), owner)

    def test_credentials_without_a_user_bind_a_cursor_by_a_digest(self, request_of):
        ann, bob = [self.of(request_of, {"key": name}) for name in ("ann", "bob")]
        assert ann != bob
        assert ann == self.of(request_of, {"key": "ann"})
        assert "ann" not in repr(ann)

    def test_a_cursor_of_a_user_outlives_the_refresh_of_a_token(self, request_of):
        user = User(pk=1)
        assert self.of(request_of, "old", user=user) == self.of(request_of, "new", user=user)
        assert self.of(request_of, object(), user=user) == user_identity(request_of(user=user))

    def test_a_session_never_binds_a_cursor(self, request_of):
        for user in (None, Account()):
            without = self.of(request_of, None, user=user)
            assert self.of(request_of, None, user=user, session_key="s1") == without

    def test_credentials_tell_nameless_users_apart(self, request_of):
        tokens = [self.of(request_of, auth, user=Account()) for auth in ("t1", "t2")]
        assert tokens[0] != tokens[1]

    def test_credentials_without_a_stable_text_need_an_identity_of_the_view(self, request_of):
        with pytest.raises(TypeError, match=r"a object, .* define cache_identity\(request\)"):
            self.of(request_of, object())
        owner = SimpleNamespace(cache_identity=lambda request: ["key", 7])
        assert self.of(request_of, object(), owner) == ["identity", ["key", 7]]

    def test_a_value_for_credentials_without_a_stable_text_is_not_cached(self, request_of, caplog):
        runs = []
        get = cached_for(60, key="by object")(lambda request: runs.append(1) or len(runs))
        asked = [get(credentials(request_of, object())) for _ in range(2)]
        assert asked == [1, 2]
        assert "define cache_identity(request)" in caplog.text

    @pytest.mark.parametrize("name", ["session", "auth"])
    def test_a_context_with_an_anonymous_user_has_the_credentials_of_its_request(
        self, request_of, get, name
    ):
        values = [SimpleNamespace(session_key=key) for key in "ab"] if name == "session" else "ab"
        asked, personal = [], []
        for value in values:
            request = request_of()
            setattr(request, name, value)
            context = {"request": request, "user": AnonymousUser()}
            asked.append(get(SimpleNamespace(context=context)))
            personal.append(endpoint(request, context).is_personal)
        assert (asked, personal) == ([1, 2], [True, True])

    def test_a_request_with_nothing_to_tell_it_apart_is_not_personal(self, request_of):
        requests = [
            request_of(),
            credentials(request_of, "key"),
            credentials(request_of, None, session_key="s"),
        ]
        assert [is_identified(one) for one in requests] == [False, True, False]
        assert [endpoint(one).is_personal for one in requests] == [False, True, True]


def test_a_request_that_a_middleware_gave_a_context_is_still_the_request(request_of, get):
    request = request_of()
    request.context = {"trace": 1}
    assert [get(request), get(request), get(request_of())] == [1, 1, 1]


def test_a_request_passed_by_keyword_is_still_the_request(request_of):
    runs = []
    get = cached_for(60, key="by keyword")(lambda request: runs.append(1) or len(runs))
    ann, bob = request_of(user=User(pk=1)), request_of(user=User(pk=2))
    assert [get(request=one) for one in (ann, ann, bob, ann)] == [1, 1, 2, 1]


def test_a_call_by_hand_inside_a_part_records_no_fallback(deliver, caplog):
    @safe_call(fallback=[])
    def get_orders(request):
        raise ValueError

    caught = []

    def part(request):
        value = get_orders(None)
        caught.extend(current_attempt().caught)
        return value

    outcome = deliver(a=lazy(part))["a"]
    assert (outcome.status, outcome.value, caught) == (Status.OK, [], [])
    levels = [one.levelno for one in caplog.records if one.name == "django_partstream"]
    assert levels == [logging.WARNING]


def test_a_binary_key_is_told_by_its_bytes():
    """The text of a memoryview is an address, which another user may have next."""
    ann, also_ann, bob = (SimpleNamespace(pk=memoryview(key)) for key in (b"a", b"a", b"b"))
    identities = [cache_identity(SimpleNamespace(user=user)) for user in (ann, also_ann, bob)]
    assert identities[0] == identities[1] != identities[2]
