"""The facts about graphene and graphene-django on which ``partstream_graphql._graphene`` relies."""

import inspect
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from types import SimpleNamespace

import graphene
import pytest
from django import forms
from graphene import relay
from graphene.types.resolver import get_default_resolver
from graphene_django import DjangoConnectionField, DjangoListField, DjangoObjectType
from graphene_django.forms.mutation import DjangoFormMutation
from graphene_django.settings import graphene_settings
from graphene_django.views import GraphQLView, HttpError

from example_schema.models import Customer
from partstream_graphql import _graphene as adapter
from partstream_graphql.http.views import ProgressiveGraphQLView
from tests.graphql.upstream import Facts, attributes, imported, modules

check = Facts("graphene", adapter, "3.4.3").check
check_django = Facts("graphene-django", adapter, "3.2.3").check

#: The sources of the methods of ``GraphQLView`` that our view types again or stands between.
READ = {
    "parse_body": "ea750959271bbe126191b5f43462e17a196fc2edd266197138e6973d61847e9d",
    "get_graphql_params": "fed1e67dbcaad39b8b7362e75980b2efa76d11c81c48d4bd690039d40c56fcdb",
    "get_response": "a43a1b2efcb1165aa644914cc66f67c672a4d0562c9398d6dbac5e1d384106bb",
    "dispatch": "6b867e74dcef4c1a3e93e822b106ce02f019e825029093c0662ab7457845d65a",
    "execute_graphql_request": "a365a3b5245aa69c42426cbc2ee60a5ee84ec582f8f4ed39c9cd220203dd1273",
}


class Spy(graphene.Field):
    """A field that keeps the resolver which graphene gives it."""

    def wrap_resolve(self, parent_resolver):
        self.given = parent_resolver
        return super().wrap_resolve(parent_resolver)


class TestTheDefaultResolver:
    def test_the_default_resolver_is_a_partial_of_a_name_and_a_default_value(self):
        field = Spy(graphene.Int, default_value=4)
        query = type("Query", (graphene.ObjectType,), {"some_name": field})
        schema = graphene.Schema(query=query)
        parent = schema.graphql_schema.query_type
        given = field.given
        fact = "without a resolver a field gets partial(default_resolver, name, default_value)"
        holds = isinstance(given, partial) and given.func is get_default_resolver()
        check("is_default_resolver", fact, holds and given.args == ("some_name", 4))
        check("is_default_resolver", fact, adapter.is_default_resolver(given, field, parent))

    def test_a_resolver_of_the_type_reaches_the_field_as_it_is(self):
        own = partial(lambda *arguments: 1, "some_name", None)
        field = Spy(graphene.Int)
        query = type(
            "Query", (graphene.ObjectType,), {"some_name": field, "resolve_some_name": own}
        )
        parent = graphene.Schema(query=query).graphql_schema.query_type
        fact = "a field gets the resolve_<name> of its type, itself"
        check("is_default_resolver", fact, field.given is own)
        check("is_default_resolver", fact, not adapter.is_default_resolver(own, field, parent))

    def test_a_resolver_of_an_interface_reaches_the_field_as_it_is(self):
        own = partial(lambda *arguments: 1, "some_name", None)
        field = Spy(graphene.Int)
        interface = type(
            "Has", (graphene.Interface,), {"some_name": field, "resolve_some_name": own}
        )
        meta = {"interfaces": (interface,)}
        query = type("Query", (graphene.ObjectType,), {"Meta": meta})
        parent = graphene.Schema(query=query).graphql_schema.query_type
        fact = "a field gets the resolve_<name> of an interface, and is the interface's field"
        check("is_default_resolver", fact, parent.fields["someName"].resolve is own)
        check("is_default_resolver", fact, adapter.fields_of(query)["some_name"] is field)
        check("is_default_resolver", fact, not adapter.is_default_resolver(own, field, parent))


class Row(graphene.ObjectType):
    b = graphene.Int()
    a = graphene.Int(default_value=3)

    def resolve_a(self, info):
        return self.b


def test_an_object_type_is_a_dataclass_whose_init_can_be_passed_by():
    fact = "__init__ of an object type sets each field, and does nothing else"
    check("new_instance", fact, vars(Row(b=1)) == {"b": 1, "a": 3})
    made = adapter.new_instance(Row, {"b": 1})
    check("new_instance", fact, type(made) is Row and vars(made) == {"b": 1})


def test_a_subclass_of_a_connection_inherits_its_edge():
    class Other(graphene.ObjectType):
        c = graphene.Int()

    class Rows(relay.Connection):
        class Meta:
            node = Row

    class Others(Rows):
        class Meta:
            node = Other

    fact = "Connection makes Edge a subclass of the Edge that it finds on the class"
    check("forget_edge", fact, issubclass(Others.Edge, Rows.Edge))

    class Progressive(relay.Connection):
        class Meta:
            abstract = True

        @classmethod
        def __init_subclass_with_meta__(cls, **options):
            adapter.forget_edge(cls)
            super().__init_subclass_with_meta__(**options)

    class Parent(Progressive):
        class Meta:
            node = Row

    class Child(Parent):
        class Meta:
            node = Other

    check("forget_edge", fact, not issubclass(Child.Edge, Parent.Edge))
    edge = Child.Edge
    adapter.forget_edge(Child)
    check("forget_edge", fact, Child.Edge is edge)


def test_the_options_of_a_type_are_in_its_meta():
    class Rows(relay.Connection):
        class Meta:
            node = Row
            name = "Others"

    check("node_of", "_meta.node is the node type", adapter.node_of(Rows) is Row)
    check("name_of", "_meta.name is the GraphQL name", adapter.name_of(Rows) == "Others")
    fact = "_meta.fields has the fields by Python name, with their default values"
    defaults = {name: field.default_value for name, field in adapter.fields_of(Row).items()}
    check("fields_of", fact, defaults == {"b": None, "a": 3})


def test_fields_count_the_order_of_their_declaration():
    late = graphene.Field(graphene.Int)
    early = graphene.Field(graphene.Int)
    early.creation_counter, late.creation_counter = sorted(
        (early.creation_counter, late.creation_counter)
    )

    class Body:
        z = late
        a = early
        other = graphene.Int()  # not a field yet

    names = [name for name, _ in adapter.declared_fields(Body)]
    check("declared_fields", "creation_counter orders fields", names == ["a", "z"])


def test_a_resolver_in_a_class_body_is_called_with_the_root_as_self():
    query = type(
        "Query",
        (graphene.ObjectType,),
        {"row": graphene.Field(Row), "resolve_row": lambda root, info: {"b": root}},
    )
    fact = "get_unbound_function() returns a function that takes root and info"
    check("unbound", fact, adapter.unbound(Row.resolve_a)(SimpleNamespace(b=5), None) == 5)
    bound = Row(b=6).resolve_a
    check("unbound", fact, adapter.unbound(bound)(None) == 6)
    assert graphene.Schema(query=query).execute("{ row { b } }", root=1).errors is None


@pytest.mark.parametrize("name", ["orders", "todays_stats", "stats_2", "_hidden", "a__b"])
def test_a_schema_spells_fields_in_camel_case(name):
    query = type("Query", (graphene.ObjectType,), {name: graphene.Int()})
    fields = graphene.Schema(query=query).graphql_schema.query_type.fields
    fact = "a schema spells fields by to_camel_case()"
    check("spelled", fact, list(fields) == [adapter.spelled(name)])


def test_a_wrapping_type_has_the_type_it_wraps():
    wrapped = graphene.NonNull(graphene.List(graphene.NonNull(Row)))
    fact = "of_type of List and NonNull is the type inside"
    check("innermost_type", fact, adapter.innermost_type(wrapped) is Row)


def test_a_type_of_a_schema_knows_its_graphene_class():
    query = type("Query", (graphene.ObjectType,), {"row": graphene.Field(Row)})
    types = graphene.Schema(query=query).graphql_schema.type_map
    fact = "graphene_type of a GraphQL type is the class that made it"
    check("declared_as", fact, adapter.declared_as(types["Row"]) is Row)
    check("declared_as", fact, adapter.declared_as(types["Int"]) is None)


def same(rows):
    return rows


class TestTheResolverOfAField:
    def test_a_field_may_be_asked_to_go_on_from_a_value(self):
        asked = []
        field = graphene.Field(graphene.Int, resolver=lambda root, info: asked.append(1))
        made = adapter.inner_resolver(field, 5, same)(None, None)
        fact = "a copy of a field without its resolver resolves by its parent's"
        check("inner_resolver", fact, (made, asked) == (5, []) and field.resolver is not None)

    def test_a_list_field_of_graphene_django_goes_on_from_a_value(self):
        class City(DjangoObjectType):
            class Meta:
                model = Customer
                fields = ["city"]
                skip_registry = True

        rows = [1, 2]
        made = adapter.inner_resolver(DjangoListField(City), rows, same)(None, None)
        fact = "DjangoListField resolves by its parent's resolver, and keeps a list as it is"
        check_django("inner_resolver", fact, made is rows)

    @pytest.mark.parametrize("kind", [DjangoListField, DjangoConnectionField])
    def test_a_field_without_a_value_asks_the_manager_that_get_manager_gives(self, db, kind):
        class City(DjangoObjectType):
            class Meta:
                model = Customer
                fields = ["city"]
                interfaces = [relay.Node]
                skip_registry = True

        asked = []
        resolver = adapter.inner_resolver(kind(City), None, lambda rows: asked.append(rows) or rows)
        resolver(None, None)
        fact = "the rows of a field without a value are those of get_manager(), of the field itself"
        check_django("inner_resolver", fact, asked == [Customer._default_manager])


def test_a_failed_form_mutation_sets_a_flag_on_the_request():
    class Form(forms.Form):
        name = forms.CharField()

    class Rename(DjangoFormMutation):
        class Meta:
            form_class = Form

    request = SimpleNamespace()
    fact = "a form mutation with errors sets MUTATION_ERRORS_FLAG on the context"
    check_django("mutation_failed", fact, not adapter.mutation_failed(request))
    Rename.mutate_and_get_payload(None, SimpleNamespace(context=request, path=None))
    check_django("mutation_failed", fact, adapter.mutation_failed(request))


class TestTheViewOfGrapheneDjango:
    @pytest.mark.parametrize("name", READ)
    def test_the_source_that_our_view_types_again_is_unchanged(self, name):
        source = inspect.getsource(getattr(GraphQLView, name))
        found = sha256(source.encode()).hexdigest()
        assert found == READ[name], (
            f"graphene-django {version('graphene-django')} changed GraphQLView.{name}, which was "
            "read in 3.2.3. Compare it with partstream_graphql.http.views.ProgressiveGraphQLView."
            f"{name}, take over the change, and note the new hash here: {found}."
        )

    @pytest.mark.parametrize("name", sorted(READ.keys() - {"dispatch"}))
    def test_our_view_has_the_signatures_of_graphene_djangos(self, name):
        theirs, ours = (
            inspect.signature(getattr(view, name)).parameters
            for view in (GraphQLView, ProgressiveGraphQLView)
        )
        assert list(ours) == list(theirs), f"graphene-django changed GraphQLView.{name}()"

    @pytest.mark.parametrize("name", ["ATOMIC_MUTATIONS", "MAX_VALIDATION_ERRORS"])
    def test_the_settings_that_our_view_reads_are_there(self, name):
        assert hasattr(graphene_settings, name)

    def test_an_http_error_has_the_response_to_send(self):
        response = object()
        assert HttpError(response, "no").response is response


class TestThePermissionsOfRestFramework:
    def test_a_combined_permission_has_its_operands(self):
        from partstream_graphql.access import operands_of

        permissions = pytest.importorskip("rest_framework.permissions")
        admin, user = permissions.IsAdminUser, permissions.IsAuthenticated
        for combined, kinds in [
            (admin & user, [admin, user]),
            (admin | user, [admin, user]),
            (~admin, [admin]),
        ]:
            found = [type(operand) for operand in operands_of(combined())]
            assert found == kinds, (
                f"djangorestframework {version('djangorestframework')} differs from 3.18.3: the "
                "operands of a permission are no longer op1 and op2. "
                "partstream_graphql.access.operands_of() relies on them."
            )


def test_only_the_adapter_imports_undocumented_modules():
    public = {
        *("graphene", "graphene.relay", "graphene.validation"),
        *("graphene_django.settings", "graphene_django.views"),
    }
    for path, tree in modules():
        if path != "_graphene.py":
            found = {*imported(tree, "graphene"), *imported(tree, "graphene_django")}
            assert found <= public, path


def test_only_the_adapter_reads_undocumented_attributes():
    for path, tree in modules():
        if path != "_graphene.py":
            found = attributes(tree) & {"_meta", "creation_counter", "graphene_type"}
            assert not found, path
