"""The Celery app of the example shop; ``make demo-celery`` starts its worker."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_schema.celery_settings")

app = Celery("example_schema")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.imports = ["django_partstream.engines.celery"]
