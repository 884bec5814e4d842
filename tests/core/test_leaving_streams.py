"""A client that leaves a stream costs nothing more: what runs is cancelled, nothing else begins."""

import asyncio
import gc
import socket
import ssl
import threading
from itertools import count

import pytest

from django_partstream import cached_for, lazy, safe_call, with_timeout
from django_partstream.delivery import streams
from django_partstream.delivery.coroutines import HelperPlace, ServerPlace
from django_partstream.delivery.watching import has_hung_up, socket_watch
from django_partstream.exceptions import PartTimeout
from django_partstream.timed import deadlines
from django_partstream.timed.calls import abandoned_calls
from django_partstream.timed.deadlines import until_late
from tests.core.streaming import Gate, wait_for_the_pool
from tests.core.test_loans import wait_for_late_calls

pytestmark = pytest.mark.usefixtures("_nothing_is_left")


def test_nothing_more_is_begun(stream_of, left, heard):
    gate, begun = Gate(), []
    left(
        lambda: stream_of(
            a=lazy(gate), b=lazy(lambda request: begun.append("b")), c=lazy(begun.append)
        ),
        gate.begun.is_set,
    )
    gate.opened.set()
    assert gate.ended.wait(30)
    wait_for_the_pool()
    assert begun == heard == []


def test_a_coroutine_is_cancelled_and_awaited(stream_of, left, heard):
    seen = []

    async def part(request):
        seen.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            seen.append("cleaned up")

    left(lambda: stream_of(a=lazy(part), b=lazy(safe_call(part))), lambda: len(seen) == 2)
    assert seen == ["begun"] * 2 + ["cleaned up"] * 2
    assert heard == []


def test_an_awaitable_that_a_part_leaves_as_the_stream_ends_begins_no_loop(
    stream_of, monkeypatch, recwarn
):
    begin, left, begun = HelperPlace.begin, threading.Event(), threading.Event()

    def begin_late(place, make):
        stream.close()
        assert left.wait(30)
        begin(place, make)
        begun.set()

    monkeypatch.setattr(HelperPlace, "begin", begin_late)
    stream = stream_of(a=lazy(lambda request: asyncio.sleep(60)))
    assert list(stream) == []
    left.set()
    assert begun.wait(30)
    gc.collect()
    assert list(recwarn) == []


def test_an_awaitable_that_a_part_leaves_as_the_stream_ends_begins_no_task(
    stream_of, monkeypatch, recwarn
):
    begin, tasks = ServerPlace._begin, []

    async def main():
        begun = asyncio.Event()

        def begin_late(place, make):
            place.cancel()
            begin(place, make)
            tasks.extend(place._tasks)
            begun.set()

        monkeypatch.setattr(ServerPlace, "_begin", begin_late)
        parts = aiter(stream_of(a=lazy(lambda request: asyncio.sleep(60))))
        waiting = asyncio.ensure_future(anext(parts))
        await begun.wait()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(main())
    gc.collect()
    assert tasks == list(recwarn) == []


def test_a_timed_call_in_progress_ends_with_the_stream(stream_of, left, heard):
    gate, ended = Gate(), threading.Event()

    def part(request):
        try:
            with_timeout(gate, 3600)(request)
        finally:
            ended.set()

    left(lambda: stream_of(a=lazy(part), b=lazy(with_timeout(gate, 3600))), gate.begun.is_set)
    assert ended.wait(5)
    gate.opened.set()
    wait_for_late_calls()
    assert abandoned_calls() == 0
    assert heard == []


def test_a_timed_call_that_is_made_after_the_stream_has_ended_is_refused(stream_of, left):
    gate, called = Gate(), []

    def part(request):
        gate(request)
        with_timeout(called.append, 3600)(request)

    left(lambda: stream_of(a=lazy(part)), gate.begun.is_set)
    gate.opened.set()
    wait_for_the_pool()
    assert called == []


def test_a_wait_for_a_cached_value_that_another_caller_computes_ends(stream_of, left, monkeypatch):
    gate, waits, ended = Gate(), threading.Event(), threading.Event()
    check, computed = deadlines.check_deadline, []

    def checked():
        waits.set()
        try:
            check()
        except PartTimeout:
            ended.set()
            raise

    @cached_for(60, per_user=False, key="awaited")
    def cached(request):
        computed.append(request)
        gate(request)

    monkeypatch.setattr(deadlines, "check_deadline", checked)
    first = stream_of(a=lazy(cached))
    consumer = threading.Thread(target=list, args=(first,))
    consumer.start()
    assert gate.begun.wait(30)
    left(lambda: stream_of(a=lazy(cached)), waits.is_set)
    assert ended.wait(10)
    gate.opened.set()
    consumer.join(30)
    assert len(computed) == 1


def test_the_awaitable_that_a_part_left_when_the_stream_had_ended_is_closed(
    stream_of, left, recwarn
):
    gate = Gate()

    async def rest():
        raise NotImplementedError

    def part(request):
        gate(request)
        return rest()

    left(lambda: stream_of(a=lazy(part)), gate.begun.is_set)
    gate.opened.set()
    wait_for_the_pool()
    gc.collect()
    assert [each for each in recwarn if "never awaited" in str(each.message)] == []


def test_an_endless_generator_is_drained_no_further(stream_of, left):
    begun, ended = threading.Event(), threading.Event()

    def whole(value):
        begun.set()
        try:
            return list(until_late(map(str, count())) if value else ())
        finally:
            ended.set()

    left(lambda: stream_of(whole=whole, a=lazy(lambda request: True)), begun.is_set)
    assert ended.wait(10)


def test_a_stream_that_was_never_iterated_leaves_nothing(stream_of):
    stream = stream_of(a=lazy(abs))
    stream.close()
    assert list(stream) == []


def test_a_stream_that_is_closed_from_another_thread_ends(stream_of):
    gate, made = Gate(), stream_of
    stream = made(a=lazy(gate))
    closer = threading.Thread(target=lambda: gate.begun.wait(30) and stream.close())
    closer.start()
    assert list(stream) == []
    closer.join()
    gate.opened.set()
    assert gate.ended.wait(30)


def test_a_task_that_is_cancelled_ends_its_stream(stream_of):
    seen = []

    async def part(request):
        seen.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cancelled")

    async def main():
        begun = asyncio.Event()

        async def consume():
            iterator = aiter(stream_of(a=lazy(part), b=1))
            try:
                async for _ in iterator:
                    begun.set()
            finally:
                await iterator.aclose()

        task = asyncio.create_task(consume())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == ["begun", "cancelled"]


class TestWatches:
    @pytest.fixture
    def pair(self):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            yield ours, theirs

    def test_a_client_that_has_closed_is_gone_and_one_that_waits_or_sends_is_not(self, pair):
        ours, theirs = pair
        assert not has_hung_up(ours)
        theirs.send(b"GET /next HTTP/1.1")
        assert not has_hung_up(ours)
        assert ours.recv(100) == b"GET /next HTTP/1.1"
        theirs.close()
        assert has_hung_up(ours)

    def test_a_socket_that_the_server_has_closed_is_gone(self, pair):
        pair[0].close()
        assert has_hung_up(pair[0])

    def test_the_socket_of_gunicorn_is_watched_and_under_tls_it_is_not(self, pair, request_of):
        request = request_of()
        assert socket_watch(request) is None
        request.META["gunicorn.socket"] = pair[0]
        assert socket_watch(request)() is False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with context.wrap_socket(
            pair[0], do_handshake_on_connect=False, server_hostname="x"
        ) as encrypted:
            request.META["gunicorn.socket"] = encrypted
            assert socket_watch(request) is None

    def test_a_stream_ends_when_its_client_has_closed_the_socket(
        self, pair, stream_of, request_of, monkeypatch
    ):
        monkeypatch.setattr(streams, "LOOK", 0.01)
        gate, request = Gate(), request_of()
        request.META["gunicorn.socket"] = pair[0]

        def close(request):
            pair[1].close()
            gate(request)

        assert list(stream_of(request=request, a=lazy(close))) == []
        gate.opened.set()
        assert gate.ended.wait(30)
