"""A plain part of a stream in a thread of the pool, and the turn that it takes there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeAlias

from django.db import transaction

from django_partstream.carried.surroundings import Surroundings
from django_partstream.delivery import steps
from django_partstream.delivery.attempts import Attempt
from django_partstream.delivery.steps import Rest
from django_partstream.outcomes import Outcome
from django_partstream.timed.deadlines import Departure, ending_with
from django_partstream.timed.loans import CallConnections
from django_partstream.timed.revocable import Revoked

#: The end of a turn: an outcome, the rest of the part, or the exit that the part raised; None if
#: the stream ended before the part began.
End: TypeAlias = Outcome | Rest | BaseException | None


class Turn:
    """
    A turn of the plain *attempt* in the pool, on connections that can be revoked.

    The part runs in a transaction on each of the databases *atomic*, undone if it fails. *ended*
    is called with the end of the turn when its connections are given back.
    """

    def __init__(
        self,
        attempt: Attempt,
        surroundings: Surroundings,
        departure: Departure,
        *,
        atomic: Sequence[str],
        ended: Callable[[Turn, End], None],
    ) -> None:
        self.attempt = attempt
        self.connections = CallConnections(lent=False)
        self._surroundings, self._departure = surroundings, departure
        self._atomic, self._ended = atomic, ended

    def __call__(self) -> None:
        """Run the part in this thread, of the pool."""
        end: End = None
        try:
            with self.connections.in_use():
                end = self._surroundings.call(self._run)
        except Revoked:  # before it began
            pass
        except Exception as exc:  # noqa: BLE001 - no exception of a part escapes
            end = self.attempt.raised(exc)
        except BaseException as exc:  # noqa: BLE001 - raised in the thread of the request
            end = exc
        self._ended(self, end)

    def _run(self) -> End:
        with ending_with(self._departure):
            end = steps.begin(self.attempt, self._enter)
            if isinstance(end, Outcome):
                steps.tell(self.attempt, end, _told_later, self._surroundings.entered)
            return end

    @contextmanager
    def _enter(self) -> Iterator[None]:
        with self._surroundings.entered(), ExitStack() as transactions:
            for alias in self._atomic:
                transactions.enter_context(transaction.atomic(using=alias))
            yield


def _told_later(attempt: Attempt, outcome: Outcome) -> None:
    """Tell nothing: the turn ends when its connections are given back."""
