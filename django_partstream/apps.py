"""The app that registers the system checks; nothing else depends on it being installed."""

from __future__ import annotations

from contextlib import suppress

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.core.exceptions import ImproperlyConfigured

from django_partstream import checks
from django_partstream.conf import setting
from django_partstream.jobs.engine import current_engine


class PartstreamConfig(AppConfig):
    """Add ``"django_partstream"`` to ``INSTALLED_APPS`` to have the setting checked."""

    name = "django_partstream"
    verbose_name = "Partstream"

    def ready(self) -> None:
        """Register the checks, and the task that workers of Celery run."""
        for check in (
            checks.check_settings,
            checks.check_tenancy,
            checks.check_thread_locals,
            checks.check_engine,
            checks.check_functions,
            checks.check_background_caches,
            checks.check_celery,
            checks.check_open_connections,
        ):
            register(check)
        register(checks.check_policies, Tags.database)
        if setting("BACKGROUND") == "celery":
            with suppress(ImproperlyConfigured):  # check_engine() says so
                current_engine()
