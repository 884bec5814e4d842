"""The site as an app, whose processes trace and report if a test asks for it."""

import json
import os

from django.apps import AppConfig

from tests import observed
from tests.background.site.events import tell


class SiteConfig(AppConfig):
    name = "tests.background.site"

    def ready(self):
        wanted = json.loads(os.environ.get("SITE_OBSERVED", "[]"))
        if "traces" in wanted:
            from opentelemetry.instrumentation.django import DjangoInstrumentor
            from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor

            observed.trace(tell, DjangoInstrumentor(), SQLite3Instrumentor())
        if "celery" in wanted:
            from opentelemetry.instrumentation.celery import CeleryInstrumentor

            CeleryInstrumentor().instrument()
        if "sentry" in wanted:
            observed.report(tell)
