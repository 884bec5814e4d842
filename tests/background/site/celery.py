"""The Celery app of the site, for its server processes and its workers."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.background.site.settings")

app = Celery("site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.imports = ["django_partstream.engines.celery"]
