"""Rare requests and options: our view answers as graphene-django's own does."""

import json

import graphene
import pytest
from django.db import connection
from django.urls import path
from graphene_django.constants import MUTATION_ERRORS_FLAG
from graphene_django.settings import graphene_settings
from graphene_django.views import GraphQLView

from example_schema.models import Customer
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField

try:
    from graphql import ExecutionContext

    IS_3_3 = False
except ImportError:
    from graphql.execution import Executor as ExecutionContext

    IS_3_3 = True

RAN = []


class Dashboard(ProgressiveConnection):
    a = Part(graphene.Int)

    def resolve_a(self, info):
        RAN.append("a")
        return 1


class Add(graphene.Mutation):
    """Adds a customer; it marks its request as failed where it is asked to."""

    class Arguments:
        fail = graphene.Boolean(default_value=False)

    added = graphene.Boolean()

    def mutate(self, info, fail):
        RAN.append("add")
        Customer.objects.create(name="added", email="added@example.com", city="x")
        setattr(info.context, MUTATION_ERRORS_FLAG, fail)
        return Add(added=True)


class Query(graphene.ObjectType):
    dashboard = ProgressiveConnectionField(Dashboard)


class Mutation(graphene.ObjectType):
    add = Add.Field()


SCHEMA = graphene.Schema(query=Query, mutation=Mutation)


@pytest.fixture(autouse=True)
def _nothing_ran():
    RAN.clear()


@pytest.fixture
def post(serve, view_class):
    """``post(text, variables=..., **options of the view)``: status and body of the response."""

    def posted(text, *, variables=None, schema=SCHEMA, **options):
        client = serve(path("graphql/", view_class.as_view(schema=schema, **options)))
        body = {"query": text, "variables": variables}
        response = client.post("/graphql/", body, content_type="application/json")
        return response.status_code, response.json()

    return posted


class TestWhereGraphiQLCouldBeShown:
    """A subclass may ask for an answer, and show GraphiQL where there is none."""

    @pytest.mark.parametrize("text", ["", "mutation { add { added } }"])
    def test_a_get_that_runs_nothing_has_no_answer(self, rf, view_class, text):
        view = view_class(schema=SCHEMA)
        request = rf.get("/", {"query": text})
        assert view.get_response(request, {}, show_graphiql=True) == (None, 200)
        assert RAN == []

    def test_a_get_that_runs_a_query_has_its_answer(self, rf, view_class):
        view = view_class(schema=SCHEMA)
        request = rf.get("/", {"query": "{ dashboard { a } }"})
        result, status = view.get_response(request, {}, show_graphiql=True)
        assert (json.loads(result), status) == ({"data": {"dashboard": {"a": 1}}}, 200)

    @pytest.mark.parametrize("text", ["", "{ dashboard { a } }", "mutation { add { added } }"])
    def test_a_browser_is_shown_graphiql_and_nothing_runs(self, serve, view_class, text):
        client = serve(path("graphql/", view_class.as_view(schema=SCHEMA, graphiql=True)))
        page = client.get("/graphql/", {"query": text}, HTTP_ACCEPT="text/html")
        assert page.status_code == 200
        assert b"graphiql" in page.content
        assert RAN == []


def test_a_schema_that_is_not_valid_answers_with_its_errors(post):
    schema = graphene.Schema(query=Query, mutation=Mutation)
    schema.graphql_schema.query_type = None
    status, body = post("{ dashboard { a } }", schema=schema)
    assert status == 400
    assert [error["message"] for error in body["errors"]] == ["Query root type must be provided."]
    assert RAN == []


def test_an_execution_context_of_ones_own_executes(post, view_class):
    if IS_3_3 and view_class is GraphQLView:
        pytest.skip("graphene-django gives graphql-core 3.3 the class by a name of 3.2")
    used = []

    class Own(ExecutionContext):
        def execute_operation(self, *args):
            used.append(type(self))
            return super().execute_operation(*args)

    status, body = post("{ dashboard { a } }", execution_context_class=Own)
    assert (status, body) == (200, {"data": {"dashboard": {"a": 1}}})
    assert used == [Own]


def test_an_execution_that_raises_answers_with_the_text_of_its_error(serve, view_class):
    class View(view_class):
        def get_context(self, request):
            raise LookupError("there is no context")

    client = serve(path("graphql/", View.as_view(schema=SCHEMA)))
    body = {"query": "{ dashboard { a } }"}
    response = client.post("/graphql/", body, content_type="application/json")
    assert response.status_code == 400
    assert response.json()["errors"][0]["message"] == "there is no context"
    assert RAN == []


def test_variables_that_are_a_list_run_nothing(post):
    text = "query ($first: Int) { dashboard(first: $first) { a } }"
    status, body = post(text, variables=[1])
    assert (status, len(body["errors"])) == (400, 1)
    assert RAN == []


class TestAnAtomicMutation:
    @pytest.fixture(params=["setting", "database", "not atomic"])
    def atomic(self, request, monkeypatch):
        """Whether mutations run in a transaction, and where that is said."""
        if request.param == "setting":
            monkeypatch.setattr(graphene_settings, "ATOMIC_MUTATIONS", True)
        if request.param == "database":
            monkeypatch.setitem(connection.settings_dict, "ATOMIC_MUTATIONS", True)
        return request.param != "not atomic"

    @pytest.mark.django_db(transaction=True)
    def test_a_mutation_that_marks_its_request_as_failed_is_rolled_back(self, post, atomic):
        status, body = post("mutation { add(fail: true) { added } }")
        assert (status, body) == (200, {"data": {"add": {"added": True}}})
        assert Customer.objects.count() == (0 if atomic else 1)

    @pytest.mark.django_db(transaction=True)
    def test_a_mutation_that_marks_nothing_is_committed(self, post, atomic):
        assert post("mutation { add { added } }")[0] == 200
        assert Customer.objects.count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_a_query_runs_in_no_transaction(self, post, atomic, monkeypatch):
        seen = []
        monkeypatch.setattr(
            Dashboard, "resolve_a", lambda self, info: seen.append(connection.in_atomic_block)
        )
        assert post("{ dashboard { a } }")[0] == 200
        assert seen == [False]
