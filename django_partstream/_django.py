"""
The adapter for Django: its database connections, settings, lazy objects, signals, responses.

``_drivers`` is the adapter for the database drivers below.

Each function rests on a fact about Django that is undocumented, or is documented for another use.
No other module rests on such a fact. ``tests/core/test_django_adapter.py`` has a
test of each row, which fails once the fact is no longer true.

================================== ===============================================================
function                           fact
================================== ===============================================================
:func:`copy_in_transaction`        ``copy.copy()`` of a wrapper shares its raw connection;
                                   ``savepoint_ids``, ``atomic_blocks``, ``run_on_commit`` and
                                   ``execute_wrappers`` are all of its transaction state that a
                                   copy would share;
                                   ``inc_thread_sharing()`` counts for each wrapper alone
:func:`copy_state_back`            ``needs_rollback``, ``rollback_exc``, ``savepoint_state``,
                                   ``closed_in_transaction``, ``errors_occurred`` and
                                   ``run_on_commit`` are plain attributes
:func:`use_in_this_thread`         ``connections[alias] = wrapper`` counts for one thread alone
:func:`drop_from_this_thread`      ``del connections[alias]`` lets the next use make a new wrapper
:func:`intercept`                  each cursor comes from the ``create_cursor()`` of the instance,
                                   each commit of ``atomic()`` from its ``commit()``
:func:`bound_attributes`           Django's TestCase and tools replace methods on the instance;
                                   ``wrap_database_errors`` is cached on the instance, and bound
:func:`add_savepoint`              ``on_commit()`` stores ``savepoint_ids`` with each hook, and
                                   ``savepoint_rollback()`` drops hooks by them
:func:`remove_savepoint`           as above
:func:`is_broken`                  ``errors_occurred`` and ``autocommit`` are kept up to date
:func:`abandon_transaction`        ``closed_in_transaction`` keeps ``atomic()`` from the raw
                                   connection, and ``connection = None`` is not closed again
:func:`close_also_in_memory`       ``BaseDatabaseWrapper.close()`` closes, where SQLite's own
                                   ``close()`` keeps a database in memory open
:func:`prepare_on_use`             each use of the raw connection comes after a call of the
                                   ``ensure_connection()`` of the instance, each transaction
                                   after another; each raw connection is closed, or given to a
                                   pool, by the ``_close()`` of the instance
:func:`lend_execute_wrappers`,     ``execute_wrappers`` is a list that is read for each statement;
:func:`wrap_outermost`             its first one is outermost, and ``execute_wrapper()`` appends its
                                   own and takes away the last; ``connection_created`` is sent when
                                   a connection has been set up
:func:`made_connections`           in a thread without a running loop, its wrappers are attributes
                                   of a ``threading.local``: the ``_storage`` of the asgiref
                                   ``Local`` in ``connections._connections``; where a loop has run,
                                   there is an attribute ``cvar``, too
:func:`has_receivers`              ``Signal.receivers`` lists every receiver that may be alive
:func:`has_render_callbacks`       ``SimpleTemplateResponse`` calls the ``_post_render_callbacks``
                                   when it was rendered
:func:`names_headers`,             the headers of a response are in ``_store``, by their names in
:func:`set_header`                 small letters, each as its name and value
:func:`find_setting`               ``settings`` keeps the settings of the project in ``_wrapped``,
                                   ``override_settings()`` puts another object there, and a
                                   setting that is set later is in the ``__dict__`` of the object
:func:`close_if_unusable`          ``close_if_unusable_or_obsolete()``, which is called by
                                   ``close_old_connections()``
:func:`atomic_aliases`             ``ATOMIC_REQUESTS`` puts a view into a transaction on the
                                   database, unless the ``_non_atomic_requests`` of the view has it
:func:`close_stream`               the test client keeps the body of a streaming response, in its
                                   ``_iterator``, in a generator that closes the response at its
                                   end
:func:`wrapped_by`                 ``LazyObject`` keeps its object in ``_wrapped``, after
                                   ``_setup()``
================================== ===============================================================

The methods behind the documented functions of ``django.db.transaction`` have no row:
``get_rollback()``, ``set_rollback()``, ``savepoint()``, ``savepoint_commit()`` and
``savepoint_rollback()``. Nor has ``in_atomic_block``.
"""

from __future__ import annotations

import copy
import threading
from asyncio import _get_running_loop
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from inspect import isroutine
from typing import Any

from django.conf import UserSettingsHolder, settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.dispatch import Signal
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.utils.functional import LazyObject, empty

#: The lists of a wrapper that describe its transaction.
TRANSACTION_LISTS = ("savepoint_ids", "atomic_blocks", "run_on_commit", "execute_wrappers")

#: The other attributes of a wrapper that describe its transaction.
TRANSACTION_STATE = (
    "needs_rollback",
    "rollback_exc",
    "savepoint_state",
    "closed_in_transaction",
    "errors_occurred",
)

#: The methods that :func:`intercept` replaces.
INTERCEPTED = ("create_cursor", "commit")


def copy_in_transaction(connection: BaseDatabaseWrapper) -> BaseDatabaseWrapper:
    """
    Copy the wrapper *connection*, which is inside ``atomic()``, for another thread.

    The copy has the same raw connection, and a transaction state of its own.
    """
    lent = copy.copy(connection)
    for name in TRANSACTION_LISTS:
        setattr(lent, name, list(getattr(connection, name)))
    for name in bound_attributes(connection):
        del vars(lent)[name]  # the class has it for the copy
    lent.inc_thread_sharing()
    return lent


def copy_state_back(lent: BaseDatabaseWrapper, connection: BaseDatabaseWrapper) -> None:
    """Copy the transaction state of *lent*, a copy that was in use, to *connection*."""
    for name in TRANSACTION_STATE:
        if hasattr(lent, name):  # a version of Django without it must not fail each page
            setattr(connection, name, getattr(lent, name))
    connection.run_on_commit = lent.run_on_commit


def use_in_this_thread(wrapper: BaseDatabaseWrapper) -> None:
    """Make *wrapper* this thread's connection to its database."""
    connections[wrapper.alias] = wrapper


def drop_from_this_thread(wrapper: BaseDatabaseWrapper) -> None:
    """Let this thread make a new connection to the database of *wrapper* when it needs one."""
    del connections[wrapper.alias]


def intercept(
    wrapper: BaseDatabaseWrapper,
    *,
    create_cursor: Callable[[str | None], Any],
    commit: Callable[[], None],
) -> tuple[Callable[[str | None], Any], Callable[[], None]]:
    """
    Call *create_cursor* for each cursor of *wrapper*, and *commit* for each of its commits.

    Return the methods that did so before.
    """
    before = (wrapper.create_cursor, wrapper.commit)
    vars(wrapper).update(create_cursor=create_cursor, commit=commit)
    return before


def stop_intercepting(wrapper: BaseDatabaseWrapper) -> None:
    """Undo :func:`intercept`."""
    for name in INTERCEPTED:
        del vars(wrapper)[name]


def prepare_on_use(
    wrapper: BaseDatabaseWrapper,
    *,
    ensure: Callable[[Callable[[], None]], None],
    close: Callable[[Callable[[], None]], None],
) -> Callable[[], None]:
    """
    Call *ensure* before each use of *wrapper*, and *close* to close its raw connection.

    Each gets the method of the wrapper that did so before. Return a function that undoes this.
    """
    own = vars(wrapper)
    before = {name: own.get(name) for name in ("ensure_connection", "_close")}
    own["ensure_connection"] = partial(ensure, wrapper.ensure_connection)
    own["_close"] = partial(close, wrapper._close)  # type: ignore[attr-defined]

    def undo() -> None:
        for name, method in before.items():
            if method is None:
                del own[name]
            else:
                own[name] = method

    return undo


@contextmanager
def lend_execute_wrappers(wrapper: BaseDatabaseWrapper, lent: Sequence[Any]) -> Iterator[None]:
    """Have the execute wrappers *lent* round the statements of *wrapper* in the body, too."""
    added = [each for each in lent if each not in wrapper.execute_wrappers]
    wrapper.execute_wrappers.extend(added)
    try:
        yield
    finally:
        for each in added:
            with suppress(ValueError):  # the body has removed it
                wrapper.execute_wrappers.remove(each)


def wrap_outermost(wrapper: BaseDatabaseWrapper, execute_wrapper: Callable[..., Any]) -> None:
    """Have *execute_wrapper* round the statements of *wrapper*, and round all others."""
    wrapper.execute_wrappers.insert(0, execute_wrapper)


def bound_attributes(wrapper: BaseDatabaseWrapper) -> list[str]:
    """
    List the attributes of *wrapper* that belong to this instance alone.

    They hide a method or a cached property of the class: methods that tools have replaced, and
    the values of cached properties. The methods that :func:`intercept` replaces do not count.
    """
    own = vars(wrapper).keys() - set(INTERCEPTED)
    # A cached property is a routine too, to Python: a descriptor that cannot be set.
    return [name for name in own if isroutine(getattr(type(wrapper), name, None))]


def add_savepoint(connection: BaseDatabaseWrapper, point: str) -> None:
    """Tie the hooks that ``on_commit()`` registers from now on to the savepoint *point*."""
    connection.savepoint_ids.append(point)


def remove_savepoint(connection: BaseDatabaseWrapper, point: str) -> None:
    """Undo :func:`add_savepoint`, also where the transaction has been reset meanwhile."""
    if point in connection.savepoint_ids:
        connection.savepoint_ids.remove(point)


def is_broken(connection: BaseDatabaseWrapper) -> bool:
    """Return whether an error may have broken *connection*, and it is in no transaction."""
    erred = connection.errors_occurred
    return erred and connection.autocommit and not connection.in_atomic_block


def abandon_transaction(connection: BaseDatabaseWrapper) -> None:
    """Detach *connection*, inside ``atomic()``, from its raw connection without closing that."""
    connection.closed_in_transaction = True
    connection.needs_rollback = True
    connection.connection = None


def close_also_in_memory(wrapper: BaseDatabaseWrapper) -> None:
    """Close *wrapper*, also where it is a database in memory of SQLite."""
    wrapper.close()  # a backend may have to forget the state of the session
    BaseDatabaseWrapper.close(wrapper)


def close_if_unusable(wrapper: BaseDatabaseWrapper) -> None:
    """Close *wrapper* if it is broken or past its ``CONN_MAX_AGE``."""
    wrapper.close_if_unusable_or_obsolete()


_handler: Any = connections
#: Holds the connections of each thread; None if this release of asgiref holds them in another way.
_local: Any = _handler._connections
if type(getattr(_local, "_storage", None)) is not threading.local:
    _local = None


def made_connections() -> Collection[BaseDatabaseWrapper]:
    """
    The database connections that this thread has made, in no order.

    ``connections.all(initialized_only=True)`` is the same, but takes ten times as long.
    """
    if _handler._connections is _local and _get_running_loop() is None:
        made: dict[str, BaseDatabaseWrapper] = _local._storage.__dict__
        if "cvar" in made:  # the thread has run a loop
            return [made[alias] for alias in made if alias != "cvar"]
        return made.values()
    return connections.all(initialized_only=True)


def has_receivers(signal: Signal, sender: object) -> bool:
    """
    Whether *signal* has a receiver for *sender*.

    ``signal.has_listeners(sender)`` is the same, but takes ten times as long for no receivers.
    """
    return bool(signal.receivers) and signal.has_listeners(sender)


def has_render_callbacks(response: SimpleTemplateResponse) -> bool:
    """Whether anything is called when *response* was rendered, and may change its headers."""
    return bool(response._post_render_callbacks)  # type: ignore[attr-defined]


def names_headers(response: HttpResponseBase, names: Collection[str]) -> bool:
    """
    Whether *response* has any of the headers *names*, which are in small letters.

    ``response.has_header()`` raises and catches an error for each header that is missing.
    """
    headers: Any = response.headers
    return not headers._store.keys().isdisjoint(names)


def set_header(response: HttpResponseBase, name: str, value: str) -> None:
    """
    Set a header to plain ASCII text, as it is.

    ``response[name] = value`` encodes and checks both, which takes ten times as long.
    """
    headers: Any = response.headers
    headers._store[name.lower()] = name, value


#: The attributes of ``settings`` itself, read without a call of its ``__getattr__()``.
_held: dict[str, Any] = object.__getattribute__(settings, "__dict__")

#: By the name of a setting, the settings object that lacks it.
_without: dict[str, UserSettingsHolder] = {}


def find_setting(name: str) -> Any:
    """
    The setting *name* of the project; None if it has none.

    ``getattr(settings, name, None)`` is the same, but takes ten times as long. The settings object
    of ``settings.configure()`` is slow for a setting that it lacks. So the lack is remembered until
    Django has another settings object, as within ``override_settings()``.
    """
    configured = _held.get("_wrapped", empty)
    if configured is empty:
        return getattr(settings, name, None)
    if configured is _without.get(name) and name not in configured.__dict__:
        return None
    found = getattr(configured, name, None)
    if found is None and type(configured) is UserSettingsHolder:
        _without[name] = configured
    return found


def atomic_aliases(request: Any) -> list[str]:
    """The databases on which ``ATOMIC_REQUESTS`` has put the view of *request* in a transaction."""
    view = getattr(getattr(request, "resolver_match", None), "func", None)
    without = getattr(view, "_non_atomic_requests", ())
    return [
        alias
        for alias, configured in connections.settings.items()
        if configured["ATOMIC_REQUESTS"] and alias not in without
    ]


def close_stream(response: Any) -> None:
    """
    Close a streaming response of Django's test client that was read in part.

    ``response.close()`` would leave the test client's generator to the garbage collector, which
    closes the response again, at any moment.
    """
    response._iterator.close()


def wrapped_by(lazy: LazyObject[Any]) -> Any:
    """
    The object that *lazy* stands for, such as a ``SimpleLazyObject``.

    Raises:
        Exception: the function that makes the object raised it.
    """
    if lazy._wrapped is empty:
        lazy._setup()
    return lazy._wrapped
