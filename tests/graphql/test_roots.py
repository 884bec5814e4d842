"""The root of a connection: the value of the field's resolver, if a project wrote a resolver."""

from functools import partial

import graphene
import pytest
from graphene.types.resolver import dict_or_attr_resolver, get_default_resolver

from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField


class Shop(ProgressiveConnection):
    of = Part(graphene.String)

    def resolve_of(self, info):
        return str(self.root)


def shop(*arguments, **keywords):
    *given, _, _ = arguments  # then the root and the info
    return f"shop of {[*given, *keywords.values()]}"


class CallableShop:
    def __call__(self, root, info):
        return "shop of a callable"


class Emporium:
    def method(self, root, info):
        return "shop of a method"

    @classmethod
    def class_method(cls, root, info):
        return "shop of a class method"

    @staticmethod
    def static_method(root, info):
        return "shop of a static method"


RESOLVERS = {
    "partial of no argument": (partial(shop), "shop of []"),
    "partial of 1 argument": (partial(shop, 1), "shop of [1]"),
    "partial of 2 arguments": (partial(shop, 1, 2), "shop of [1, 2]"),
    "partial of 3 arguments": (partial(shop, 1, 2, 3), "shop of [1, 2, 3]"),
    "partial of a keyword": (partial(shop, key=1), "shop of [1]"),
    "partial of an argument and a keyword": (partial(shop, 1, key=2), "shop of [1, 2]"),
    "partial of 2 arguments and a keyword": (partial(shop, 1, 2, key=3), "shop of [1, 2, 3]"),
    "partial of a partial": (partial(partial(shop, 1), 2), "shop of [1, 2]"),
    "partial of the field's own name": (partial(shop, "dashboard", None), None),
    "partial of the default resolver": (partial(dict_or_attr_resolver, "corner", None), "corner"),
    "callable": (CallableShop(), "shop of a callable"),
    "lambda": (lambda root, info: "shop of a lambda", "shop of a lambda"),
    "bound method": (Emporium().method, "shop of a method"),
    "class method": (Emporium.class_method, "shop of a class method"),
    "static method": (Emporium.static_method, "shop of a static method"),
}


def root_of(query, **options):
    """The root that the connection ``dashboard`` of *query* got."""
    result = graphene.Schema(query=query).execute(
        "{ dashboard { of } }", root={"corner": "corner", "dashboard": "wrong"}, **options
    )
    assert result.errors is None, result.errors
    return result.data["dashboard"]["of"]


@pytest.fixture(params=RESOLVERS)
def resolver(request):
    function, root = RESOLVERS[request.param]
    return function, root or "shop of ['dashboard', None]"


def test_the_root_is_the_value_of_the_resolver_of_the_type(resolver):
    function, root = resolver

    class Query(graphene.ObjectType):
        dashboard = ProgressiveConnectionField(Shop)
        corner = graphene.String()
        resolve_dashboard = function

    assert root_of(Query) == root


def test_the_root_is_the_value_of_the_resolver_of_a_base_class(resolver):
    function, root = resolver

    class Resolves:
        resolve_dashboard = function

    class Query(Resolves, graphene.ObjectType):
        dashboard = ProgressiveConnectionField(Shop)

    assert root_of(Query) == root


def test_the_root_is_the_value_of_the_resolver_of_an_interface(resolver):
    function, root = resolver

    class HasDashboard(graphene.Interface):
        dashboard = ProgressiveConnectionField(Shop)
        resolve_dashboard = function

    class Query(graphene.ObjectType):
        class Meta:
            interfaces = (HasDashboard,)

    assert root_of(Query) == root


def test_the_root_is_the_value_of_the_resolver_given_to_the_field(resolver):
    function, root = resolver

    class Query(graphene.ObjectType):
        dashboard = ProgressiveConnectionField(Shop, resolver=function)

    assert root_of(Query) == root


def test_the_root_is_the_value_of_the_resolver_of_a_dynamic_field(resolver):
    function, root = resolver

    class Query(graphene.ObjectType):
        dashboard = graphene.Dynamic(lambda: ProgressiveConnectionField(Shop))
        resolve_dashboard = function

    assert root_of(Query) == root


def test_a_resolver_on_the_type_may_be_a_method():
    class Query(graphene.ObjectType):
        dashboard = ProgressiveConnectionField(Shop)

        def resolve_dashboard(self, info):
            return f"shop of {self['corner']}"

    assert root_of(Query) == "shop of corner"


class TestWithoutAResolver:
    """Graphene's default resolver would look for the connection in the root, and find nothing."""

    kept = "{'corner': 'corner', 'dashboard': 'wrong'}"

    def test_the_root_is_the_object_of_the_field(self):
        class Query(graphene.ObjectType):
            dashboard = ProgressiveConnectionField(Shop)

        assert root_of(Query) == self.kept

    def test_the_root_is_the_object_of_a_field_with_a_default_value(self):
        class Query(graphene.ObjectType):
            dashboard = ProgressiveConnectionField(Shop, default_value=1)

        assert root_of(Query) == self.kept

    def test_the_root_is_the_object_of_a_field_with_another_name(self):
        class Query(graphene.ObjectType):
            board = ProgressiveConnectionField(Shop, name="dashboard")

        assert root_of(Query) == self.kept

    def test_the_root_is_the_object_of_a_field_with_a_default_resolver_of_its_type(self):
        class Query(graphene.ObjectType):
            class Meta:
                default_resolver = get_default_resolver()

            dashboard = ProgressiveConnectionField(Shop)

        assert root_of(Query) == self.kept

    def test_the_root_is_the_object_of_a_field_with_a_resolver_for_another_field(self):
        class Query(graphene.ObjectType):
            dashboard = ProgressiveConnectionField(Shop)
            corner = graphene.String()
            resolve_corner = partial(shop, 1, 2)

        assert root_of(Query) == self.kept

    def test_the_root_is_the_object_of_a_field_that_an_interface_declares(self):
        class HasDashboard(graphene.Interface):
            dashboard = ProgressiveConnectionField(Shop)

        class Query(graphene.ObjectType):
            class Meta:
                interfaces = (HasDashboard,)

        assert root_of(Query) == self.kept

    def test_the_root_is_the_object_of_a_dynamic_field(self):
        class Query(graphene.ObjectType):
            dashboard = graphene.Dynamic(lambda: ProgressiveConnectionField(Shop))

        assert root_of(Query) == self.kept

    def test_the_root_is_the_object_of_a_field_without_camel_case(self):
        class Query(graphene.ObjectType):
            dashboard = ProgressiveConnectionField(Shop)

        schema = graphene.Schema(query=Query, auto_camelcase=False)
        result = schema.execute("{ dashboard { of } }", root=1)
        assert result.data == {"dashboard": {"of": "1"}}


def test_two_types_with_a_field_each_have_their_own_roots():
    field = ProgressiveConnectionField(Shop)

    class Corner(graphene.ObjectType):
        dashboard = field
        resolve_dashboard = partial(shop, 1, 2)

    class Query(graphene.ObjectType):
        dashboard = field
        corner = graphene.Field(Corner)

        def resolve_corner(self, info):
            return "the corner"

    result = graphene.Schema(query=Query).execute(
        "{ dashboard { of } corner { dashboard { of } } }", root="the query"
    )
    assert result.data == {
        "dashboard": {"of": "the query"},
        "corner": {"dashboard": {"of": "shop of [1, 2]"}},
    }
