"""
The body of an incremental response: each payload as soon as it is there.

Groups of fields are executed one after another, in the thread of the request, in the surroundings
of the view. Parts are attempted by a :class:`Stream`, which several connections share. A group
runs when the parts that it needs have ended.

The stream tries a pending part again, while its group waits. A thread is not held for ever: when
nothing but pending parts has been left for a while the stream ends, and the groups fail that wait.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from functools import partial
from inspect import isawaitable
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.db import transaction
from django.http import StreamingHttpResponse
from django.utils.cache import patch_cache_control, patch_vary_headers
from graphql import ExecutionResult, GraphQLError, OperationType

from django_partstream._django import atomic_aliases
from django_partstream.carried.surroundings import Surroundings
from django_partstream.delivery import loops
from django_partstream.delivery.streams import Stream
from django_partstream.delivery.workload import Ended
from django_partstream.timed.loans import GRACE
from partstream_graphql._graphql_core import CAN_DEFER
from partstream_graphql.deferral import Deferral, Group, Step
from partstream_graphql.deferring import DeferringExecutor
from partstream_graphql.directives import DEFER
from partstream_graphql.errors import part_pending
from partstream_graphql.executions import Timing, extensions_of
from partstream_graphql.fields import awaited
from partstream_graphql.http.incremental import END, HEARTBEAT, Shape, framed, shape_for
from partstream_graphql.http.operations import Asked, run_operation
from partstream_graphql.selection import Run

#: Headers that the streamed response has of its own.
_OWN_HEADERS = frozenset({"Content-Type", "Content-Length"})


def shape_asked(view: Any, request: Any, asked: Asked) -> Shape | None:
    """The shape in which *view* delivers an operation incrementally; None to deliver it inline."""
    if DEFER not in asked.text or "@" not in asked.text:
        return None
    if view.batch or not view.incremental or not CAN_DEFER:
        return None
    operation = asked.operation
    if operation is None or operation.operation is not OperationType.QUERY:
        return None
    if view.execution_context_class is not None:
        return None
    declared = view.schema.graphql_schema.get_directive(DEFER)
    return None if declared is None else shape_for(request)


class Delivery:
    """
    The payloads of an operation for *request*, in *shape*; *most* fragments are pending at a time.

    Make it in the view, before the operation is executed. *encode* gives the JSON text of a
    payload, and *format_errors* the JSON objects of errors. To *timings* the pages add what their
    parts cost.
    """

    def __init__(
        self,
        request: Any,
        shape: Shape,
        *,
        most: int,
        encode: Callable[[Any], str],
        format_errors: Callable[[list[GraphQLError]], list[Any]],
        timings: list[Timing],
    ) -> None:
        self.deferral = Deferral(most=most)
        self.deferral.attempt = self._attempt
        self.loop = loops.kept_loop()
        self._request, self._shape = request, shape
        self._encode, self._format_errors, self._timings = encode, format_errors, timings
        self._stream = Stream(request, loop=self.loop)
        self._surroundings = Surroundings(request)
        self._atomic = atomic_aliases(request)
        self._promises: dict[Any, Any] = {}
        self._start: Step = Step([], [])
        self._first = ""

    def run(self, operation: Any, execute: Callable[..., Any]) -> ExecutionResult:
        """The result of *execute*, which is given an executor that puts fields off."""
        execute = partial(execute, executor=DeferringExecutor(self.deferral))
        try:
            return run_operation(operation, self._request, execute, self.loop)
        except BaseException:
            self.close()
            raise

    def begin(self, result: ExecutionResult) -> bool:
        """Take the *result* of the operation. Return whether a fragment is pending."""
        if result.data is not None:
            self._start = self.deferral.start(result.data)
        if self._start.announced:
            return True
        self.close()
        return False

    def encoding_first(self, encode: Callable[..., str]) -> Callable[..., str]:
        """*encode* of a request and its response, which makes the response the first payload."""

        def encoded(request: Any, response: dict[str, Any], **options: Any) -> str:
            return encode(request, self._shape.first(response, self._start.announced), **options)

        return encoded

    def respond(self, response: Any) -> StreamingHttpResponse:
        """The streamed response in the place of *response*, whose content is the first payload."""
        self._first = response.content.decode(response.charset)
        body = _AsyncBody(self) if isinstance(self._request, ASGIRequest) else _Body(self)
        streamed = StreamingHttpResponse(body, content_type=self._shape.content_type)
        for name, value in response.items():
            if name not in _OWN_HEADERS:
                streamed[name] = value
        streamed.cookies = response.cookies
        streamed["X-Accel-Buffering"] = "no"
        streamed["Content-Encoding"] = "identity"  # or GZipMiddleware gathers the payloads
        patch_cache_control(streamed, no_store=True, no_transform=True)
        patch_vary_headers(streamed, ["Accept"])
        return streamed

    def close(self) -> None:
        """End all that runs."""
        self._stream.close()
        self.loop.end(timeout=GRACE)

    def payloads(self) -> Iterator[str]:
        """The frames of the response, for a thread."""
        outcomes: Any = iter(self._stream)
        try:
            yield framed(self._first, is_first=True)
            yield from self._at_once()
            while not self.deferral.is_complete:
                group = self.deferral.next_group()
                if group is not None:
                    yield from self._execute(group)
                    continue
                try:
                    ended = next(outcomes)
                except StopIteration:
                    yield from self._give_up()
                    break
                yield from self._settle(ended)
            yield END
        finally:
            outcomes.close()
            self.close()

    async def apayloads(self) -> AsyncIterator[str]:
        """The frames of the response, for an event loop."""
        outcomes: Any = aiter(self._stream)
        try:
            yield framed(self._first, is_first=True)
            for text in await loops.in_request_thread(self._at_once):
                yield text
            while not self.deferral.is_complete:
                group = self.deferral.next_group()
                if group is not None:
                    for text in await loops.in_request_thread(self._execute, group):
                        yield text
                    continue
                try:
                    ended = await anext(outcomes)
                except StopAsyncIteration:
                    for text in await loops.in_request_thread(self._give_up):
                        yield text
                    break
                for text in self._settle(ended):
                    yield text
            yield END
        except TypeError as exc:  # Django would take it for an iterator of the other kind
            raise RuntimeError("A payload could not be encoded.") from exc
        finally:
            await outcomes.aclose()

    def _attempt(self, promise: Any, attempts: list[Any], concurrency: int) -> None:
        self._promises.update(dict.fromkeys(attempts, promise))
        self._stream.add(attempts, concurrency=concurrency)

    def _settle(self, ended: Ended | None) -> list[str]:
        """Take the end of a part. Return a heartbeat where the connection has been silent."""
        if ended is None:
            return [framed(self._encode(HEARTBEAT))]
        if ended.outcome.pending is not None:  # the stream tries it again
            return []
        self._promises.pop(ended.attempt).arrived(ended.attempt, ended.outcome)
        return []

    def _at_once(self) -> list[str]:
        """The payload of the fragments that have no fields of their own."""
        return self._surroundings.call(self._within, self._completed)

    def _execute(self, group: Group) -> list[str]:
        """The payload that follows from *group*, and the groups after it; none without news."""
        return self._surroundings.call(self._within, self._executed, group)

    def _give_up(self) -> list[str]:
        """The payloads of the groups whose parts have not ended: their fragments have failed."""
        return self._surroundings.call(self._within, self._given_up)

    def _within(self, make: Callable[..., list[str]], *args: Any) -> list[str]:
        """Call *make* in a transaction of its own, where the view had one for its request."""
        with ExitStack() as entered:
            entered.enter_context(self._surroundings.entered())
            entered.enter_context(self.loop)
            for alias in self._atomic:
                entered.enter_context(transaction.atomic(using=alias))
            return make(*args)

    def _completed(self) -> list[str]:
        return self._payload(self.deferral.completed())

    def _executed(self, group: Group | None) -> list[str]:
        """Execute groups, up to the first after which there is something to send."""
        texts: list[str] = []
        while group is not None and not texts:
            result = self.deferral.run(group)
            if isawaitable(result):
                result = loops.run(awaited, result)
            group.timings += self._timings
            self._timings.clear()
            errors = self._format_errors(result.errors) if result.errors else []
            texts = self._payload(self.deferral.finished(group, result.data, errors))
            group = None if texts else self.deferral.next_group()
        return texts

    def _given_up(self) -> list[str]:
        texts = []
        pending = [self._promises[each].runs[each] for each in self._stream.pending]
        while (group := self.deferral.next_group(waits=False)) is not None:
            errors = self._format_errors([_unfinished(group, pending)])
            texts += self._payload(self.deferral.finished(group, None, errors))
        return texts

    def _payload(self, step: Step) -> list[str]:
        has_next = not self.deferral.is_complete
        if has_next and not step.announced and not step.sent:
            return []
        payload = self._shape.next(step, has_next=has_next)
        groups = (group for sent in step.sent for group in sent.fragment.groups)
        if timings := [timing for group in groups for timing in group.take_timings()]:
            payload["extensions"] = extensions_of(timings)
        return [framed(self._encode(payload))]


def _unfinished(group: Group, pending: list[Run]) -> GraphQLError:
    """The error of a *group* whose parts have not ended; they may be among *pending* runs."""
    if any(run is each for run in group.needs for each in pending):
        return part_pending(group.keys)
    return GraphQLError("The parts of a fragment did not end.", path=group.keys)


class _Body:
    """The body for a WSGI server. It may be closed before it was begun."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._payloads: Any = delivery.payloads()

    def __iter__(self) -> Iterator[str]:
        return self._payloads  # type: ignore[no-any-return]

    def close(self) -> None:
        """End all that runs."""
        self._payloads.close()
        self._delivery.close()


class _AsyncBody:
    """The body for an ASGI server."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    def __aiter__(self) -> AsyncIterator[str]:
        return self._delivery.apayloads()
