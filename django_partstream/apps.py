"""The app that registers the system checks; nothing else depends on it being installed."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import Tags, register

from django_partstream.checks import (
    check_policies,
    check_settings,
    check_tenancy,
    check_thread_locals,
)


class PartstreamConfig(AppConfig):
    """Add ``"django_partstream"`` to ``INSTALLED_APPS`` to have the setting checked."""

    name = "django_partstream"
    verbose_name = "Partstream"

    def ready(self) -> None:
        """Register the checks."""
        register(check_settings)
        register(check_tenancy)
        register(check_thread_locals)
        register(check_policies, Tags.database)
