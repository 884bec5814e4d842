"""The context of a query may be the request, or a dict or an object that holds it."""

from types import SimpleNamespace

import graphene
import pytest
from django.urls import path
from graphene_django.views import GraphQLView

from django_partstream import cached_for, lazy
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from partstream_graphql.http.views import ProgressiveGraphQLView


class Slotted:
    __slots__ = ("request",)

    def __init__(self, request):
        self.request = request


CONTEXTS = {
    "request": lambda request: request,
    "dict": lambda request: {"request": request},
    "dict with a user": lambda request: {"request": request, "user": request.user},
    "object": lambda request: SimpleNamespace(request=request),
    "slots": Slotted,
}


VIEWS = {"stock view": GraphQLView, "our view": ProgressiveGraphQLView}


@pytest.fixture(params=[(view, context) for view in VIEWS for context in CONTEXTS], ids="-".join)
def view_class(request):
    view, context = request.param
    make = CONTEXTS[context]
    return type("View", (VIEWS[view],), {"get_context": lambda self, request: make(request)})


def request_in(context):
    if isinstance(context, dict):
        return context["request"]
    return getattr(context, "request", context)


@pytest.fixture
def users(db, django_user_model):
    return [django_user_model.objects.create_user(name) for name in ("ann", "bob")]


def test_self_request_is_the_request_and_info_context_is_unchanged(ask):
    class Dashboard(ProgressiveConnection):
        chunk_size = 2
        a = Part(graphene.Boolean)
        b = Part(graphene.String)

        def get_parts(self):
            return [*super().get_parts()[:1], ("b", lazy(self.get_b))]

        def resolve_a(self, info):
            return self.request is request_in(info.context)

        def get_b(self, request):
            return request.path

    answer = ask(Dashboard)("{ dashboard { a b } }")
    assert answer.data["dashboard"] == {"a": True, "b": "/graphql/"}


def test_a_cursor_is_bound_to_its_user(ask, client, users):
    class Dashboard(ProgressiveConnection):
        chunk_size = 1
        a = Part(graphene.Int, resolver=lambda root, info: 1)
        b = Part(graphene.Int, resolver=lambda root, info: 2)

    ann, bob = users
    query = ask(Dashboard)
    text = "query ($after: String) { dashboard(after: $after) { a b pageInfo { endCursor } } }"
    client.force_login(ann)
    cursor = query(text).data["dashboard"]["pageInfo"]["endCursor"]
    assert query(text, after=cursor).data["dashboard"]["b"] == 2
    client.force_login(bob)
    (error,) = query(text, after=cursor).errors
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    client.logout()
    (error,) = query(text, after=cursor).errors
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


def test_a_permission_gets_the_request_as_a_get(ask, client, users):
    seen = []

    class SignedIn:
        def has_permission(self, request, connection):
            seen.append((request.method, request.path))
            return request.user.is_authenticated

    class Dashboard(ProgressiveConnection):
        permission_classes = [SignedIn]
        a = Part(graphene.Int, resolver=lambda root, info: 1)

    query = ask(Dashboard)
    assert query("{ dashboard { a } }").errors[0]["extensions"] == {"code": "FORBIDDEN"}
    client.force_login(users[0])
    assert query("{ dashboard { a } }").data == {"dashboard": {"a": 1}}
    assert seen == [("GET", "/graphql/")] * 2


def test_cached_for_keeps_a_value_for_each_user(ask, client, users):
    ran = []

    class Dashboard(ProgressiveConnection):
        a = Part(graphene.String)

        @cached_for(60)
        def resolve_a(self, info):
            ran.append(1)
            return self.request.user.username

    query = ask(Dashboard)
    for user in users:
        client.force_login(user)
        for _ in range(2):
            assert query("{ dashboard { a } }").data["dashboard"]["a"] == user.username
    assert len(ran) == 2


def test_a_failure_below_a_part_is_masked_by_the_progressive_view(ask, view_class):
    class Item(graphene.ObjectType):
        number = graphene.Int()

        def resolve_number(self, info):
            raise ValueError("secret")

    class Dashboard(ProgressiveConnection):
        chunk_size = 2
        a = Part(Item, resolver=lambda root, info: {})
        b = Part(graphene.Int, resolver=lambda root, info: 1 / 0)

    answer = ask(Dashboard)("{ dashboard { a { number } b } }")
    below, part = sorted(answer.errors, key=lambda error: error["path"])
    assert part["message"] == "This part could not be loaded."
    masked = issubclass(view_class, ProgressiveGraphQLView)
    assert below["message"] == ("Something went wrong." if masked else "secret")


class TestAPermission:
    def test_attributes_set_on_the_request_by_a_permission_stay_and_the_method_is_restored(
        self, ask
    ):
        class Tenant:
            def has_permission(self, request, connection):
                request.tenant = f"of a {request.method}"
                return True

        class Dashboard(ProgressiveConnection):
            permission_classes = [Tenant]
            a = Part(graphene.String)

            def resolve_a(self, info):
                request = request_in(info.context)
                return f"{request.tenant}, resolved in a {request.method}"

        answer = ask(Dashboard)("{ dashboard { a } }")
        assert answer.data["dashboard"]["a"] == "of a GET, resolved in a POST"

    def test_the_method_of_the_request_is_restored_after_a_permission_raised(self, ask):
        seen = []

        class Raises:
            def has_permission(self, request, connection):
                raise ValueError("secret")

        class Dashboard(ProgressiveConnection):
            permission_classes = [Raises]
            a = Part(graphene.Int, resolver=lambda root, info: 1)

            def has_permission(self, info):
                try:
                    return super().has_permission(info)
                finally:
                    seen.append(self.request.method)

        answer = ask(Dashboard)("{ dashboard { a } }")
        assert answer.errors[0]["message"] == "Something went wrong."
        assert seen == ["POST"]


def test_a_query_without_any_context_is_answered():
    class Dashboard(ProgressiveConnection):
        a = Part(graphene.Int)

        @cached_for(60)
        def resolve_a(self, info):
            return 1

    class Query(graphene.ObjectType):
        dashboard = ProgressiveConnectionField(Dashboard)

    schema = graphene.Schema(query=Query)
    for context in (None, {}, {"user": None}, SimpleNamespace()):
        result = schema.execute("{ dashboard { a } }", context_value=context)
        assert (result.errors, result.data) == (None, {"dashboard": {"a": 1}})


@pytest.mark.parametrize("kind", [dict, SimpleNamespace])
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_user_that_is_only_in_the_context_is_the_reader(serve, users, view, kind):
    """A view that authenticates by itself may leave ``request.user`` alone."""

    class Dashboard(ProgressiveConnection):
        chunk_size = 1
        a = Part(graphene.String)
        b = Part(graphene.String)

        @cached_for(60)
        def resolve_a(self, info):
            context = info.context
            user = context["user"] if isinstance(context, dict) else context.user
            return user.username

        resolve_b = resolve_a

    class Query(graphene.ObjectType):
        dashboard = ProgressiveConnectionField(Dashboard)

    asking = []

    def get_context(self, request):
        return kind(request=request, user=asking[-1])

    view_class = type("View", (view,), {"get_context": get_context})
    client = serve(path("graphql/", view_class.as_view(schema=graphene.Schema(query=Query))))

    def ask(user, after=""):
        asking.append(user)
        text = "query($after: String) { dashboard(after: $after) { pageInfo { endCursor } a b } }"
        body = {"query": text, "variables": {"after": after}}
        return client.post("/graphql/", body, content_type="application/json").json()

    ann, bob = users
    assert [ask(user)["data"]["dashboard"]["a"] for user in (ann, bob, ann)] == [
        "ann",
        "bob",
        "ann",
    ]
    cursor = ask(ann)["data"]["dashboard"]["pageInfo"]["endCursor"]
    assert ask(ann, cursor)["data"]["dashboard"]["b"] == "ann"
    assert ask(bob, cursor)["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
