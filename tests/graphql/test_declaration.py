"""Declarations of connection classes: accepted forms, and errors that name the culprit."""

import graphene
import pytest
from graphene import relay
from graphene_django import DjangoConnectionField, DjangoListField, DjangoObjectType

from django_partstream import lazy
from example_schema.models import Customer
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from partstream_graphql.http.views import ProgressiveGraphQLView


class Parts:
    def get_parts(self):
        return []


def refuse(message, bases=(ProgressiveConnection,), **namespace):
    namespace.setdefault("get_parts", lambda self: [])
    with pytest.raises(TypeError, match=message):
        type("Dashboard", bases, namespace)


def test_a_mixin_after_the_base_is_refused():
    with pytest.raises(TypeError, match=r"class Dashboard\(Parts, ProgressiveConnection\)"):
        type("Dashboard", (ProgressiveConnection, Parts), {"a": Part(graphene.Int)})


class LateParts:
    def get_parts(self):
        return []


class LateClasses:
    permission_classes = []


class LateVerdict:
    def has_permission(self, info):
        return False


class LatePermissions:
    def get_permissions(self):
        return []


class Inherits(LateVerdict):
    pass


@pytest.mark.parametrize(
    ("mixin", "lost"),
    [
        (LateParts, "LateParts.get_parts"),
        (LateClasses, "LateClasses.permission_classes"),
        (LateVerdict, "LateVerdict.has_permission"),
        (LatePermissions, "LatePermissions.get_permissions"),
        (Inherits, "LateVerdict.has_permission"),
    ],
)
def test_a_mixin_of_parts_or_permissions_after_the_base_is_refused(mixin, lost):
    class Base(ProgressiveConnection):
        class Meta:
            abstract = True

    for base in (ProgressiveConnection, Base):
        part = Part(graphene.Int, resolver=lambda root, info: 1)
        with pytest.raises(TypeError, match=f"{lost} would be ignored"):
            type("Dashboard", (base, mixin), {"a": part})
        part = Part(graphene.Int, resolver=lambda root, info: 1)
        type("Dashboard", (mixin, base), {"a": part})  # the right order


def test_a_mixin_of_resolvers_after_the_base_is_accepted(ask):
    class Resolvers:
        def resolve_a(self, info):
            return 1

    dashboard = type("Dashboard", (ProgressiveConnection, Resolvers), {"a": Part(graphene.Int)})
    assert ask(dashboard)("{ dashboard { a } }").data == {"dashboard": {"a": 1}}


@pytest.mark.parametrize(
    "name",
    [
        *("name", "status", "error", "edges", "node", "page_info", "pageInfo", "total_count"),
        "pending",
    ],
)
def test_a_part_named_like_a_field_of_every_connection_is_refused(name):
    refuse(f"{name}' is a field of every connection", **{name: Part(graphene.Int)})


def test_a_part_with_the_graphql_name_of_a_field_of_every_connection_is_refused():
    refuse("late' is a field of every connection", late=Part(graphene.Int, name="pending"))


@pytest.mark.parametrize("other", [graphene.Int(), lambda self: 1, None])
def test_another_attribute_in_the_place_of_pending_is_refused(other):
    mixin = type("Mixin", (), {"pending": other})
    message = "Dashboard.pending: 'pending' is a field of every connection. Rename the attribute."
    for bases, body in [
        ((ProgressiveConnection,), {"pending": other}),
        ((mixin, ProgressiveConnection), {}),
    ]:
        with pytest.raises(TypeError, match=message):
            type("Dashboard", bases, body)


@pytest.mark.parametrize("name", ["request", "info", "args", "root", "chunk_size", "cursor_ttl"])
def test_a_part_named_like_an_attribute_set_on_the_connection_is_refused(name):
    refuse(f"self.{name} is the connection's own", **{name: Part(graphene.Int)})


@pytest.mark.parametrize("name", ["request", "info", "args", "root", "chunk_size"])
def test_a_plain_field_named_like_an_attribute_of_each_connection_is_refused(name):
    with pytest.raises(TypeError, match=f"Dashboard.{name}: self.{name} is the connection's own"):
        type("Dashboard", (ProgressiveConnection,), {name: graphene.Field(graphene.String)})


@pytest.mark.parametrize("name", ["get_parts", "permission_classes", "has_permission"])
def test_a_part_named_like_an_attribute_of_the_base_is_refused(name):
    with pytest.raises(TypeError, match=f"'{name}' has the name of an attribute"):
        type("Dashboard", (ProgressiveConnection,), {name: Part(graphene.Int)})


def test_a_part_named_like_an_attribute_of_a_mixin_is_refused():
    class Mixin(Parts):
        def orders(self, request):
            return []

    refuse("attribute of .*Mixin", (Mixin, ProgressiveConnection), orders=Part(graphene.Int))


def test_a_declared_part_hidden_by_a_method_of_its_name_is_refused():
    class Base(ProgressiveConnection):
        orders = Part(graphene.Int)

        def resolve_orders(self, info):
            return 1

    refuse("attribute of Dashboard", (Base,), orders=lambda self: 1)


def test_a_part_object_under_two_names_is_refused():
    part = Part(graphene.Int)
    refuse("'a' already", a=part, b=part)


def test_two_parts_of_the_same_graphql_name_are_refused():
    refuse("both the GraphQL field 'aB'", a_b=Part(graphene.Int), aB=Part(graphene.Int))
    refuse("both the GraphQL field 'x'", x=Part(graphene.Int), y=Part(graphene.Int, name="x"))


@pytest.mark.parametrize(
    "required",
    [{"required": True, "type_": graphene.Int}, {"type_": graphene.NonNull(graphene.Int)}],
)
def test_a_required_part_is_refused(required):
    with pytest.raises(TypeError, match="cannot be required"):
        Part(**required)


def test_a_part_without_a_resolver_is_refused():
    with pytest.raises(TypeError, match=r"resolve_orders\(self, info\)"):
        type("Dashboard", (ProgressiveConnection,), {"orders": Part(graphene.Int)})


@pytest.mark.parametrize(
    "part",
    [
        lambda: Part(graphene.Field(graphene.Int)),
        lambda: Part(graphene.Field(graphene.Int, default_value=4)),
    ],
)
def test_a_part_of_a_plain_field_without_a_resolver_is_refused(part):
    with pytest.raises(TypeError, match=r"Dashboard.orders has nothing to resolve it"):
        type("Dashboard", (ProgressiveConnection,), {"orders": part()})


def test_a_part_of_a_plain_field_is_resolved_by_name_or_source(ask):
    class Dashboard(ProgressiveConnection):
        chunk_size = 3
        a = Part(graphene.Field(graphene.Int))
        b = Part(graphene.Field(graphene.Int, source="number"))
        c = Part(graphene.Field(graphene.Int, resolver=lambda root, info: 3))
        number = 2

        def resolve_a(self, info):
            return 1

    answer = ask(Dashboard)("{ dashboard { a b c } }")
    assert answer.data["dashboard"] == {"a": 1, "b": 2, "c": 3}


def test_a_part_that_get_parts_leaves_to_a_missing_resolver_is_an_error_naming_it(ask, settings):
    settings.DEBUG = True

    class Dashboard(ProgressiveConnection):
        a = Part(graphene.Int)
        b = Part(graphene.Int)

        def get_parts(self):
            return super().get_parts()

        def resolve_a(self, info):
            return 1

    answer = ask(Dashboard)("{ dashboard { a b } }")
    (error,) = answer.errors
    assert "Dashboard.b has nothing to resolve it. Define resolve_b(self, info)" in error["message"]


def test_a_connection_with_a_node_in_its_meta_is_refused():
    with pytest.raises(TypeError, match=r"Dashboard.Meta.node: the nodes .* are its parts"):

        class Dashboard(ProgressiveConnection):
            class Meta:
                node = graphene.String


def test_a_progressive_connection_field_of_another_type_is_refused(ask):
    class Other(graphene.ObjectType):
        a = graphene.Int()

    told = r"ProgressiveConnectionField\(Other\): Other is no ProgressiveConnection"
    with pytest.raises(TypeError, match=told):
        ProgressiveConnectionField(Other)


def test_a_connection_in_a_plain_field_is_told_which_field_makes_its_pages(ask):
    class Dashboard(ProgressiveConnection):
        a = Part(graphene.Int, resolver=lambda root, info: 1)

    class Query(graphene.ObjectType):
        dashboard = graphene.Field(Dashboard, resolver=lambda root, info: Dashboard())

    (error,) = ask(query=Query)("{ dashboard { a } }").errors
    assert error["path"] == ["dashboard", "a"]
    told = "Dashboard was resolved by another field than a ProgressiveConnectionField"
    assert told in error["message"]


def test_the_error_for_a_part_on_a_plain_type_says_where_parts_belong(ask):
    class Other(graphene.ObjectType):
        a = Part(graphene.Int)

        def resolve_a(self, info):
            return 1

    class Query(graphene.ObjectType):
        other = graphene.Field(Other, resolver=lambda root, info: Other())

    (error,) = ask(query=Query)("{ other { a } }").errors
    assert "Other.a is a Part outside of a page" in error["message"]
    assert "declared in a ProgressiveConnection" in error["message"]


@pytest.mark.parametrize(
    "part",
    [
        lambda: Part(lambda: graphene.NonNull(graphene.Int)),
        lambda: Part(graphene.Field(graphene.Int, required=True)),
        lambda: Part(graphene.Field(lambda: graphene.NonNull(graphene.Int))),
        lambda: Part(graphene.Field(graphene.NonNull(graphene.Int)), name="a"),
    ],
)
def test_parts_are_nullable_even_when_their_type_is_declared_non_null(ask, part):
    class Dashboard(ProgressiveConnection):
        chunk_size = 1
        a = part()
        b = Part(graphene.Int, resolver=lambda root, info: 2)

        def resolve_a(self, info):
            return 1

    query = ask(Dashboard)
    assert str(query.schema).count("  a: Int\n") == 2
    answer = query("{ dashboard { b a edges { node { a b } } } }")
    assert answer.errors is None
    assert answer.data["dashboard"] == {"a": 1, "b": None, "edges": [{"node": {"a": 1, "b": None}}]}


def test_a_connection_as_a_part_is_nullable(ask):
    class Inner(ProgressiveConnection):
        a = Part(graphene.Int, resolver=lambda root, info: 1)

    class Dashboard(ProgressiveConnection):
        inner = Part(ProgressiveConnectionField(Inner))

    query = ask(Dashboard)
    assert str(query.schema).count("): InnerConnection\n") == 2
    answer = query("{ dashboard { inner { a } edges { node { inner(first: 1) { a } } } } }")
    assert answer.errors is None
    assert answer.data["dashboard"]["inner"] == {"a": 1}


def test_plain_fields_of_a_connection_resolve_to_their_defaults(ask):
    class Dashboard(ProgressiveConnection):
        a = Part(graphene.Int, resolver=lambda root, info: 1)
        empty = graphene.String()
        default = graphene.String(default_value="default")
        field = graphene.Field(graphene.Int, default_value=3)
        resolved = graphene.String()

        def resolve_resolved(self, info):
            return f"{self.default} of {self.args}"

    class More(Dashboard):
        other = graphene.Int(default_value=4)

    text = "{ dashboard { a empty default field resolved } }"
    answer = ask(Dashboard)(text)
    assert answer.errors is None
    expected = {
        "a": 1, "empty": None, "default": "default", "field": 3, "resolved": "default of {}",
    }  # fmt: skip
    assert answer.data["dashboard"] == expected
    answer = ask(More)("{ dashboard { empty default field other } }")
    assert answer.data["dashboard"] == {
        "empty": None, "default": "default", "field": 3, "other": 4,
    }  # fmt: skip


def test_the_error_for_an_undeclared_part_names_it(ask, settings):
    settings.DEBUG = True

    class Dashboard(ProgressiveConnection):
        a = Part(graphene.Int)

        def get_parts(self):
            return [("a", 1), ("extra", 2)]

    (error,) = ask(Dashboard)("{ dashboard { a } }").errors
    assert "Add extra = Part(...) to the connection." in error["message"]


def test_the_error_for_two_types_of_the_same_name_shows_the_name(ask, settings, view_class):
    settings.DEBUG = True

    def make(value):
        class Dashboard(ProgressiveConnection):
            a = Part(graphene.Int)

            def resolve_a(self, info):
                return value

        return Dashboard

    class Query(graphene.ObjectType):
        one = ProgressiveConnectionField(make(1))
        two = ProgressiveConnectionField(make(2))

    told = "Two types are called 'DashboardConnection'"
    if view_class is ProgressiveGraphQLView:
        with pytest.raises(TypeError, match=told):
            ask(query=Query)("{ one { a } two { a } }")
    else:
        assert told in ask(query=Query)("{ one { a } two { a } }").errors[0]["message"]


def taken(name):
    """A field of a new type called *name*, which puts the type into the schema first."""
    if name == "PartStatus":
        kind = type(name, (graphene.Enum,), {"NEW": 1})
    else:
        kind = type(name, (graphene.ObjectType,), {"other": graphene.String()})
    return graphene.Field(kind)


@pytest.mark.parametrize(
    "name",
    ["PartStatus", "PartError", "ShopConnection", "ShopEdge", "ShopPart"],
)
def test_the_progressive_view_refuses_a_type_name_taken_by_another_type_before_it_reads_a_query(
    rf, name
):
    class Shop(ProgressiveConnection):
        a = Part(graphene.Int, resolver=lambda root, info: 1)

    class Query(graphene.ObjectType):
        other = taken(name)
        shop = ProgressiveConnectionField(Shop)

    view = ProgressiveGraphQLView.as_view(schema=graphene.Schema(query=Query))
    with pytest.raises(TypeError, match=f"Two types are called '{name}'.*Give one of them"):
        view(rf.post("/graphql/", {"query": "not even a query"}))


def test_the_type_names_of_a_connection_below_the_root_are_checked(rf):
    class Shop(ProgressiveConnection):
        a = Part(graphene.Int, resolver=lambda root, info: 1)

    class Deep(graphene.ObjectType):
        shop = ProgressiveConnectionField(Shop)

    class Query(graphene.ObjectType):
        other = taken("ShopEdge")
        deep = graphene.Field(graphene.List(Deep))

    with pytest.raises(TypeError, match="Two types are called 'ShopEdge'"):
        ProgressiveGraphQLView(schema=graphene.Schema(query=Query))


def test_connection_edge_and_part_types_are_named_after_the_class_or_its_meta(ask):
    class ShopConnection(ProgressiveConnection):
        a = Part(graphene.Int, resolver=lambda root, info: 1)

    class Other(ProgressiveConnection):
        class Meta:
            name = "Elsewhere"

        a = Part(graphene.Int, resolver=lambda root, info: 2)

    class Query(graphene.ObjectType):
        shop = ProgressiveConnectionField(ShopConnection)
        other = ProgressiveConnectionField(Other)

    query = ask(query=Query)
    assert {"ShopConnection", "ShopEdge", "ShopPart", "ElsewhereConnection", "ElsewhereEdge",
            "ElsewherePart"} <= set(query.schema.graphql_schema.type_map)  # fmt: skip
    assert query("{ shop { a } other { a } }").data == {"shop": {"a": 1}, "other": {"a": 2}}


def test_a_subclass_of_a_connection_has_types_of_its_own(ask):
    class Base(ProgressiveConnection):
        a = Part(graphene.Int)

        def resolve_a(self, info):
            return 1

    class More(Base):
        b = Part(graphene.Int)

        def resolve_b(self, info):
            return 2

    class Query(graphene.ObjectType):
        base = ProgressiveConnectionField(Base)
        more = ProgressiveConnectionField(lambda: More)

    answer = ask(query=Query)(
        "{ base { edges { node { __typename a } } } more { edges { node { __typename a b } } } }"
    )
    assert answer.errors is None
    assert [edge["node"] for edge in answer.data["base"]["edges"]] == [
        {"__typename": "BasePart", "a": 1}
    ]
    assert [edge["node"] for edge in answer.data["more"]["edges"]] == [
        {"__typename": "MorePart", "a": 1, "b": None},
        {"__typename": "MorePart", "a": None, "b": 2},
    ]


def test_an_abstract_base_may_hold_parts_and_resolvers(ask):
    class Base(ProgressiveConnection):
        class Meta:
            abstract = True

        a = Part(graphene.Int)

        def resolve_a(self, info):
            return self.number

    class Concrete(Base):
        number = 3

    assert ask(Concrete)("{ dashboard { a } }").data["dashboard"]["a"] == 3


def test_resolvers_may_be_static_methods_class_methods_or_arguments_of_part(ask):
    class Kinds(ProgressiveConnection):
        chunk_size = 4
        a = Part(graphene.String)
        b = Part(graphene.String)
        c = Part(graphene.String, resolver=lambda root, info: type(root).__name__)
        d = Part(graphene.String, name="renamed")

        @staticmethod
        def resolve_a(root, info):
            return type(root).__name__

        @classmethod
        def resolve_b(cls, root, info):
            return cls.__name__

        def resolve_d(self, info):
            return "D"

    answer = ask(Kinds)("{ dashboard { a b c renamed edges { node { name } } } }")
    page = answer.data["dashboard"]
    assert [page[name] for name in ("a", "b", "c", "renamed")] == ["Kinds", "Kinds", "Kinds", "D"]
    assert page["edges"][-1] == {"node": {"name": "renamed"}}


def test_part_names_stay_in_snake_case_without_auto_camelcase(serve):
    from django.urls import path
    from graphene_django.views import GraphQLView

    class Snake(ProgressiveConnection):
        two_words = Part(graphene.Int)

        def resolve_two_words(self, info):
            return 1

    class Query(graphene.ObjectType):
        dashboard = ProgressiveConnectionField(Snake)

    schema = graphene.Schema(query=Query, auto_camelcase=False)
    client = serve(path("graphql/", GraphQLView.as_view(schema=schema)))
    text = "{ dashboard { total_count edges { node { name two_words } } } }"
    answer = client.post("/graphql/", {"query": text}, content_type="application/json").json()
    assert answer["data"]["dashboard"]["edges"] == [{"node": {"name": "two_words", "two_words": 1}}]


class CustomerType(DjangoObjectType):
    class Meta:
        model = Customer
        name = "TestCustomer"
        fields = ("name", "city")
        interfaces = (relay.Node,)

    @classmethod
    def get_queryset(cls, queryset, info):
        return queryset.exclude(city="hidden")


class Customers(ProgressiveConnection):
    chunk_size = 6
    everyone = Part(DjangoListField(CustomerType))
    in_oslo = Part(DjangoListField(CustomerType))
    rows = Part(graphene.List(graphene.NonNull(CustomerType)))
    first_one = Part(CustomerType)
    paged = Part(DjangoConnectionField(CustomerType))

    def resolve_in_oslo(self, info):
        return Customer.objects.filter(city="Oslo")

    def resolve_rows(self, info):
        return Customer.objects.order_by("name")

    def resolve_first_one(self, info):
        return Customer.objects.order_by("name").first()


@pytest.mark.django_db
def test_parts_of_graphene_djangos_own_fields_resolve_as_those_fields_do(
    ask, django_assert_num_queries
):
    for name, city in [("Ann", "Oslo"), ("Bob", "Rome"), ("Eve", "hidden")]:
        Customer.objects.create(name=name, email=f"{name}@example.com", city=city)
    query = ask(Customers)
    answer = query(
        "{ dashboard { everyone { name } inOslo { name } rows { name } firstOne { name }"
        " paged(first: 1) { pageInfo { hasNextPage } edges { node { name } } } } }"
    )
    assert answer.errors is None
    assert answer.data["dashboard"] == {
        "everyone": [{"name": "Ann"}, {"name": "Bob"}],
        "inOslo": [{"name": "Ann"}],
        "rows": [{"name": "Ann"}, {"name": "Bob"}, {"name": "Eve"}],
        "firstOne": {"name": "Ann"},
        "paged": {"pageInfo": {"hasNextPage": True}, "edges": [{"node": {"name": "Ann"}}]},
    }
    with django_assert_num_queries(3):  # the query between a savepoint and its release
        query("{ dashboard { everyone { name } edges { node { everyone { city } } } } }")


class TestGetParts:
    def test_get_parts_wins_over_resolvers_and_its_lazy_parts_get_request_and_arguments(self, ask):
        class Dashboard(ProgressiveConnection):
            chunk_size = 3
            a = Part(graphene.String, n=graphene.Int())
            b = Part(graphene.Int)
            c = Part(graphene.Int)

            def get_parts(self):
                return [("b", 2), ("a", lazy(self.get_a, "A"))]

            def get_a(self, request, letter, n=0):
                return f"{letter}{n} {request is self.request} {request.path}"

            def resolve_a(self, info, n=0):
                raise AssertionError

        answer = ask(Dashboard)(
            "{ dashboard { totalCount a(n: 3) c edges { node { name a(n: 3) b c } } } }"
        )
        assert answer.errors is None
        page = answer.data["dashboard"]
        assert page["a"] == "A3 True /graphql/"
        assert page["totalCount"] == 2
        assert [edge["node"]["name"] for edge in page["edges"]] == ["b", "a"]
        assert page["c"] is None

    def test_get_parts_can_filter_the_declared_parts(self, ask):
        class Dashboard(ProgressiveConnection):
            a = Part(graphene.Int)
            b = Part(graphene.Int)

            def get_parts(self):
                return [(name, part) for name, part in super().get_parts() if name != "a"]

            def resolve_a(self, info):
                raise AssertionError

            def resolve_b(self, info):
                return 2

        page = ask(Dashboard)("{ dashboard { totalCount a b edges { node { name } } } }").data
        assert page["dashboard"] == {
            "totalCount": 1, "a": None, "b": 2, "edges": [{"node": {"name": "b"}}],
        }  # fmt: skip

    def test_get_parts_that_returns_none_is_an_error_with_the_remedy(self, ask, settings):
        settings.DEBUG = True

        class Dashboard(ProgressiveConnection):
            a = Part(graphene.Int)

            def get_parts(self):
                pass

        (error,) = ask(Dashboard)("{ dashboard { a } }").errors
        assert "return [] when there are no parts." in error["message"]


class TestPermissions:
    @pytest.fixture
    def asked(self):
        return []

    @pytest.fixture
    def guarded(self, asked):
        class Never:
            def has_permission(self, request, connection):
                asked.append((request.method, request.path, type(connection).__name__))
                return False

        class Guarded(ProgressiveConnection):
            permission_classes = [Never]
            a = Part(graphene.Int)

            def get_parts(self):
                raise AssertionError("get_parts() ran before the permissions were asked")

        return Guarded

    def test_permissions_are_asked_with_a_get_before_any_part_runs(self, ask, guarded, asked):
        answer = ask(guarded)("{ dashboard { a } }")
        assert answer.data is None
        (error,) = answer.errors
        assert error["extensions"] == {"code": "FORBIDDEN"}
        assert asked == [("GET", "/graphql/", "Guarded")]

    def test_has_permission_of_a_connection_decides_by_itself(self, ask):
        class Guarded(ProgressiveConnection):
            a = Part(graphene.Int, resolver=lambda root, info: 1)

            def has_permission(self, info):
                return "let-me-in" in info.context.headers

        query = ask(Guarded)
        assert query("{ dashboard { a } }").errors[0]["extensions"] == {"code": "FORBIDDEN"}
        answer = query.client.post(
            "/graphql/",
            {"query": "{ dashboard { a } }"},
            content_type="application/json",
            headers={"Let-Me-In": "1"},
        )
        assert answer.json() == {"data": {"dashboard": {"a": 1}}}
