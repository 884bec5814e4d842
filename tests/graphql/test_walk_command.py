"""``manage.py partstream walk Query.field``: a connection is walked with a query for all its parts."""

from enum import Enum

import graphene
import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from graphene import relay
from graphene_django import DjangoConnectionField, DjangoListField, DjangoObjectType, views
from graphene_django import settings as graphene_django
from graphene_django.registry import Registry
from graphene_django.views import GraphQLView
from graphql import GraphQLError

from django_partstream import lazy, safe_call
from django_partstream.testing import part_fails
from example_schema.models import Customer, Order
from partstream_graphql import (
    Part,
    ProgressiveConnection,
    ProgressiveConnectionField,
    ProgressiveGraphQLView,
    TrustedDocuments,
)
from partstream_graphql.walking import ConnectionWalker
from tests.commands import figures, walk
from tests.pending import Work

pytestmark = pytest.mark.django_db


class Store(graphene.ObjectType):
    class Meta:
        name = "WalkedStore"

    name = graphene.String()
    city = graphene.String()


class Numbers(ProgressiveConnection):
    """Two plain parts, and a part with an argument."""

    chunk_size = 1

    class Meta:
        name = "WalkedNumbers"

    one = Part(graphene.Int)
    two_times = Part(graphene.Int, number=graphene.Int(default_value=1))
    store = Part(Store)

    def resolve_one(self, info):
        return 1

    def resolve_two_times(self, info, number):
        return 2 * number

    def resolve_store(self, info):
        return {"name": "Corner", "city": self.request.user.get_username()}


@pytest.fixture
def serve_schema(settings, monkeypatch):
    """Make a schema of these root fields that of graphene-django's settings."""

    def served(**fields):
        schema = graphene.Schema(query=type("Query", (graphene.ObjectType,), fields))
        settings.GRAPHENE = {"SCHEMA": schema}
        monkeypatch.setattr(views, "graphene_settings", graphene_django.graphene_settings)
        return schema

    return served


@pytest.fixture
def schema_of(serve_schema):
    """Make a schema of ``Query { dashboard }`` that of graphene-django's settings."""

    def made(connection, **field):
        return serve_schema(dashboard=ProgressiveConnectionField(connection, **field))

    return made


def connection_of(**members):
    """A connection of the parts among *members*."""
    meta = type("Meta", (), {"name": "Walked"})
    return type("Walked", (ProgressiveConnection,), {"Meta": meta, **members})


def query_of(**options):
    return ConnectionWalker("Query.dashboard", **{"schema": None, "given": {}, **options})._query


def test_every_part_is_selected_with_its_scalar_fields(schema_of):
    schema_of(Numbers)
    told = figures("Query.dashboard")
    assert (told.code, told.json["target"], told.json["pages"]) == (0, "Query.dashboard", 3)
    assert {name: part["bytes"] for name, part in told.parts.items()} == {
        "one": len("1"),
        "twoTimes": len("2"),
        "store": len('{"name":"Corner","city":""}'),
    }
    assert all(part["ms"] is not None for part in told.parts.values())


def test_a_field_may_be_named_as_python_does(serve_schema):
    serve_schema(my_shop=ProgressiveConnectionField(Numbers))
    assert figures("Query.my_shop").code == 0


def test_a_user_is_the_user_of_the_request(schema_of):
    User.objects.create_user("ann")
    schema_of(Numbers)
    told = figures("Query.dashboard", "--user", "ann")
    assert told.parts["store"]["bytes"] == len('{"name":"Corner","city":"ann"}')


def test_an_argument_of_a_part_is_passed_on(schema_of):
    schema_of(Numbers)
    told = figures("Query.dashboard", "--arg", "twoTimes.number=50")
    assert told.parts["twoTimes"]["bytes"] == len("100")


def test_an_argument_of_the_field_is_passed_on(schema_of):
    class Chosen(Numbers):
        class Meta:
            name = "WalkedChosen"

        def get_parts(self):
            return [("one", self.args["store"])]

    schema_of(Chosen, store=graphene.Int(required=True))
    assert figures("Query.dashboard", "--arg", "store=1234").parts["one"]["bytes"] == len("1234")
    told = walk("Query.dashboard")
    assert (told.code, told.error) == (2, "dashboard needs --arg store=VALUE (Int!).")


def test_a_value_that_does_not_suit_its_type_is_told_with_the_argument(schema_of):
    schema_of(Numbers)
    told = walk("Query.dashboard", "--arg", "twoTimes.number=x")
    assert told.code == 2
    assert "Variable '$twoTimes__number' " in told.error  # graphql-core's words differ from here on
    assert "Int cannot represent non-integer value: 'x'" in told.error


def test_a_schema_that_spells_fields_as_python_does_is_walked(settings, at_once):
    work = Work({"one_work": 1})
    waits = connection_of(
        one_work=Part(graphene.String),
        get_parts=lambda self: [("one_work", lazy(lambda request: work.look("one_work")))],
    )
    query = type("Query", (graphene.ObjectType,), {"the_board": ProgressiveConnectionField(waits)})
    settings.GRAPHENE = {"SCHEMA": graphene.Schema(query=query, auto_camelcase=False)}
    told = figures("Query.the_board")
    assert (told.code, [*told.parts]) == (0, ["one_work"])
    assert told.parts["one_work"]["pending_ms"] is not None


def test_a_part_that_lacks_an_argument_is_named_and_left_out(schema_of):
    class Lacking(Numbers):
        class Meta:
            name = "WalkedLacking"

        sized = Part(graphene.Int, size=graphene.Int(required=True))

        def resolve_sized(self, info, size):
            return size

    schema_of(Lacking)
    told = walk("Query.dashboard")
    assert told.code == 0
    assert "Not selected: sized needs --arg sized.size=VALUE (Int!).\n" in told.out
    told = figures("Query.dashboard", "--arg", "sized.size=123")
    assert (told.json["not_selected"], told.parts["sized"]["bytes"]) == ([], len("123"))


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (graphene.Int, "7", 7),
        (graphene.Boolean, "true", True),
        (graphene.String, "7", "7"),
        (graphene.ID, "7", "7"),
        (graphene.Date, "2026-01-02", "2026-01-02"),
        (graphene.List(graphene.Int), "[1, 2]", [1, 2]),
        (graphene.List(graphene.String), '["a"]', ["a"]),
        (graphene.Enum.from_enum(Enum("WalkedColor", "RED")), "RED", "RED"),
    ],
)
def test_an_argument_is_read_as_its_type_needs(type_, text, value, schema_of):
    schema_of(Numbers, given=graphene.Argument(type_))
    assert query_of(given={"given": text}).variables == {"given": value}


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("nothing=1", "dashboard has no argument 'nothing'. It has: store, twoTimes.number."),
        ("two_times.number=1", "no argument 'two_times.number'. It has: store, twoTimes.number."),
        ("first=1", "A walk gives 'first' itself."),
        ("after=1", "A walk gives 'after' itself."),
    ],
)
def test_an_unknown_argument_is_exit_code_2(argument, reason, schema_of):
    schema_of(Numbers, store=graphene.Int())
    told = walk("Query.dashboard", "--arg", argument)
    assert told.code == 2
    assert reason in told.error


#: Types of other tests for the same models are in the registry that is shared.
REGISTRY = Registry()


class CustomerRow(DjangoObjectType):
    class Meta:
        registry = REGISTRY
        model = Customer
        name = "WalkedCustomer"
        fields = ("name", "orders")


class OrderRow(DjangoObjectType):
    class Meta:
        registry = REGISTRY
        model = Order
        name = "WalkedOrder"
        fields = ("total", "customer")
        interfaces = (relay.Node,)


class Tree(graphene.ObjectType):
    class Meta:
        name = "WalkedTree"

    name = graphene.String()
    inner = graphene.Field(lambda: Tree)
    store = graphene.Field(Store)
    sized = graphene.String(size=graphene.Int(required=True))
    stores = graphene.List(Store)


class AnyOf(graphene.Union):
    class Meta:
        name = "WalkedAny"
        types = (Store, Tree)


def selected(schema_of, part):
    """The selection for *part*."""
    schema_of(connection_of(a=part, resolve_a=lambda self, info: None))
    text = query_of().text
    return text.partition("reference } a")[2].removesuffix(" } } } }").strip()


def test_objects_below_a_part_are_selected_and_a_type_not_below_itself(schema_of):
    assert selected(schema_of, Part(Tree)) == ("{ name store { name city } stores { name city } }")


def test_lists_below_a_row_are_left_out_and_the_row_it_points_to_is_not(schema_of):
    assert selected(schema_of, Part(DjangoListField(OrderRow))) == (
        "{ customer { name } total id }"
    )


def test_the_rows_of_a_connection_of_a_part_are_selected(schema_of):
    assert selected(schema_of, Part(DjangoConnectionField(OrderRow))) == (
        "{ pageInfo { hasNextPage hasPreviousPage startCursor endCursor } "
        "edges { node { customer { name } total id } cursor } }"
    )


def test_a_union_is_selected_by_the_name_of_its_types(schema_of):
    assert selected(schema_of, Part(AnyOf)) == "{ __typename }"


def fails(request):
    raise ValueError("no data")


def denied(request):
    raise PermissionDenied


@pytest.mark.parametrize(
    ("function", "status", "code"),
    [(fails, "error", "part_failed"), (denied, "denied", "permission_denied")],
)
def test_a_part_that_fails_is_exit_code_1(function, status, code, schema_of):
    schema_of(connection_of(a=Part(graphene.Int), get_parts=lambda self: [("a", lazy(function))]))
    told = figures("Query.dashboard")
    assert (told.code, told.error) == (1, f"a ended {status} in 1 of 1 walk.")
    (failure,) = told.parts["a"]["failures"]
    assert (failure["status"], failure["code"]) == (status, code)


def test_a_part_that_fails_on_its_resolver_is_exit_code_1(schema_of):
    schema_of(Numbers)
    with part_fails("one"):
        told = walk("Query.dashboard")
    assert (told.code, told.error) == (1, "one ended error in 1 of 1 walk.")


def test_a_part_with_its_fallback_is_exit_code_0(schema_of):
    schema_of(
        connection_of(
            a=Part(graphene.Int), get_parts=lambda self: [("a", lazy(safe_call(fails, fallback=7)))]
        )
    )
    told = figures("Query.dashboard")
    assert (told.code, told.parts["a"]["fallbacks"]) == (0, 1)


def test_a_field_below_a_part_that_fails_is_exit_code_1(schema_of):
    class Broken(graphene.ObjectType):
        class Meta:
            name = "WalkedBroken"

        name = graphene.String()

        def resolve_name(self, info):
            raise LookupError("no name")

    schema_of(connection_of(a=Part(Broken), resolve_a=lambda self, info: {}))
    told = figures("Query.dashboard")
    assert (told.code, told.error) == (1, "a ended error in 1 of 1 walk.")
    (failure,) = told.parts["a"]["failures"]
    assert failure["code"] == "internal_server_error"


def test_pending_parts_are_waited_for(schema_of, at_once):
    work = Work({"a": 3})
    schema_of(
        connection_of(
            a=Part(graphene.String),
            get_parts=lambda self: [("a", lazy(lambda request: work.look("a")))],
        )
    )
    told = walk("Query.dashboard")
    assert told.code == 0
    assert told.out.startswith("  a  pending\n  a  ok")


def test_a_refused_connection_is_exit_code_1(schema_of):
    schema_of(connection_of(a=Part(graphene.Int), resolve_a=id, has_permission=lambda *_: False))
    told = walk("Query.dashboard")
    assert (told.code, told.error) == (
        1,
        "Query.dashboard: You do not have permission to see this.",
    )


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("Query.nothing", "The schema has no Query.nothing. Its progressive connections: Query."),
        ("Mutation.dashboard", "The schema has no Mutation.dashboard."),
        ("Query.plain", "Query.plain is no ProgressiveConnectionField."),
    ],
)
def test_an_unknown_field_is_exit_code_2(target, reason, serve_schema):
    serve_schema(dashboard=ProgressiveConnectionField(Numbers), plain=graphene.Int())
    told = walk(target)
    assert told.code == 2
    assert reason in told.error


class Sender:
    schema = graphene.Schema(
        query=type(
            "Query", (graphene.ObjectType,), {"dashboard": ProgressiveConnectionField(Numbers)}
        )
    )


@pytest.mark.parametrize(
    ("setting", "arguments", "reason"),
    [
        (None, ["--schema", "nowhere.schema"], "The schema cannot be imported: No module"),
        (None, ["--schema", f"{__name__}.Store"], "is a ObjectTypeMeta"),
        ("nowhere.schema", [], "The schema cannot be imported: Could not import"),
    ],
)
def test_a_schema_that_is_not_there_is_exit_code_2(setting, arguments, reason, settings):
    settings.GRAPHENE = {"SCHEMA": setting}
    told = walk("Query.dashboard", *arguments)
    assert told.code == 2
    assert reason in told.error


def test_the_schema_that_the_urls_serve_is_walked_where_the_settings_name_none(settings, serve):
    settings.GRAPHENE = {}
    view = GraphQLView.as_view(schema=Sender.schema)
    serve(path("graphql/", view), path("graphiql/", GreetingView.as_view(schema=Sender.schema)))
    assert walk("Query.dashboard").code == 0


@pytest.mark.parametrize("number", [0, 2])
def test_no_schema_and_several_schemas_in_the_urls_are_exit_code_2(
    number, settings, serve, monkeypatch
):
    settings.GRAPHENE = {}
    monkeypatch.setattr(views, "graphene_settings", graphene_django.graphene_settings)
    schemas = [None, Sender.schema, graphene.Schema(query=Sender.schema.query)][: number + 1]
    serve(*[path(f"{n}/", GraphQLView.as_view(schema=each)) for n, each in enumerate(schemas)])
    told = walk("Query.dashboard")
    assert told.code == 2
    assert told.error == (
        f'GRAPHENE["SCHEMA"] names no schema, and the URLs serve {number} of them. '
        "Pass --schema PACKAGE.schema.schema."
    )


def test_a_schema_may_be_named(settings):
    settings.GRAPHENE = {}
    assert walk("Query.dashboard", "--schema", f"{__name__}.Sender.schema").code == 0


def test_a_stream_is_for_rest(schema_of):
    schema_of(Numbers)
    told = walk("Query.dashboard", "--stream")
    assert told.code == 2
    assert "GraphQL is walked by pages." in told.error


class GreetingView(GraphQLView):
    """A project's own view, whose context its resolvers need."""

    def get_context(self, request):
        request.greeting = "hello"
        return request


Greeted = {"a": Part(graphene.String), "resolve_a": lambda self, info: info.context.greeting}


@pytest.mark.parametrize("base", [GraphQLView, ProgressiveGraphQLView])
@pytest.mark.parametrize("by", ["settings", "route"])
def test_the_view_of_the_project_answers_if_it_serves_the_schema(base, by, schema_of, serve):
    kind = type("View", (GreetingView, base) if base is not GraphQLView else (GreetingView,), {})
    schema = schema_of(connection_of(**Greeted))
    view = kind.as_view() if by == "settings" else kind.as_view(schema=schema)
    serve(path("api/", include([path("graphql/", csrf_exempt(view))])))
    told = figures("Query.dashboard")
    assert (told.code, told.parts["a"]["bytes"]) == (0, len('"hello"'))


@pytest.mark.parametrize("route", ["<int:shop>/graphql/", "graphql/"])
def test_a_view_that_needs_arguments_or_batches_does_not_answer(route, schema_of, serve):
    schema = schema_of(connection_of(**Greeted))
    batch = "<" not in route
    serve(path(route, GreetingView.as_view(schema=schema, batch=batch)))
    told = figures("Query.dashboard")
    assert told.code == 1
    assert told.parts["a"]["failures"][0]["code"] == "part_failed"


def test_a_view_of_another_schema_does_not_answer(schema_of, serve):
    schema_of(Numbers)
    serve(path("graphql/", GreetingView.as_view(schema=Sender.schema)))
    assert figures("Query.dashboard").code == 0


def test_a_view_for_trusted_documents_says_why_it_refuses(schema_of, serve):
    schema = schema_of(Numbers)
    view = ProgressiveGraphQLView.as_view(schema=schema, persisted=TrustedDocuments({}))
    serve(path("graphql/", view))
    told = walk("Query.dashboard")
    assert told.code == 2
    assert told.error.startswith("Query.dashboard: ")


def test_a_query_that_passes_a_limit_says_which(schema_of, settings):
    schema_of(Numbers)
    settings.PARTSTREAM = {"MAX_QUERY_PARTS": 2}
    told = walk("Query.dashboard")
    assert told.code == 2
    assert "2 parts" in told.error


def test_an_answer_that_is_no_json_is_exit_code_1(schema_of, serve):
    class Broken(GraphQLView):
        def dispatch(self, request, *args, **kwargs):
            raise LookupError("no view")

    serve(path("graphql/", Broken.as_view(schema=schema_of(Numbers))))
    told = walk("Query.dashboard")
    assert (told.code, told.error) == (1, "Query.dashboard: 500, LookupError: no view")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (HttpResponseRedirect("/login/"), "302, a redirect to /login/. Walk that address; if"),
        (JsonResponse({"detail": "No."}, status=403), "403, No. Say who asks, by --user or"),
        (HttpResponse("<h1>No</h1>", status=403), "403. Say who asks, by --user or"),
        (HttpResponse("x"), "200 text/html is no result of GraphQL."),
    ],
)
def test_an_answer_that_is_no_result_is_told_with_the_remedy(answer, reason, schema_of, serve):
    class Refusing(GraphQLView):
        def dispatch(self, request, *args, **kwargs):
            return answer

    serve(path("graphql/", Refusing.as_view(schema=schema_of(Numbers))))
    told = walk("Query.dashboard")
    assert told.code == 1
    assert told.error.startswith(f"Query.dashboard: {reason}")


def test_an_exception_through_the_handler_is_exit_code_1(schema_of, settings):
    settings.DEBUG_PROPAGATE_EXCEPTIONS = True
    settings.MIDDLEWARE = [f"{__name__}.breaks"]
    schema_of(Numbers)
    assert walk("Query.dashboard").error == "Query.dashboard: LookupError: no middleware"


def breaks(get_response):
    def middleware(request):
        raise LookupError("no middleware")

    return middleware


def test_a_walk_that_is_refused_on_its_way_is_exit_code_1(schema_of):
    answers = iter([True, False])

    def has_permission(self, info):
        if not next(answers):
            raise GraphQLError("closed")
        return True

    schema_of(
        type(
            "Closing",
            (Numbers,),
            {
                "Meta": type("Meta", (), {"name": "WalkedClosing"}),
                "has_permission": has_permission,
            },
        )
    )
    told = walk("Query.dashboard")
    assert (told.code, told.error) == (1, "Query.dashboard: closed")
    assert "one  ok" in told.out
