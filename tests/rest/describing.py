"""OpenAPI schemas of views, for tests."""

from functools import lru_cache

from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import patched_settings
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator

from django_partstream import ProgressiveView


class OtherView(ProgressiveView):
    """A view without a manifest."""

    def get_parts(self):
        raise AssertionError("a schema is made without the code of the view")


def view_of(manifest, name="OneView"):
    """A view with that *manifest*."""
    return type(name, (OtherView,), {"manifest": manifest})


def schema_of(*views, version="3.0.3", **settings):
    """The schema of *views*, or routes, which is valid."""
    routes = [
        view if hasattr(view, "pattern") else path(f"{view.__name__}/", view.as_view())
        for view in views
    ]
    with patched_settings({"OAS_VERSION": version, **settings}):
        schema = SchemaGenerator(patterns=routes).get_schema(request=None, public=True)
        validate_schema(schema)
    return schema


def components(*views, **settings):
    return schema_of(*views, **settings)["components"]["schemas"]


def typed(kind, *, version="3.0.3", **settings):
    """The schema of a part whose type is *kind*: on a page, and by itself."""
    found = components(view_of({"a": kind}), version=version, **settings)
    return found["OneResult"]["properties"]["a"], found["OneParts"]["properties"]["a"]


@lru_cache
def validator(name, view):
    """Of the component *name* in the schema of *view*."""
    found = components(view, version="3.1.1")
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": found}}
    return Draft202012Validator(schema)


def is_valid(name, value, view):
    """Whether *value* is one of the component *name* in the schema of *view*."""
    return validator(name, view).is_valid(value)


def ref(name):
    """A reference to the component *name*."""
    return {"$ref": f"#/components/schemas/{name}"}
