"""Celery's brokers: Redis or RabbitMQ, with a proxy before it, and queues of the test's own."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import redis
from kombu import Connection

from tests import services
from tests.proxy import Proxy

URLS = {"redis": services.REDIS_URL, "rabbitmq": services.RABBITMQ_URL}


class Broker:
    """
    A broker of a kind in ``URLS``, and two queues of the name *queue* in it.

    Workers are at *url*. Servers are behind *proxy*, at *url_of_servers*.
    """

    def __init__(self, kind: str, queue: str) -> None:
        self.kind, self.queue, self.other_queue = kind, queue, f"{queue}-other"
        self.url = URLS[kind]
        place = urlsplit(self.url)
        port = place.port or {"redis": 6379, "rabbitmq": 5672}[kind]
        self.proxy = Proxy(place.hostname or "127.0.0.1", port)
        self._user = place.netloc.rpartition("@")[0]

    def __enter__(self) -> Broker:
        self.proxy.__enter__()
        user = f"{self._user}@" if self._user else ""
        netloc = f"{user}127.0.0.1:{self.proxy.port}"
        self.url_of_servers = urlsplit(self.url)._replace(netloc=netloc).geturl()
        return self

    def __exit__(self, *exc: object) -> None:
        self.proxy.__exit__(*exc)
        if self.kind == "redis":
            forget(self.url, self.queue)
            return
        with self._connected() as connection:
            for queue in (self.queue, self.other_queue):
                connection.default_channel.queue_delete(queue)
                connection.default_channel.exchange_delete(queue)

    def environ(self) -> dict[str, Any]:
        """The environment of a worker or, with :attr:`url_of_servers`, of a server."""
        options: dict[str, Any] = {"max_retries": 0}
        if self.kind == "redis":
            options |= {"socket_connect_timeout": 1, "socket_timeout": 1}
            options |= {"global_keyprefix": f"{self.queue}:"}
        return {
            "SITE_BROKER": self.url,
            "SITE_BROKER_OPTIONS": options,
            "SITE_QUEUE": self.queue,
            "SITE_OTHER_QUEUE": self.other_queue,
        }

    def waiting(self, queue: str | None = None) -> int:
        """The number of messages that wait in a queue, by default the first."""
        queue = queue or self.queue
        if self.kind == "redis":
            with redis.Redis.from_url(self.url) as client:
                return int(client.llen(f"{self.queue}:{queue}"))  # a list, behind the prefix
        with self._connected() as connection:
            found = connection.default_channel.queue_declare(queue, passive=True)
            return int(found.message_count)

    def _connected(self) -> Connection:
        return Connection(self.url, transport_options=self.environ()["SITE_BROKER_OPTIONS"])


def forget(url: str, prefix: str) -> None:
    """Delete the keys in Redis that hold *prefix*."""
    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter(match=f"*{prefix}*"):
            client.delete(key)
