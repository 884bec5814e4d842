"""Database connections: close the broken ones, and undo the work of a part in a transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from django.db import DEFAULT_DB_ALIAS, Error, connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from django_partstream import _django
from django_partstream._drivers import close_raw, is_closed

logger = logging.getLogger("django_partstream")

#: How often a rollback to a savepoint is tried. A late cancellation may hit the first.
ROLLBACKS = 3


def close(connection: BaseDatabaseWrapper) -> None:
    """Close *connection*, however old it is. An error is logged."""
    was_closed = is_closed(connection.connection)
    try:
        _django.close_also_in_memory(connection)
    except Exception:  # drivers raise errors of their own, and the part has ended
        if was_closed:
            return
        logger.warning("The connection %r could not be closed.", connection.alias, exc_info=True)


def close_idle() -> None:
    """Close the connections of this thread, however old. Databases in memory stay open."""
    for connection in _django.made_connections():
        try:
            connection.close()
        except Exception:  # drivers raise errors of their own, and nothing uses the connection
            alias = connection.alias
            logger.warning("The connection %r could not be closed.", alias, exc_info=True)


def close_if_obsolete(connection: BaseDatabaseWrapper) -> None:
    """Close *connection* if it is broken or past its ``CONN_MAX_AGE``. An error is logged."""
    try:
        _django.close_if_unusable(connection)
    except Exception:  # drivers raise errors of their own, and the part has ended
        logger.warning("The connection %r could not be tidied up.", connection.alias, exc_info=True)


def close_obsolete() -> None:
    """Close the connections of this thread that are broken or past their ``CONN_MAX_AGE``."""
    for connection in _django.made_connections():
        close_if_obsolete(connection)


def discard(connection: BaseDatabaseWrapper) -> None:
    """Close *connection* for good: no pool hands it on, and this thread makes a new one."""
    close_raw(connection)
    close(connection)
    _django.drop_from_this_thread(connection)


def close_left_open() -> None:
    """
    Discard the connections of this thread on which a part left a transaction open.

    Otherwise the next work of the thread would be done inside that transaction.
    """
    for connection in open_transactions():
        discard(connection)


def broken_connections() -> list[BaseDatabaseWrapper]:
    """List the connections of this thread that an error may have broken, outside transactions."""
    return [*filter(_django.is_broken, _django.made_connections())]


def close_cursor(cursor: Any) -> None:
    """Close a raw cursor. A late cancellation may hit the first attempt, so there are two."""
    for _ in range(2):
        with suppress(Exception):  # drivers raise errors of their own
            cursor.close()
            return


def open_transactions() -> list[BaseDatabaseWrapper]:
    """List the connections of this thread that are inside ``atomic()``."""
    made = _django.made_connections()
    return [connection for connection in made if connection.in_atomic_block]


def home_of(instance: Model) -> str:
    """
    The alias that stands for the database of *instance*; the same for each of its replicas.

    Two aliases stand for a single database if a router says so, since it writes the instance to
    the other alias and allows relations between both; if ``TEST["MIRROR"]`` says so; or if their
    settings name the same database, user and options. Any other two are told apart.
    """
    alias = instance._state.db or DEFAULT_DB_ALIAS
    if len(connections.settings) < 2:
        return alias
    written = router.db_for_write(instance._meta.model, instance=instance)
    if written != alias and _are_related(instance, written):
        alias = written
    return _first_alias_of(alias)


def _are_related(instance: Model, alias: str) -> bool:
    """Whether routers allow a relation between *instance* and a row of the database *alias*."""
    other = instance._meta.model()
    other._state.db = alias
    return bool(router.allow_relation(instance, other))


def _first_alias_of(alias: str) -> str:
    """The first alias in the settings for the same database as *alias*."""
    configured = connections.settings
    for _ in configured:  # a mirror of a mirror, but not round and round
        mirrored = configured[alias]["TEST"]["MIRROR"] if alias in configured else None
        if mirrored is None:
            break
        alias = mirrored
    place = _place_of(configured.get(alias, {}))
    if place is None:
        return alias
    return next(each for each, told in configured.items() if _place_of(told) == place)


def _place_of(told: dict[str, Any]) -> list[Any] | None:
    """The settings that say which database an alias is; None if they do not say it alone."""
    name = str(told.get("NAME") or "")
    if not name or ":memory:" in name or "mode=memory" in name:  # one for each alias
        return None
    return [told[key] for key in ("ENGINE", "HOST", "PORT", "NAME", "USER", "OPTIONS")]


def is_intact(connection: BaseDatabaseWrapper) -> bool:
    """Return whether *connection* is in a transaction that is not marked for rollback."""
    return connection.in_atomic_block and not connection.get_rollback()


def roll_back(connection: BaseDatabaseWrapper, point: str | None) -> None:
    """
    Undo all work in a transaction since the savepoint *point*, and release the savepoint.

    Where that fails, or there is no savepoint, the transaction is marked for rollback.
    """
    if point:
        _mark_for_rollback(connection, False)
        for _ in range(ROLLBACKS):
            with suppress(Error):
                connection.savepoint_rollback(point)
                connection.savepoint_commit(point)
                return
    _mark_for_rollback(connection, True)


def _mark_for_rollback(connection: BaseDatabaseWrapper, needed: bool) -> None:
    if connection.in_atomic_block:
        connection.set_rollback(needed)


class UndoSwitch:
    """A switch that tells :func:`savepoints` to undo its body."""

    is_on = False

    def __call__(self) -> None:
        """Turn the switch on."""
        self.is_on = True


@contextmanager
def savepoints(transactions: Sequence[BaseDatabaseWrapper]) -> Iterator[UndoSwitch]:
    """
    Run the body between a savepoint and its release in each of *transactions*.

    If the body raises, or calls the switch, its work in all of them is undone instead. A
    transaction that is already marked for rollback is left alone.

    Raises:
        django.db.Error: a savepoint could not be set or released. The transaction was broken
            before the body, or by the body. It is then back where the body began.
    """
    intact = [connection for connection in transactions if is_intact(connection)]
    points = [(connection, point) for connection in intact if (point := connection.savepoint())]
    for connection, point in points:
        _django.add_savepoint(connection, point)
    undo = UndoSwitch()
    try:
        yield undo
        if not undo.is_on:
            _release(points)
    except BaseException:
        undo()
        raise
    finally:
        for connection, point in points:
            if undo.is_on:
                roll_back(connection, point)
            _django.remove_savepoint(connection, point)


def _release(points: Sequence[tuple[BaseDatabaseWrapper, str]]) -> None:
    for connection, point in points:
        connection.savepoint_commit(point)
