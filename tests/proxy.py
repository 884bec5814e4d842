"""A TCP proxy before a service, which makes the service go away, hang and come back."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, cast

#: The longest time that a change of the proxy may take, in seconds.
PATIENCE = 30


class Proxy:
    """
    A proxy from ``127.0.0.1:port`` to *host* and *port*.

    It passes data on until :meth:`close` or :meth:`stall`, and again after :meth:`open`. Each of
    them holds once it has returned.

    ::

        with Proxy("127.0.0.1", 6379) as proxy:
            redis.Redis(port=proxy.port).ping()
            proxy.close()  # ... and now it is refused

    With *cut* it ends each connection behind the first match of that expression in what the service
    sends, and counts that in :attr:`cuts`.
    """

    host = "127.0.0.1"
    port: int

    def __init__(self, host: str, port: int, *, cut: re.Pattern[bytes] | None = None) -> None:
        self.target = (host, port)
        self.cut, self.cuts = cut, 0
        self.flows = True
        self.ends: set[_End] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._listener: socket.socket | None = None

    def __enter__(self) -> Proxy:
        # This socket never listens: it reserves the port while the proxy is closed.
        self._place = self._bound(0)
        self.port = self._place.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()
        self._place.close()

    def open(self) -> None:
        """Accept connections and pass data on, beginning with the data that was held back."""
        self._do(self._listen(flows=True))

    def stall(self) -> None:
        """Accept connections and pass no data on, like a service or network that hangs."""
        self._do(self._listen(flows=False))

    def close(self) -> None:
        """Refuse new connections and drop the open ones, like a service that is stopped."""
        self._do(self._refuse())

    def begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start *work* in the event loop; :meth:`close` waits for it."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _do(self, change: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(change, self._loop).result(PATIENCE)

    async def _listen(self, *, flows: bool) -> None:
        self.flows = flows
        for end in self.ends:
            end.flow()
        if self._listener is None:
            self._listener = self._bound(self.port)
            self._listener.setblocking(False)
            self._listener.listen()
            self._loop.add_reader(self._listener, self._accept, self._listener)

    async def _refuse(self) -> None:
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        while self.ends or self._tasks:
            for end in self.ends:
                end.transport.abort()
            await asyncio.sleep(0)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(BlockingIOError, ConnectionAbortedError):  # the client has gone again
            client, _ = listener.accept()
            self.begin(self._loop.connect_accepted_socket(lambda: _Client(self), client))

    def _bound(self, port: int) -> socket.socket:
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((self.host, port))
        return bound


class _End(asyncio.Protocol):
    """An end of a connection through the proxy; its peer sends the data that it receives."""

    transport: asyncio.Transport

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.peer: _End | None = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.proxy.ends.add(self)
        self.flow()

    def flow(self) -> None:
        """Read on if the proxy passes data on, else pause."""
        if self.proxy.flows and self.peer is not None:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        if self.peer is not None:
            self.peer.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.proxy.ends.discard(self)
        self.lost = True
        if self.peer is not None:
            self.peer.transport.close()


class _Client(_End):
    """The end at the client that connected."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connecting = self.proxy.begin(self._connect())

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._connecting.cancel()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: _Service(self), *self.proxy.target)
        except OSError:
            self.transport.abort()  # the service itself is down


class _Service(_End):
    """The end at the service, for a client."""

    def __init__(self, client: _Client) -> None:
        super().__init__(client.proxy)
        self.peer = self.client = client
        self.sent = b""  # what the service has sent, where a match of it is cut behind

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.client.lost:
            self.transport.abort()
        self.client.peer = self
        self.client.flow()

    def data_received(self, data: bytes) -> None:
        cut = self.proxy.cut and self.proxy.cut.search(self.sent + data)
        if not cut:
            self.sent += data if self.proxy.cut else b""
            super().data_received(data)
            return
        super().data_received(data[: cut.end() - len(self.sent)])
        self.proxy.cuts += 1
        self.transport.abort()  # and the end at the client closes when it has sent that
