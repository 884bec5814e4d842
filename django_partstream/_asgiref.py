"""
The adapter for asgiref: the event loop of a thread whose work awaits coroutines, and its locals.

``async_to_sync()`` runs a coroutine in the loop that an outer ``sync_to_async()`` of the same
thread was called from. Without such a loop it makes a loop for that call alone.

A ``Local`` has values for each thread. They are handed to another thread only where asgiref itself
moves work there.

==================== =============================================================================
function             fact
==================== =============================================================================
:func:`loop`         ``SyncToAsync.threadlocal`` has that loop of a thread in ``main_event_loop``,
                     and the process that set it in ``main_event_loop_pid``. A loop that has ended
                     stays there, and is not used
:func:`set_loop`     ``async_to_sync()`` reads both at each call, or when it is made
:func:`copy_context` asgiref 3.8 keeps the values of a ``Local`` in a dict, which it changes, in a
                     context variable named ``asgiref.local``
:func:`adopt_locals` asgiref since 3.12 keeps them in a ``_Storage``, which counts for the thread
                     that it names; ``_rehome()`` makes a copy of it for this thread
:func:`task_context` ``sync_to_async()`` finds its thread by ``executors.current``, a ``Local`` of
                     ``AsyncToSync``, then by ``SyncToAsync.thread_sensitive_context``; it
                     refuses to begin where ``deadlock_context`` is true
==================== =============================================================================

``tests/core/test_asgiref_adapter.py`` has a test of each row.
"""

from __future__ import annotations

import contextvars
import os
from asyncio import AbstractEventLoop
from typing import Any

from asgiref import local
from asgiref.sync import AsyncToSync, SyncToAsync


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


#: The storage of a ``Local`` that is tagged with its thread, in a release of asgiref with such.
_TaggedStorage: Any = getattr(local, "_Storage", None)


def copy_context() -> contextvars.Context:
    """Copy the context of this thread. A ``Local`` that is set in the copy is not set here."""
    context = contextvars.copy_context()
    if _TaggedStorage is None:
        context.run(_copy_dicts_of_locals, context)
    return context


def adopt_locals(context: contextvars.Context) -> None:
    """Give this thread, which runs in *context*, the values of each ``Local`` in it as its own."""
    if _TaggedStorage is None:
        _copy_dicts_of_locals(context)
        return
    for variable, value in context.items():
        if isinstance(value, _TaggedStorage):
            variable.set(local._rehome(value))


def task_context(context: contextvars.Context) -> contextvars.Context:
    """
    Copy *context*, of another thread, for a task of the loop that runs in this thread.

    Where this code awaits ``sync_to_async()``, the task does, too.
    """
    executor = getattr(AsyncToSync.executors, "current", None)
    sensitive: Any = SyncToAsync.thread_sensitive_context.get(None)
    made = context.copy()

    def move() -> None:
        adopt_locals(made)
        AsyncToSync.executors.current = executor
        SyncToAsync.thread_sensitive_context.set(sensitive)
        SyncToAsync.deadlock_context.set(False)

    made.run(move)
    return made


def _copy_dicts_of_locals(context: contextvars.Context) -> None:
    for variable, value in context.items():
        if variable.name == "asgiref.local" and isinstance(value, dict):
            variable.set(value.copy())
