"""
Whether the client of a WSGI request has gone, and when to say that a stream still lives.

WSGI tells of a client that has gone only when the server writes. gunicorn gives the socket to the
application, as ``environ["gunicorn.socket"]``, so it can be looked at meanwhile. A socket under
TLS cannot: its bytes belong to the encryption.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from ssl import SSLSocket
from typing import Any

from django_partstream.clocks import monotonic


def socket_watch(request: Any) -> Callable[[], bool] | None:
    """A function that tells whether the client of *request* has gone; None where nothing can."""
    client = getattr(request, "META", {}).get("gunicorn.socket")
    if client is None or isinstance(client, SSLSocket):
        return None
    return lambda: has_hung_up(client)


def has_hung_up(client: Any) -> bool:
    """Whether the other end of the socket *client* has closed. Nothing is read from it."""
    try:
        readable = select.poll()
        readable.register(client, select.POLLIN)
        if not readable.poll(0):
            return False
        return bool(client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"")
    except (BlockingIOError, InterruptedError):
        return False
    except (OSError, ValueError):  # the server has closed it
        return True


class Pulse:
    """The time of the next heartbeat, *every* so many seconds without another sign of life."""

    def __init__(self, every: float) -> None:
        self._every = every
        self.beat()

    def beat(self) -> None:
        """Note a sign of life."""
        self._next = monotonic() + self._every

    @property
    def seconds_left(self) -> float:
        """The seconds until the next heartbeat is due; 0 from then on."""
        return max(self._next - monotonic(), 0.0)

    @property
    def is_due(self) -> bool:
        """Whether a heartbeat is due."""
        return self.seconds_left == 0
