"""All that a web node loads before its first request."""

from importlib import import_module

from django.conf import settings

import_module("tests.background.nodes.urls")
if settings.PARTSTREAM["BACKGROUND"] == "celery":
    import_module("tests.background.site.celery")
