"""What happened, for metrics and tracing."""

from __future__ import annotations

from django.dispatch import Signal

#: Sent once per part and page, in the thread where the part ended (for a coroutine: in the
#: thread of the request), with
#: ``sender`` (the view or connection class), ``name``, ``status`` (a :class:`~.outcomes.Status`),
#: ``seconds`` (float, wall clock) and ``request``. A receiver's exception is logged by
#: Django and does not reach the page.
part_resolved = Signal()
