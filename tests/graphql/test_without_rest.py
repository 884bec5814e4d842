"""DRF's exceptions over GraphQL, in a process that never imports the REST front."""

import json
import subprocess
import sys
from textwrap import dedent

import pytest

SCRIPT = """
import json, sys
import django
from django.conf import settings

settings.configure(SECRET_KEY="k" * 50, INSTALLED_APPS=["graphene_django"], LOGGING_CONFIG=None)
django.setup()

import graphene
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField

assert not [name for name in sys.modules if name.startswith(("rest_framework", "partstream_rest"))]

from rest_framework import exceptions
from django_partstream import lazy, safe_call

KINDS = {
    "denied": exceptions.PermissionDenied("Told."),
    "anonymous": exceptions.NotAuthenticated(),
    "missing": exceptions.NotFound(),
    "throttled": exceptions.Throttled(wait=3),
    "wrong": exceptions.ValidationError({"day": ["Told."]}),
    "own": exceptions.APIException("Told.", code="sold_out"),
}


def raising(exc):
    def load(request):
        raise exc

    return load


class Dashboard(ProgressiveConnection):
    chunk_size = 9
    safe = Part(graphene.Int)
    for name in KINDS:
        vars()[name] = Part(graphene.Int)

    def get_parts(self):
        safe = safe_call(raising(KINDS["denied"]), fallback=1)
        return [("safe", lazy(safe)), *((name, lazy(raising(exc))) for name, exc in KINDS.items())]


class Refusing:
    def has_permission(self, request, view):
        raise exceptions.NotAuthenticated


class Refused(Dashboard):
    permission_classes = [Refusing]


class Query(graphene.ObjectType):
    dashboard = ProgressiveConnectionField(Dashboard)
    refused = ProgressiveConnectionField(Refused, required=False)


schema = graphene.Schema(query=Query)
text = "{ dashboard { edges { node { name status error { code message } %s } } } }"
result = schema.execute(text % " ".join(["safe", *KINDS]))
assert not result.errors, result.errors
ends = [
    [node["name"], node["status"], node["error"]["code"], node["error"]["message"]]
    for node in (edge["node"] for edge in result.data["dashboard"]["edges"])
]
refusal = schema.execute("{ refused { safe } }").errors[0]
assert "partstream_rest" not in sys.modules
print(json.dumps([ends, [refusal.message, refusal.extensions]]))
"""


def test_drf_exceptions_keep_their_codes_where_partstream_rest_is_not_imported():
    pytest.importorskip("rest_framework")
    run = subprocess.run(
        [sys.executable, "-c", dedent(SCRIPT)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    ends, refusal = json.loads(run.stdout)
    assert ends == [
        ["safe", "DENIED", "permission_denied", "Told."],
        ["denied", "DENIED", "permission_denied", "Told."],
        ["anonymous", "DENIED", "not_authenticated", "Authentication credentials were not provided."],
        ["missing", "ERROR", "not_found", "Not found."],
        ["throttled", "ERROR", "throttled", "Request was throttled. Expected available in 3 seconds."],
        ["wrong", "ERROR", "invalid", "day: Told."],
        ["own", "ERROR", "sold_out", "Told."],
    ]  # fmt: skip
    assert refusal == ["Authentication credentials were not provided.", {"code": "FORBIDDEN"}]
