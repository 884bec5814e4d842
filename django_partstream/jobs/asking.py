"""
A part asks for the value of a background function.

The part notes what is to be asked for, and the attempt asks when the savepoints of the part have
ended. In a transaction the engine is asked on commit, so that the worker sees what was written.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from django.db import transaction

from django_partstream.databases import open_transactions
from django_partstream.delivery.attempts import Attempt
from django_partstream.exceptions import (
    BackgroundFailed,
    BackgroundTimeout,
    PartPending,
    PartTimeout,
)
from django_partstream.failures import Failure, failure_of, text_of
from django_partstream.jobs import engine, states
from django_partstream.jobs.messages import Message
from django_partstream.jobs.places import Place
from django_partstream.jobs.states import Deadly, Failed, Kept, Underway
from django_partstream.telemetry import carried
from django_partstream.tenancy import capture

if TYPE_CHECKING:
    from django_partstream.jobs.functions import Background

logger = logging.getLogger("django_partstream")


def take(
    function: Background[..., Any],
    attempt: Attempt,
    args: Sequence[Any],
    kwargs: dict[str, Any],
) -> Any:
    """
    The value of *function* for these arguments, for the part of *attempt*.

    Raises:
        PartPending: it is being computed, or will be asked for.
        PartTimeout: it takes longer than its limit.
        BackgroundFailed: it could not be computed.
        TypeError: an argument has no JSON form.
    """
    tenant = capture(attempt.scope.request)
    tenant = attempt.scope.tenant if tenant is None else tenant
    message = Message.of(function.path, args, kwargs, tenant=tenant)
    job = Job(message, place_of(function, message), function.queue)
    state = job.place.look()
    if state is None or (isinstance(state, Underway) and engine.works_at_once()):
        waited = time.time() - attempt.scope.first_owed(attempt.name)
        attempt.asks.append(partial(job.ask, attempt.scope.request, waited))
        raise PartPending(function.path, limit=function.limit)
    return job.answer(state)


def place_of(function: Background[..., Any], message: Message) -> Place:
    """The place of the job of *message*, which calls *function*."""
    return Place.of(
        function.path,
        message.key,
        alias=function.cache,
        keep=function.keep,
        limit=function.limit,
    )


@dataclass(frozen=True, slots=True)
class Job:
    """A call of a background function: its *message*, *queue*, and the *place* of its value."""

    message: Message
    place: Place
    queue: str | None

    def answer(self, state: Kept | Failed | Underway | Deadly) -> Any:
        """
        The value in *state*.

        Raises:
            PartPending: it has none yet.
            PartTimeout: the work takes longer than its limit.
            BackgroundFailed: it will have none.
        """
        if isinstance(state, Kept):
            return state.value
        if isinstance(state, Underway):
            raise self._wait(state)
        failure = state.failure if isinstance(state, Failed) else self._bury()
        raise BackgroundFailed(self.message.function, failure)

    def _wait(self, state: Underway) -> PartPending | PartTimeout:
        """The wait for the work in *state*, or the refusal to wait for work that hangs."""
        function, limit = self.message.function, self.place.limit
        if state.age > limit:
            return BackgroundTimeout(function, limit, begun=state.begun)
        return PartPending(
            function, age=state.age, limit=limit, progress=state.progress, begun=state.begun
        )

    def ask(self, request: Any, waited: float) -> bool:
        """
        Ask an engine for the work, on commit if a transaction is open.

        *waited* is the time for which the reader has waited already, in seconds. Return whether the
        work may be done, or refused, already.
        """
        send = partial(self._send, request, waited, carried())
        waits_for = [] if engine.works_in_transactions() else open_transactions()
        if not waits_for:
            send()
            return True
        for connection in waits_for:
            send = partial(transaction.on_commit, send, using=connection.alias, robust=True)
        send()
        return False

    def _send(self, request: Any, waited: float, trace: Mapping[str, str]) -> None:
        """Have an engine take the message, unless another reader has asked. Never raises."""
        try:
            if self.place.claim() or engine.works_at_once():
                if waited > states.LEASE:
                    self._warn(waited)
                self._hand_over(request, trace)
        except Exception:  # the part will fail by itself when it looks again
            logger.exception("The cache did not answer for %s.", self.message.function)

    def _hand_over(self, request: Any, trace: Mapping[str, str]) -> None:
        told = {"trace": trace} if trace else {}
        try:
            engine.enqueue({**self.message.as_json(), **told}, request)
        except Exception as exc:  # noqa: BLE001 - an engine raises the errors of its broker
            failure = Failure(
                retryable=failure_of(exc).retryable, reference=token_hex(4), text=text_of(exc)
            )
            _log("was not taken by its engine", self.message, failure, exc)
            self.place.refuse(failure)

    def _warn(self, waited: float) -> None:
        logger.warning(
            "Background work %s is asked for again: a reader has waited for %.0f s, and no worker "
            "is at work on it. Do workers run, and listen to the queue %r?",
            self.message.function,
            waited,
            self.queue or "default",
            extra={"function": self.message.function, "seconds": waited},
        )

    def _bury(self) -> Failure:
        text = f"{self.message.function} has ended its worker each of {states.DEATHS} times."
        failure = Failure(reference=token_hex(4), text=text)
        _log("has ended its worker each time", self.message, failure, None)
        self.place.bury(failure)
        return failure


def _log(problem: str, message: Message, failure: Failure, exc: Exception | None) -> None:
    logger.error(
        "Background work %s %s [%s].",
        message.function,
        problem,
        failure.reference,
        exc_info=exc,
        extra={
            "function": message.function,
            "error_code": failure.code,
            "reference": failure.reference,
        },
    )
