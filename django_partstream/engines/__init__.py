"""
Engines: they carry the message of a job to a process that does the work.

An engine is a module with two functions. ``enqueue(message)`` raises if the message is not taken.
``is_local()`` tells whether it asks no broker. An engine needs no results, no order, and no promise
that a message arrives. An engine of a project is a function ``enqueue(message)``; its workers call
:func:`run_message`.
"""

from django_partstream.jobs.work import run_message

__all__ = ["run_message"]
