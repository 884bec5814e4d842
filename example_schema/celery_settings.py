"""
Settings of the example shop for ``make demo-celery``: slow parts are computed by a Celery worker.

The server and the worker share a cache in Redis, which is also the broker. ``EXAMPLE_REDIS_URL``
names another Redis than the one on this machine.
"""

import os

from example_schema import settings
from example_schema.settings import *  # noqa: F403

EXAMPLE_REDIS_URL = os.environ.get("EXAMPLE_REDIS_URL") or "redis://127.0.0.1:6379/0"

PARTSTREAM = {**settings.PARTSTREAM, "BACKGROUND": "celery"}

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": EXAMPLE_REDIS_URL,
        "KEY_PREFIX": "partstream-demo",
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    },
}

CELERY_BROKER_URL = EXAMPLE_REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# No page waits for a broker that does not answer.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": "partstream-demo:",  # beside the queues of other programs
    "max_retries": 0,
    "socket_connect_timeout": 1,
    "socket_timeout": 1,
}
