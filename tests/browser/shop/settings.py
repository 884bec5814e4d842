"""The settings of the shop, with the middleware that compresses responses."""

from example_schema import settings
from example_schema.settings import *  # noqa: F403

MIDDLEWARE = ["django.middleware.gzip.GZipMiddleware", *settings.MIDDLEWARE]
