"""Have this process trace, or report to Sentry, if the test asks for it."""

import os

from tests import observed
from tests.server.site.events import write


def begin():
    """Begin before the application is made: the instrumentation of Django adds a middleware."""
    wanted = os.environ.get("SITE_OBSERVED")
    if wanted == "traces":
        from opentelemetry.instrumentation.django import DjangoInstrumentor
        from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor

        observed.trace(write, DjangoInstrumentor(), SQLite3Instrumentor())
    elif wanted == "sentry":
        from sentry_sdk.integrations.graphene import GrapheneIntegration

        observed.report(write, GrapheneIntegration())
