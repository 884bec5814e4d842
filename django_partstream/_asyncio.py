"""
The adapter for asyncio: a task and its waiters.

======================= ==========================================================================
function                fact
======================= ==========================================================================
:func:`is_lone_task`    ``_callbacks`` of a task has the callbacks of all that wait for it, such as
                        another task, ``gather()`` or a ``TaskGroup``; None if nothing does
======================= ==========================================================================

``tests/core/test_asyncio_adapter.py`` has a test of each row.
"""

from __future__ import annotations

import asyncio
from typing import Any


def is_lone_task() -> bool:
    """Whether this code runs in a task that nothing waits for yet."""
    try:
        task: Any = asyncio.current_task()
    except RuntimeError:  # no loop runs in this thread
        return False
    return task is not None and not task._callbacks
