"""
The adapter for the fetch modes of Django's query sets, which Django has since 6.1.

``QuerySet.fetch_mode()``, ``FETCH_ONE`` (the default) and ``FETCH_PEERS`` are public. With
``FETCH_PEERS`` a missing related object or deferred field is fetched for all instances of the query
at once. The facts below are not documented. ``tests/core/test_fetching.py`` has a test of each row,
which fails once the fact is no longer true.

===================== ===========================================================================
function              fact
===================== ===========================================================================
:func:`with_peers`    ``_fetch_mode`` is the mode of a query set, also of a raw one;
                      ``_result_cache`` is None until its rows are fetched;
                      a manager makes every query set by its ``get_queryset()``
:func:`rejoin`        ``_state.fetch_mode`` and ``_state.peers`` of an instance are the mode and
                      weak references to its peers; pickling keeps the mode alone
===================== ===========================================================================
"""

from __future__ import annotations

from collections import defaultdict
from copy import copy
from typing import Any
from weakref import ref

from django.db import models
from django.db.models.manager import BaseManager
from django.db.models.query import RawQuerySet

FETCH_ONE = getattr(models, "FETCH_ONE", None)
FETCH_PEERS = getattr(models, "FETCH_PEERS", None)

_QUERY_SETS = (models.QuerySet, RawQuerySet)


def with_peers(rows: Any) -> Any:
    """
    *rows*, a query set or a manager, with ``FETCH_PEERS`` for the rows that it will fetch.

    A query set remains the same object, since parts that share it fetch it once. Fetched rows, rows
    with a fetch mode that the project chose, and any other value are returned as they are. So is
    everything before Django 6.1.
    """
    if FETCH_PEERS is None:
        return rows
    if isinstance(rows, BaseManager):
        manager = copy(rows)
        vars(manager)["get_queryset"] = lambda: with_peers(rows.get_queryset())
        return manager
    if isinstance(rows, _QUERY_SETS) and not _is_decided(rows):
        vars(rows)["_fetch_mode"] = FETCH_PEERS
    return rows


def _is_decided(rows: Any) -> bool:
    return rows._result_cache is not None or rows._fetch_mode is not FETCH_ONE


def rejoin(rows: Any) -> None:
    """Make the instances in the list *rows* peers again: a cache keeps each without its peers."""
    if FETCH_PEERS is None or not isinstance(rows, list):
        return
    alone = defaultdict(list)
    for row in rows:
        state: Any = getattr(row, "_state", None) if isinstance(row, models.Model) else None
        if state is not None and state.fetch_mode is FETCH_PEERS and not state.peers:
            alone[type(row), state.db].append(row)
    for instances in alone.values():
        peers = [ref(instance) for instance in instances]
        for instance in instances:
            instance._state.peers = peers
