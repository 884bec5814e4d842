"""Parts that wrap a field of graphene-django resolve as that field does, with and without guards."""

import asyncio

import graphene
import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.http import Http404
from graphene import relay
from graphene_django import DjangoConnectionField, DjangoListField, DjangoObjectType

from django_partstream import cached_for, lazy, safe_call, with_timeout
from example_schema.models import Customer
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from tests.graphql.answers import ends, nodes


class Row(DjangoObjectType):
    class Meta:
        model = Customer
        name = "WrappedCustomer"
        fields = ("name", "city")
        interfaces = (relay.Node,)
        skip_registry = True

    @classmethod
    def get_queryset(cls, queryset, info):
        return queryset.exclude(city="hidden")


WRAPS = {
    "list": (lambda **options: Part(DjangoListField(Row, **options)), "{ name }"),
    "connection": (
        lambda **options: Part(DjangoConnectionField(Row, **options)),
        "{ edges { node { name } } }",
    ),
}


@pytest.fixture(params=WRAPS)
def wrap(request):
    """A function that makes a part around a field, and the selection for that field."""
    return WRAPS[request.param]


@pytest.fixture
def customers(db):
    for name, city in [("Ann", "Oslo"), ("Bob", "Rome"), ("Eve", "hidden")]:
        Customer.objects.create(name=name, email=f"{name}@example.com", city=city)


def names(value):
    if isinstance(value, dict):
        value = [edge["node"] for edge in value["edges"]]
    return value and [row["name"] for row in value]


def everyone(*args, **kwargs):
    return Customer.objects.order_by("name")


async def everyone_later(*args, **kwargs):
    return Customer.objects.order_by("name")


def failing(*args, **kwargs):
    raise ValueError("secret")


async def failing_later(*args, **kwargs):
    raise ValueError("secret")


def no_rows(*args, **kwargs):
    return None


QUERY = "{ dashboard { edges { node { name status error { code } rows %s } } rows %s } }"


def rows_of(ask, part, fields, resolver=None, **namespace):
    """Ask for the part ``rows`` and return its node; the connection has the same value."""
    if resolver is not None:
        namespace["resolve_rows"] = resolver
    dashboard = type("Dashboard", (ProgressiveConnection,), {"rows": part, **namespace})
    answer = ask(dashboard)(QUERY % (fields, fields))
    node = nodes(answer)["rows"]
    assert node["rows"] == answer.data["dashboard"]["rows"]
    return node


GUARDS = {
    "bare": lambda func: func,
    "safe": safe_call,
    "timed": with_timeout(5),
    "cached": cached_for(60, key="rows"),
    "three": lambda func: safe_call(cached_for(60, key="three")(with_timeout(func, 5))),
    "other": lambda func: with_timeout(cached_for(60, key="other")(safe_call(func)), 5),
}


def guarded(resolver, declare, wrap):
    """A connection with a part under each guard; *declare* puts resolvers into its namespace."""
    make, fields = wrap
    funcs = {name: guard(resolver) for name, guard in GUARDS.items()}
    namespace = {"chunk_size": len(GUARDS), **{name: make() for name in GUARDS}}
    dashboard = type("Dashboard", (ProgressiveConnection,), {**namespace, **declare(funcs)})
    selected = " ".join(f"{name} {fields}" for name in GUARDS)
    return (
        dashboard,
        f"{{ dashboard {{ edges {{ node {{ name status {selected} }} }} {selected} }} }}",
    )


def by_resolvers(funcs):
    return {f"resolve_{name}": staticmethod(func) for name, func in funcs.items()}


def by_get_parts(funcs):
    return {"get_parts": lambda self: [(name, lazy(func)) for name, func in funcs.items()]}


@pytest.mark.parametrize("resolver", [everyone, everyone_later], ids=["sync", "async"])
@pytest.mark.usefixtures("customers")
class TestHiddenRowsStayHidden:
    def check(self, query, text):
        answer = query(text)
        for name, node in nodes(answer).items():
            assert (name, node["status"], names(node[name])) == (name, "OK", ["Ann", "Bob"])
            assert names(answer.data["dashboard"][name]) == ["Ann", "Bob"]

    @pytest.mark.parametrize("declare", [by_resolvers, by_get_parts])
    def test_hidden_rows_stay_hidden_under_every_guard(self, ask, wrap, resolver, declare):
        dashboard, text = guarded(resolver, declare, wrap)
        query = ask(dashboard)
        self.check(query, text)
        self.check(query, text)  # the cached rows are filtered too

    @pytest.mark.django_db(transaction=True)
    def test_hidden_rows_stay_hidden_outside_of_a_transaction(self, ask, wrap, resolver):
        dashboard, text = guarded(resolver, by_resolvers, wrap)
        self.check(ask(dashboard), text)


def test_hidden_rows_stay_hidden_in_a_running_loop(transactional_db, customers, wrap):
    make, fields = wrap
    part = make()
    dashboard = type(
        "Dashboard",
        (ProgressiveConnection,),
        {"rows": part, "resolve_rows": staticmethod(everyone_later)},
    )
    query = type(
        "Query", (graphene.ObjectType,), {"dashboard": ProgressiveConnectionField(dashboard)}
    )
    text = f"{{ dashboard {{ rows {fields} }} }}"

    async def executed():
        result = await graphene.Schema(query=query).execute_async(text)
        await sync_to_async(connections.close_all)()
        return result

    result = asyncio.run(executed())
    assert result.errors is None
    assert names(result.data["dashboard"]["rows"]) == ["Ann", "Bob"]


@pytest.mark.usefixtures("customers")
class TestAFailedResolverOfAWrappedField:
    @pytest.mark.parametrize("resolver", [failing, failing_later], ids=["sync", "async"])
    def test_a_failed_resolver_of_a_wrapped_field_fails_the_part(self, ask, wrap, resolver):
        make, fields = wrap
        node = rows_of(ask, make(), fields, staticmethod(safe_call(resolver)))
        assert (node["status"], node["error"]["code"], node["rows"]) == (
            "ERROR",
            "part_failed",
            None,
        )

    def test_a_failed_resolver_of_a_wrapped_field_under_several_guards_fails_the_part(
        self, ask, wrap
    ):
        make, fields = wrap
        func = cached_for(60, key="failing rows")(safe_call(with_timeout(failing, 5)))
        node = rows_of(ask, make(), fields, staticmethod(func))
        assert (node["status"], node["rows"]) == ("ERROR", None)

    def test_a_failed_resolver_of_a_wrapped_field_keeps_the_code_of_its_exception(self, ask, wrap):
        def missing(root, info, **arguments):
            raise Http404

        make, fields = wrap
        node = rows_of(ask, make(), fields, staticmethod(safe_call(missing)))
        assert (node["status"], node["error"]["code"]) == ("ERROR", "not_found")

    def test_a_failed_lazy_of_a_wrapped_field_fails_the_part(self, ask, wrap):
        make, fields = wrap
        func = lazy(safe_call(failing))
        node = rows_of(ask, make(), fields, get_parts=lambda self: [("rows", func)])
        assert (node["status"], node["rows"]) == ("ERROR", None)


@pytest.mark.usefixtures("customers")
def test_a_list_resolver_that_returns_none_gives_null(ask):
    dashboard, text = guarded(no_rows, by_resolvers, WRAPS["list"])
    for name, node in nodes(ask(dashboard)(text)).items():
        assert (name, node["status"], node[name]) == (name, "OK", None)


@pytest.mark.usefixtures("customers")
def test_a_wrapped_field_without_a_resolver_gives_the_rows_of_its_model(ask, wrap):
    make, fields = wrap
    assert names(rows_of(ask, make(), fields)["rows"]) == ["Ann", "Bob"]


@pytest.mark.usefixtures("customers")
def test_rows_of_a_fallback_are_filtered_by_get_queryset(ask, wrap):
    make, fields = wrap
    fallback = Customer.objects.order_by("name")
    node = rows_of(ask, make(), fields, staticmethod(safe_call(failing, fallback=fallback)))
    assert (node["status"], names(node["rows"])) == ("FALLBACK", ["Ann", "Bob"])


@pytest.mark.usefixtures("customers")
def test_safe_call_covers_the_queries_of_a_wrapped_list(ask):
    make, fields = WRAPS["list"]

    @safe_call(fallback=[])
    def broken(root, info):
        return Customer.objects.extra(where=["nope = 1"])

    node = rows_of(ask, make(), fields, staticmethod(broken))
    assert (node["status"], node["rows"]) == ("FALLBACK", [])


@pytest.mark.usefixtures("customers")
def test_a_wrapped_connection_may_be_of_a_type_defined_later(ask):
    class Dashboard(ProgressiveConnection):
        rows = Part(DjangoConnectionField(lambda: Later))

    class Later(DjangoObjectType):
        class Meta:
            model = Customer
            name = "LaterCustomer"
            fields = ("name",)
            interfaces = (relay.Node,)
            skip_registry = True

        @classmethod
        def get_queryset(cls, queryset, info):
            return queryset.exclude(city="hidden").order_by("name")

    answer = ask(Dashboard)(
        "{ dashboard { rows(first: 1) { pageInfo { hasNextPage } edges { node { name } } }"
        " edges { node { rows(offset: 1) { edges { node { name } } } } } } }"
    )
    assert answer.errors is None
    page = answer.data["dashboard"]
    assert (names(page["rows"]), page["rows"]["pageInfo"]) == (["Ann"], {"hasNextPage": True})
    assert names(page["edges"][0]["node"]["rows"]) == ["Bob"]


class Filtered(DjangoConnectionField):
    """A field like ``DjangoFilterConnectionField``, with arguments known only after its type."""

    @property
    def args(self):
        return {**self._args, "city": graphene.Argument(graphene.String)} if self.type else {}

    @args.setter
    def args(self, args):
        self._args = args

    @classmethod
    def resolve_queryset(cls, connection, queryset, info, args):
        found = super().resolve_queryset(connection, queryset, info, args)
        return found.filter(city=args["city"]) if "city" in args else found


@pytest.mark.usefixtures("customers")
def test_a_wrapped_filter_field_filters_the_rows_of_a_guarded_resolver(ask):
    class Dashboard(ProgressiveConnection):
        rows = Part(Filtered(lambda: LaterFiltered))

        @safe_call
        def resolve_rows(self, info, **arguments):
            return Customer.objects.exclude(name="Ann")

    class LaterFiltered(DjangoObjectType):
        class Meta:
            model = Customer
            name = "LaterFilteredCustomer"
            fields = ("name",)
            interfaces = (relay.Node,)
            skip_registry = True

    answer = ask(Dashboard)(
        '{ dashboard { rows(city: "Rome") { edges { node { name } } }'
        ' oslo: rows(city: "Oslo") { edges { node { name } } } } }'
    )
    assert answer.errors is None
    assert names(answer.data["dashboard"]["rows"]) == ["Bob"]
    assert names(answer.data["dashboard"]["oslo"]) == []


def test_a_wrapped_field_keeps_its_name_description_and_deprecation(ask):
    class Dashboard(ProgressiveConnection):
        first_one = Part(
            DjangoListField(Row, name="renamed", description="Told.", deprecation_reason="Old.")
        )
        other = Part(DjangoListField(Row, name="lost"), name="kept", description="Own.")

    query = ask(Dashboard)
    for type_name in ("DashboardConnection", "DashboardPart"):
        fields = query.schema.graphql_schema.type_map[type_name].fields
        assert fields["renamed"].description == "Told."
        assert fields["renamed"].deprecation_reason == "Old."
        assert fields["kept"].description == "Own."
        assert not {"lost", "firstOne", "other"} & set(fields)
    answer = query("{ dashboard { edges { node { name } } } }")
    assert set(nodes(answer)) == {"renamed", "kept"}


def test_a_wrapped_field_that_fails_in_the_database_fails_its_own_part_only(ask, db):
    class Dashboard(ProgressiveConnection):
        chunk_size = 3
        broken = Part(DjangoListField(Row))
        paged = Part(DjangoConnectionField(Row))
        fine = Part(graphene.Int, resolver=lambda root, info: Customer.objects.count())

        def resolve_broken(self, info):
            return Customer.objects.extra(where=["nope = 1"])

        resolve_paged = resolve_broken

    answer = ask(Dashboard)(
        "{ dashboard { edges { node { name status error { code }"
        " broken { name } paged { edges { node { name } } } fine } } } }"
    )
    assert ends(answer) == {
        "broken": ("ERROR", "part_failed"),
        "paged": ("ERROR", "part_failed"),
        "fine": ("OK", None),
    }


@pytest.mark.usefixtures("customers")
class TestRowsOfAWrappedField:
    text = "{ dashboard { edges { node { name status error { code } rows %s } } } }"

    def test_the_resolver_given_to_a_wrapped_field_runs_once(self, ask, wrap):
        make, fields = wrap
        ran = []

        def own(root, info, **arguments):
            ran.append(1)
            return everyone()

        part = make(resolver=own)
        connection = type("Dashboard", (ProgressiveConnection,), {"rows": part})
        node = nodes(ask(connection)(self.text % fields))["rows"]
        assert (names(node["rows"]), ran) == (["Ann", "Bob"], [1])

    def test_a_fallback_of_none_is_null_and_not_every_row(self, ask, wrap):
        make, fields = wrap

        class Dashboard(ProgressiveConnection):
            rows = make()

            @safe_call(fallback=None)
            def resolve_rows(self, info, **arguments):
                raise LookupError

        node = nodes(ask(Dashboard)(self.text % fields))["rows"]
        assert (node["status"], node["rows"]) == ("FALLBACK", None)

    def test_rows_that_get_queryset_filters_are_not_cached_for_all_readers(self, ask, caplog):
        ran = []

        class Dashboard(ProgressiveConnection):
            rows = Part(DjangoListField(Row))

            @cached_for(60, per_user=False, key="shared rows")
            def resolve_rows(self, info):
                ran.append(1)
                return everyone()

        query = ask(Dashboard)
        for _ in range(2):
            assert names(nodes(query(self.text % "{ name }"))["rows"]["rows"]) == ["Ann", "Bob"]
        assert ran == [1, 1]
