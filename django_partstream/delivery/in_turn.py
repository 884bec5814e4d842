"""The parts of a stream inside a transaction: one after another, in the thread of the request."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.backends.base.base import BaseDatabaseWrapper

from django_partstream.databases import open_transactions
from django_partstream.delivery import steps
from django_partstream.delivery.attempts import Attempt
from django_partstream.delivery.workload import Workload


def advance_in_turn(work: Workload) -> bool:
    """
    Run the next attempt of *work* in this thread, in the transactions that are open in it.

    Return whether the outcome of an attempt is to come.
    """
    attempt = work.admit_one()
    if attempt is not None:
        work.surroundings.call(_run, work, attempt, open_transactions())
    return work.goes_on


def _run(work: Workload, attempt: Attempt, transactions: Sequence[BaseDatabaseWrapper]) -> None:
    with work.surroundings.entered(lent={each.alias for each in transactions}):
        outcome = steps.run_undoable(attempt, transactions)
        steps.tell(attempt, outcome, work.put)
