from importlib import import_module

from django.apps import AppConfig

from django_partstream.conf import setting


class ExampleSchemaConfig(AppConfig):
    name = "example_schema"
    verbose_name = "Example shop"

    def ready(self) -> None:
        """Make the Celery app that of this process, which sends messages."""
        if setting("BACKGROUND") == "celery":
            import_module("example_schema.celery")
