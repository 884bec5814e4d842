"""
System checks of the ``PARTSTREAM`` setting, and of the state that a project keeps outside of it.

================= ==================================================================
id                meaning
================= ==================================================================
partstream.E001   ``PARTSTREAM`` is not a dict
partstream.E002   an unknown key
partstream.E003   a bad value
partstream.E004   ``TENANCY`` or ``THREAD_LOCALS`` names an object that cannot be used
partstream.W005   a ``threading.local`` of a middleware is not carried
partstream.W006   policies of PostgreSQL read a session setting, without a
                  ``TENANCY.connection()``
partstream.E007   ``BACKGROUND`` names an engine that cannot be used
partstream.E008   a background function has a cache that does not exist, keeps
                  nothing, or is not shared with the workers
partstream.W009   the cache of a background function is not shared by processes
partstream.W010   a background function is computed in the request, or never
partstream.W011   Celery has no app in this process
partstream.W012   Celery waits for its broker without a time limit
partstream.E013   a background function is in no app that is installed
partstream.W015   a connection is open, and DRF's default permissions are not
================= ==================================================================
"""

from django_partstream.checks.engines import (
    check_background_caches,
    check_celery,
    check_engine,
    check_functions,
)
from django_partstream.checks.options import check_settings
from django_partstream.checks.permissions import check_open_connections
from django_partstream.checks.tenants import check_policies, check_tenancy, check_thread_locals

__all__ = [
    "check_background_caches",
    "check_celery",
    "check_engine",
    "check_functions",
    "check_open_connections",
    "check_policies",
    "check_settings",
    "check_tenancy",
    "check_thread_locals",
]
