"""Work that pages must not repeat, checked by counting calls."""

from unittest import mock

import jwt
import pytest
from django.test import override_settings

from django_partstream import cached_for, cursors, lazy, safe_call
from django_partstream.caching import cached
from django_partstream.cursors import Cursor
from django_partstream.delivery import attempts

HERE = Cursor(after="a", position=0)


def walked():
    """Issue a cursor and follow it, as two pages do."""
    token = cursors.write(HERE, audience=["view"], ttl=60)
    assert cursors.read(token).is_for(["view"])


@pytest.fixture
def derived():
    """A function that returns how often a key was derived."""
    cursors._key.cache_clear()
    with mock.patch.object(cursors, "salted_hmac", wraps=cursors.salted_hmac) as deriving:
        yield lambda: deriving.call_count


def test_the_key_of_cursors_is_derived_once_for_each_secret(derived):
    for _ in range(5):
        walked()
    assert derived() == 1
    with override_settings(SECRET_KEY="another-" + "k" * 50):
        walked()
    walked()
    assert derived() == 2


def test_the_key_of_cursors_is_not_searched_for_pem_and_ssh_keys():
    with (
        mock.patch("jwt.algorithms.is_pem_format") as pem,
        mock.patch("jwt.algorithms.is_ssh_key") as ssh,
    ):
        walked()
    assert not pem.called
    assert not ssh.called


def test_pyjwt_reads_a_cursor_with_the_key_that_signed_it():
    token = cursors.write(HERE, audience=["view"], ttl=60)
    key = cursors.read(token).key
    assert jwt.decode(token, key, algorithms=["HS256"])["p"] == "a"
    forged = jwt.encode({"v": 1, "p": "a", "n": 0, "k": "", "exp": 9e9}, b"k" * 32)
    with pytest.raises(cursors.CursorInvalid):
        cursors.read(forged)


GUARDS = [(), (safe_call,), (safe_call, cached_for(60, key="once"), safe_call)]


def guarded(part, guards):
    for guard in guards:
        part = guard(part)
    return lazy(part)


@pytest.mark.parametrize("guards", GUARDS, ids=len)
def test_the_value_of_a_coroutine_is_made_whole_once_in_one_hop_to_a_thread(deliver, guards):
    async def part(request):
        return [1]

    whole = mock.Mock(side_effect=list)
    with mock.patch.object(attempts, "in_request_thread", wraps=attempts.in_request_thread) as hop:
        assert deliver(whole=whole, a=guarded(part, guards))["a"].value == [1]
    assert whole.call_count == 1
    assert hop.call_count == 1


@pytest.mark.parametrize("guards", GUARDS, ids=len)
def test_the_value_of_a_function_is_made_whole_once(deliver, guards):
    whole = mock.Mock(side_effect=list)
    assert deliver(whole=whole, a=guarded(lambda request: [1], guards))["a"].value == [1]
    assert whole.call_count == 1


def test_a_coroutine_finds_its_value_in_the_cache_in_one_hop_to_a_thread(deliver):
    @cached_for(60, key="a hop")
    async def part(request):
        return [1]

    hops, hop = [], cached.in_request_thread

    async def counted(func, *args):
        hops.append(func)
        return await hop(func, *args)

    with mock.patch.object(cached, "in_request_thread", counted):
        for _ in range(2):
            hops.clear()
            assert deliver(a=lazy(part))["a"].value == [1]
    assert len(hops) == 1


def test_a_value_from_the_cache_is_not_made_whole_again(deliver):
    part, whole = guarded(lambda request: [1], GUARDS[-1]), mock.Mock(side_effect=list)
    assert [deliver(whole=whole, a=part)["a"].value for _ in range(3)] == [[1]] * 3
    assert whole.call_count == 1
