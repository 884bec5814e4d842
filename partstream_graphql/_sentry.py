"""
The adapter for Sentry's SDK, which need not be installed.

Its integration of Graphene reports each error in the result of ``schema.execute()``, and its
integration of logging reports each record of an error. So a failure would be two events.

========================== =======================================================================
function                   fact
========================== =======================================================================
:func:`leave_out`          ``sentry_sdk.scope.add_global_event_processor()`` is public, yet not
                           documented: a function that returns None for an event drops it, and
                           finds the exception in ``hint["exc_info"]``
========================== =======================================================================

``tests/server/test_sentry.py`` has a test of it.
"""

from __future__ import annotations

import sys
from typing import Any

#: The kinds that are left out by this process.
_left_out: set[type[Exception]] = set()


def leave_out(kind: type[Exception]) -> None:
    """Have Sentry, if this process uses it, leave out errors of *kind* in results of Graphene."""
    scope: Any = sys.modules.get("sentry_sdk.scope")
    if scope is None or kind in _left_out:
        return
    _left_out.add(kind)

    def processor(event: Any, hint: Any) -> Any:
        _, exc, _ = (hint or {}).get("exc_info") or (None, None, None)
        cause = getattr(exc, "original_error", None)
        return None if isinstance(exc, kind) or isinstance(cause, kind) else event

    scope.add_global_event_processor(processor)
