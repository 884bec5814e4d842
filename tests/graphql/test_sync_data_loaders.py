"""Parts whose resolvers return the future of a synchronous data loader."""

import graphene
import pytest
from django.urls import path
from graphene_django import DjangoConnectionField, DjangoListField, DjangoObjectType

from django_partstream import cached_for, lazy, safe_call, with_timeout
from django_partstream.exceptions import PartPending
from example_schema.models import Customer
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from tests.graphql.answers import ends, nodes

loaders = pytest.importorskip("graphql_sync_dataloaders")


class Loader(loaders.SyncDataLoader):
    """A loader that notes its batches: the value of a key is made by *make*."""

    def __init__(self, make):
        self.batches = []

        def load(keys):
            self.batches.append(list(keys))
            return [make(key) for key in keys]

        super().__init__(load)


@pytest.fixture
def loader():
    """A loader of a number for each text; a text that is no number fails."""

    def make(key):
        try:
            return int(key)
        except ValueError as exc:
            return exc

    return Loader(make)


@pytest.fixture(params=["deferred", "plain"])
def ask(request, serve, view_class):
    """Ask a connection, executed as graphql-sync-dataloaders wants it, and as graphql-core does."""
    context = loaders.DeferredExecutionContext if request.param == "deferred" else None

    def asking(connection=None, *, query=None):
        if query is None:
            field = ProgressiveConnectionField(connection)
            query = type("Query", (graphene.ObjectType,), {"dashboard": field})
        schema = graphene.Schema(query=query)
        view = view_class.as_view(schema=schema, execution_context_class=context)
        client = serve(path("graphql/", view))

        def sent(text):
            body = client.post("/graphql/", {"query": text}, "application/json").json()
            return type("Answer", (), {"data": body.get("data"), "errors": body.get("errors")})

        return sent

    return asking


class Thing(graphene.ObjectType):
    number = graphene.Int()


def parts(loader, wrap=lambda func: func):
    """A connection of parts of each shape; *wrap* guards their resolvers."""

    class Dashboard(ProgressiveConnection):
        chunk_size = 20

        scalar = Part(graphene.Int)
        required = Part(graphene.List(graphene.NonNull(graphene.Int)))
        futures = Part(graphene.List(graphene.Int))
        thing = Part(Thing)
        things = Part(graphene.List(Thing))
        nothing = Part(graphene.Int)

        def get_parts(self):
            return [
                ("scalar", lazy(wrap(lambda request: loader.load("1")))),
                ("required", lazy(wrap(lambda request: Loader(lambda key: [key, 3]).load(2)))),
                ("futures", lazy(wrap(lambda request: [loader.load("4"), loader.load("5"), 6]))),
                ("thing", lazy(wrap(lambda request: Loader(lambda n: Thing(number=n)).load(7)))),
                (
                    "things",
                    lazy(wrap(lambda request: Loader(lambda n: [Thing(number=n)]).load(8))),
                ),
                ("nothing", lazy(wrap(lambda request: Loader(lambda n: None).load(9)))),
            ]

    return Dashboard


QUERY = """{ dashboard { edges { node {
    name status error { code }
    scalar required futures thing { number } things { number } nothing
} } } }"""

EXPECTED = {
    "scalar": 1,
    "required": [2, 3],
    "futures": [4, 5, 6],
    "thing": {"number": 7},
    "things": [{"number": 8}],
    "nothing": None,
}

KEYS = iter(range(1_000))

GUARDS = {
    "no guard": lambda func: func,
    "safe_call": lambda func: safe_call(func, fallback=None),
    "with_timeout": lambda func: with_timeout(func, 30),
    "cached_for": lambda func: cached_for(60, key=f"loaded {next(KEYS)}")(func),
}


@pytest.mark.parametrize("wrap", GUARDS.values(), ids=GUARDS)
@pytest.mark.django_db
def test_a_part_of_any_shape_may_return_a_future_in_a_transaction(ask, loader, wrap):
    found = nodes(ask(parts(loader, wrap))(QUERY))
    assert {name: node[name] for name, node in found.items()} == EXPECTED
    assert {node["status"] for node in found.values()} == {"OK"}


@pytest.mark.parametrize("wrap", GUARDS.values(), ids=GUARDS)
@pytest.mark.django_db(transaction=True)
def test_a_part_of_any_shape_may_return_a_future(ask, loader, wrap):
    found = nodes(ask(parts(loader, wrap))(QUERY))
    assert {name: node[name] for name, node in found.items()} == EXPECTED
    assert {node["status"] for node in found.values()} == {"OK"}


@pytest.mark.django_db(transaction=True)
def test_the_parts_and_aliases_of_a_page_are_loaded_in_one_batch(ask, loader):
    class Dashboard(ProgressiveConnection):
        chunk_size = 5
        one = Part(graphene.Int, key=graphene.String())
        two = Part(graphene.List(graphene.Int))

        def resolve_one(self, info, key="1"):
            return loader.load(key)

        def resolve_two(self, info):
            return loader.load("4")

        def get_parts(self):
            return [("one", dict(super().get_parts())["one"]), ("two", lazy(self.both))]

        def both(self, request):
            return [loader.load("5"), loader.load("6")]

    answer = ask(Dashboard)('{ dashboard { one other: one(key: "2") third: one(key: "3") two } }')
    assert (answer.errors, answer.data["dashboard"]) == (
        None,
        {"one": 1, "other": 2, "third": 3, "two": [5, 6]},
    )
    (batch,) = loader.batches
    assert sorted(batch) == ["1", "2", "3", "5", "6"]


@pytest.mark.parametrize("key", ["none", "list", "lost"])
@pytest.mark.django_db
def test_a_loader_that_fails_fails_its_part(ask, loader, key):
    def load(request):
        if key == "lost":
            return loaders.SyncDataLoader(lambda keys: []).load(1)
        return [loader.load("1"), loader.load("x")] if key == "list" else loader.load("x")

    class Dashboard(ProgressiveConnection):
        chunk_size = 5
        bad = Part(graphene.List(graphene.Int) if key == "list" else graphene.Int)
        saved = Part(graphene.List(graphene.Int) if key == "list" else graphene.Int)
        good = Part(graphene.Int)

        def get_parts(self):
            fallback = [7] if key == "list" else 7
            return [
                ("bad", lazy(load)),
                ("saved", lazy(safe_call(load, fallback=fallback))),
                ("good", lazy(lambda request: loader.load("3"))),
            ]

    answer = ask(Dashboard)(
        "{ dashboard { edges { node { name status error { code } bad saved good } } } }"
    )
    assert ends(answer) == {
        "bad": ("ERROR", "part_failed"),
        "saved": ("FALLBACK", None),
        "good": ("OK", None),
    }


def failing(exc):
    """A connection of parts that share a loader, whose function raises *exc* while there is any."""
    left = [exc]

    def load(keys):
        for one in left:
            raise one
        return keys

    loader = loaders.SyncDataLoader(load)

    class Dashboard(ProgressiveConnection):
        chunk_size = 5
        one, two = Part(graphene.Int), Part(graphene.List(graphene.Int))
        other = Part(graphene.Int)

        def resolve_one(self, info):
            return loader.load(1)

        def resolve_two(self, info):
            return [loader.load(2), loader.load(3)]

        def resolve_other(self, info):
            return 4

    return Dashboard, left


@pytest.mark.usefixtures("transacted")
def test_a_loader_whose_function_fails_fails_all_parts_of_its_batch(ask):
    dashboard, _ = failing(ValueError("no"))
    answer = ask(dashboard)(
        "{ dashboard { edges { node { name status error { code } one two other } } } }"
    )
    assert ends(answer) == {
        "one": ("ERROR", "part_failed"),
        "two": ("ERROR", "part_failed"),
        "other": ("OK", None),
    }


@pytest.mark.usefixtures("transacted")
def test_a_loader_whose_function_waits_leaves_all_parts_of_its_batch_pending(ask):
    dashboard, left = failing(PartPending("work", limit=600))
    query = ask(dashboard)
    text = """{ dashboard(after: "%s") { pageInfo { endCursor } pending { name }
        edges { node { name status error { code } one two other } } } }"""
    first = query(text % "")
    assert ends(first) == {"other": ("OK", None)}
    assert first.data["dashboard"]["pending"] == [{"name": "one"}, {"name": "two"}]
    left.clear()
    found = nodes(query(text % first.data["dashboard"]["pageInfo"]["endCursor"]))
    assert (found["one"]["one"], found["two"]["two"]) == (1, [2, 3])


@pytest.mark.django_db
def test_a_loaded_value_that_is_not_of_its_type_fails_its_part(ask):
    class Dashboard(ProgressiveConnection):
        a = Part(graphene.Int)
        b = Part(graphene.List(graphene.Int))

        def get_parts(self):
            text = Loader(lambda key: "text")
            return [("a", lazy(lambda r: text.load(1))), ("b", lazy(lambda r: text.load(2)))]

    answer = ask(Dashboard)("{ dashboard { edges { node { name status error { code } a b } } } }")
    assert ends(answer) == {"a": ("ERROR", "part_failed"), "b": ("ERROR", "part_failed")}


@pytest.mark.django_db
def test_rows_of_a_model_may_be_loaded(ask):
    class LoadedCustomer(DjangoObjectType):
        class Meta:
            model = Customer
            interfaces = (graphene.relay.Node,)
            fields = ("name",)

    ann = Customer.objects.create(name="ann", email="ann@example.com", city="x")
    rows = Loader(lambda pk: Customer.objects.get(pk=pk))
    lists = Loader(lambda pk: list(Customer.objects.filter(pk=pk)))

    class Dashboard(ProgressiveConnection):
        chunk_size = 9
        row = Part(LoadedCustomer)
        rows = Part(graphene.List(LoadedCustomer))
        listed = Part(DjangoListField(LoadedCustomer))
        paged = Part(DjangoConnectionField(LoadedCustomer))

        def resolve_row(self, info):
            return rows.load(ann.pk)

        def resolve_rows(self, info):
            return lists.load(ann.pk)

        def resolve_listed(self, info):
            return Loader(lambda pk: Customer.objects.filter(pk=pk)).load(ann.pk)

        def resolve_paged(self, info):
            return Loader(lambda pk: Customer.objects.filter(pk=pk)).load(ann.pk)

    found = nodes(
        ask(Dashboard)(
            """{ dashboard { edges { node { name status error { code }
                row { name } rows { name } listed { name } paged { edges { node { name } } }
            } } } }"""
        )
    )
    assert {name: node[name] for name, node in found.items()} == {
        "row": {"name": "ann"},
        "rows": [{"name": "ann"}],
        "listed": [{"name": "ann"}],
        "paged": {"edges": [{"node": {"name": "ann"}}]},
    }


@pytest.mark.parametrize("ask", ["deferred"], indirect=True)
@pytest.mark.django_db
class TestABatchThatAnotherFieldBegan:
    """Only the execution context can load it, at the end of the operation."""

    @pytest.fixture
    def query(self, loader):
        class Dashboard(ProgressiveConnection):
            chunk_size = 9
            scalar = Part(graphene.Int)
            numbers = Part(graphene.List(graphene.Int))
            cached = Part(graphene.Int)

            def resolve_scalar(self, info):
                return loader.load("2")

            def resolve_numbers(self, info):
                return [loader.load("3"), 4]

            @cached_for(60, key="loaded later")
            def resolve_cached(self, info):
                return loader.load("6")

        class Query(graphene.ObjectType):
            first = graphene.Int()
            dashboard = ProgressiveConnectionField(Dashboard)

            def resolve_first(self, info):
                return loader.load("1")

        return Query

    def test_its_parts_have_their_values_at_the_end(self, ask, query, loader):
        for _ in range(2):  # the value of the cached part is not kept
            loader._cache.clear()
            answer = ask(query=query)("{ first dashboard { scalar numbers cached } }")
            assert (answer.errors, answer.data) == (
                None,
                {"first": 1, "dashboard": {"scalar": 2, "numbers": [3, 4], "cached": 6}},
            )
        assert [sorted(batch) for batch in loader.batches] == [["1", "2", "3", "6"]] * 2
