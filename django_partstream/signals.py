"""Signals for metrics and tracing."""

from __future__ import annotations

from django.dispatch import Signal

__all__ = ["part_resolved"]

#: Sent when a part of a page has ended, with ``sender`` (the view or connection class), ``name``,
#: ``status`` (a :class:`~.outcomes.Status`), ``seconds`` (a float, wall clock), ``cost`` (a
#: :class:`~.costs.Cost`), ``error`` (a :class:`~.outcomes.PartError`, or None) and ``request``. It
#: is sent in the thread where the part ended; for a coroutine in the thread of the request, where a
#: receiver may query the database. Django logs an exception of a receiver, and the page goes on.
part_resolved = Signal()
