from django.apps import AppConfig


class ExampleSchemaConfig(AppConfig):
    name = "example_schema"
    verbose_name = "Example shop"
