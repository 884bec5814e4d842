"""
The adapter for asgiref: the event loop of a thread whose work awaits coroutines.

``async_to_sync()`` runs a coroutine in the loop that an outer ``sync_to_async()`` of the same
thread was called from. Without such a loop it makes a loop for that call alone.

================ =================================================================================
function         fact
================ =================================================================================
:func:`loop`     ``SyncToAsync.threadlocal`` has that loop of a thread in ``main_event_loop``, and
                 the process that set it in ``main_event_loop_pid``. A loop that has ended stays
                 there, and is not used
:func:`set_loop` ``async_to_sync()`` reads both at each call, or when it is made
================ =================================================================================

``tests/core/test_asgiref_adapter.py`` has a test of each row.
"""

from __future__ import annotations

import os
from asyncio import AbstractEventLoop

from asgiref.sync import SyncToAsync


def loop() -> AbstractEventLoop | None:
    """The running loop in which ``async_to_sync()`` runs the coroutines of this thread, if any."""
    thread = SyncToAsync.threadlocal
    found: AbstractEventLoop | None = getattr(thread, "main_event_loop", None)
    is_ours = getattr(thread, "main_event_loop_pid", None) == os.getpid()
    return found if found is not None and is_ours and found.is_running() else None


def set_loop(loop: AbstractEventLoop | None) -> None:
    """Have ``async_to_sync()`` run the coroutines of this thread in *loop*; None undoes that."""
    thread = SyncToAsync.threadlocal
    thread.main_event_loop = loop
    thread.main_event_loop_pid = os.getpid() if loop is not None else None
