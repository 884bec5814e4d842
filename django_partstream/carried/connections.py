"""
A database connection that is prepared for a tenant while a part in another thread uses it.

``TENANCY.connection()`` makes a context manager for each *raw* connection: the connection of the
driver, below Django's wrapper. The rules:

- It is entered before the first statement or transaction on the raw connection, whether that is
  new, was kept from an earlier call, or came from a pool. Each use of a wrapper begins with
  ``ensure_connection()``, so that is where it is entered. Inside ``atomic()`` would be too late: a
  rollback would undo the setting.
- It is left when the part ends, and before the raw connection is closed or given to a pool.
- It cannot be left inside a transaction, on a connection that was revoked, or if leaving raises.
  Then the raw connection is closed, so that no pool hands it on, and statements are refused
  meanwhile, so that leaving does not begin a new connection.
- While it is entered or left, its own statements come through here again. They pass, and do not
  count for the part.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from django_partstream import _django
from django_partstream._drivers import close_raw
from django_partstream.databases import close
from django_partstream.recorders import recording

logger = logging.getLogger("django_partstream")


class Mode(enum.Enum):
    """The answer to a use of the wrapper."""

    PREPARE = enum.auto()
    PASS = enum.auto()
    REFUSE = enum.auto()


class PreparedConnection:
    """Prepare the raw connections of *wrapper*, this thread's, with *make_context* for the body."""

    def __init__(
        self,
        wrapper: BaseDatabaseWrapper,
        make_context: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self._wrapper, self._make_context = wrapper, make_context
        self._mode = Mode.PREPARE
        self._raw: Any = None
        self._entered: ExitStack | None = None

    def __enter__(self) -> None:
        self._undo = _django.prepare_on_use(self._wrapper, ensure=self._ensure, close=self._close)

    def __exit__(self, *_: object) -> None:
        reusable = self._leave()
        self._undo()
        if not reusable:
            close(self._wrapper)

    def _ensure(self, ensure_connection: Callable[[], None]) -> None:
        if self._mode is Mode.REFUSE:
            raise DatabaseError("The connection is being given up, and runs no more statements.")
        if self._mode is Mode.PASS:
            ensure_connection()
            return
        self._mode = Mode.PASS
        try:
            ensure_connection()
            if self._wrapper.connection is not self._raw:
                self._prepare()
        finally:
            self._mode = Mode.PREPARE

    def _prepare(self) -> None:
        """
        Enter the context of a raw connection that is new to the part, or close the connection.

        Raises:
            ImproperlyConfigured: the context begins a transaction.
            Exception: the context manager raised it.
        """
        wrapper = self._wrapper
        try:
            with recording(None), ExitStack() as entered:
                entered.enter_context(self._make_context())
                if wrapper.in_atomic_block:
                    raise ImproperlyConfigured(
                        "The context manager of TENANCY.connection() left a transaction open, so "
                        "the part would be inside it. Set the session instead: "
                        "set_config(name, value, false)."
                    )
                if not wrapper.autocommit:
                    wrapper.commit()  # or the first rollback of the part would undo it
                self._entered, self._raw = entered.pop_all(), wrapper.connection
        except BaseException:
            close_raw(wrapper)
            close(wrapper)
            raise

    def _close(self, close_raw_connection: Callable[[], None]) -> None:
        if self._mode is Mode.PREPARE:
            self._leave()
        close_raw_connection()

    def _leave(self) -> bool:
        """Leave the context, and return whether the wrapper may be used again as it is."""
        entered, raw, wrapper = self._entered, self._raw, self._wrapper
        self._entered = self._raw = None
        if entered is None:
            return True
        is_there = wrapper.connection is raw
        outside = is_there and wrapper.autocommit and not wrapper.in_atomic_block
        self._mode = Mode.PASS if outside else Mode.REFUSE
        left = False
        try:
            with recording(None):
                entered.close()
            left = outside
        except Exception:
            logger.info("%r could not be left, and is closed.", wrapper.alias, exc_info=True)
        finally:
            self._mode = Mode.PREPARE
            if is_there and not left:
                close_raw(wrapper)
        return left or not is_there
