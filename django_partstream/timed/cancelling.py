"""
The cancellation of the statements of a connection, one at a time.

The database is asked over the network, except SQLite, and on a busy machine the answer may take
longer than a page can wait. A request that is given up and repeated never gets through there, and
pgbouncer 1.18 ends if a request is dropped before it is answered. So each request is sent in a
thread of its own and is never given up. Only the waiting for it is short.

A request that is under way may hit the next statement of its connection. So a connection that has
a request under way has no next user: :meth:`Canceller.is_quiet` says when it may have.

In a transaction a timed call within a timed call uses the same raw connection. Often both are late
at the same time. Then only the outer call cancels, since the transaction goes on after it.
"""

from __future__ import annotations

import logging
import threading
from typing import TypeGuard

from django.db.backends.base.base import BaseDatabaseWrapper

from django_partstream._drivers import Cancellation, cancellation_of

logger = logging.getLogger("django_partstream")

#: The calls of :meth:`Canceller.cancel`, each after a short wait, that pass before a server that
#: has answered is asked again. The statement needs some time to end. It does not end if the request
#: came before the statement.
PAUSE = 5


class _Requests:
    """The requests to cancel the statements of a raw connection, which its calls share."""

    def __init__(self) -> None:
        #: Held for each change of the requests and cancellers, and while SQLite is interrupted.
        self.lock = threading.Lock()
        #: Set while no request is under way.
        self.quiet = threading.Event()
        self.quiet.set()
        #: The calls of :meth:`Canceller.cancel` that are still to pass without a request.
        self.pause = 0


class Canceller:
    """
    The cancellations of a call on the raw connection of *wrapper*.

    *outer* is the canceller of the call round it, if that has lent the connection.
    """

    def __init__(self, wrapper: BaseDatabaseWrapper, outer: Canceller | None = None) -> None:
        #: Whether a statement may have been cancelled on the connection.
        self.used = False
        self._wrapper = wrapper
        self._outers: tuple[Canceller, ...] = (*outer._outers, outer) if outer else ()
        self._requests: _Requests = outer._requests if outer else _Requests()
        self._cancellation: Cancellation | None = None
        self._begun = self._stopped = False
        self.aim()

    def aim(self) -> None:
        """Find out how statements are cancelled, if the wrapper has connected anew."""
        if not self._is_aimed(self._cancellation):
            self._cancellation = cancellation_of(self._wrapper)

    def _is_aimed(self, cancellation: Cancellation | None) -> TypeGuard[Cancellation]:
        """Return whether *cancellation* is of the raw connection that the wrapper has now."""
        return cancellation is not None and cancellation.raw is self._wrapper.connection

    def begin(self) -> None:
        """Forbid the calls within this call to cancel from now on."""
        with self._requests.lock:
            self._begun = True

    def cancel(self) -> None:
        """Cancel the running statement, unless a request is under way or has just been answered."""
        with self._requests.lock:
            cancellation = self._cancellation
            if not self._may_cancel() or not self._is_aimed(cancellation):
                return
            self._requests.pause -= 1
            if self._requests.pause >= 0:
                return
            self.used = True
            if cancellation.asks_server:
                self._ask_server(cancellation)
            else:
                _send(cancellation)

    def is_quiet(self, timeout: float) -> bool:
        """Wait *timeout* seconds for a request that is under way; return whether none is then."""
        return self._requests.quiet.wait(timeout)

    def stop(self) -> None:
        """Cancel nothing from now on, and wait for a request that is under way."""
        with self._requests.lock:
            self._stopped = True
        self._requests.quiet.wait()

    def _may_cancel(self) -> bool:
        others = any(outer._begun for outer in self._outers)
        return self._requests.quiet.is_set() and not self._stopped and not others

    def _ask_server(self, cancellation: Cancellation) -> None:
        self._requests.quiet.clear()
        thread = threading.Thread(
            target=self._ask, args=(cancellation,), name="partstream-cancel", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # the process has no more threads, so the statement runs on
            self._requests.quiet.set()

    def _ask(self, cancellation: Cancellation) -> None:
        _send(cancellation)
        with self._requests.lock:
            self._requests.pause = PAUSE
            self._requests.quiet.set()


def _send(cancellation: Cancellation) -> None:
    try:
        cancellation.send()
    except Exception:
        logger.debug("A statement could not be cancelled.", exc_info=True)
