"""``cached_for`` on resolvers: values are kept for each root object of their connection."""

import dataclasses
import logging

import graphene
import pytest

from django_partstream import cached_for
from example_schema.models import Customer
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField

RAN = []


@pytest.fixture(autouse=True)
def _nothing_ran():
    RAN.clear()


@dataclasses.dataclass
class Data:
    pk: int


class Plain:
    def __init__(self, pk):
        self.pk = pk


class Counted(ProgressiveConnection):
    a = Part(graphene.Int)

    @cached_for(60)
    def resolve_a(self, info):
        RAN.append(1)
        return len(RAN)


class Shop(graphene.ObjectType):
    pk = graphene.Int()
    dashboard = ProgressiveConnectionField(Counted)


def row(pk):
    return Customer.objects.get_or_create(pk=pk, email=f"{pk}@example.com")[0]


@pytest.fixture
def ask_of(ask):
    """Ask for ``shop(pk) { dashboard { a } }``, where *make* gives the shop."""

    def asking(make):
        class Query(graphene.ObjectType):
            shop = graphene.Field(Shop, pk=graphene.Int())

            def resolve_shop(self, info, pk):
                return make(pk)

        query = ask(query=Query)

        def asked(pk):
            answer = query(f"{{ shop(pk: {pk}) {{ dashboard {{ a }} }} }}")
            assert answer.errors is None
            return answer.data["shop"]["dashboard"]["a"]

        return asked

    return asking


@pytest.mark.parametrize(
    "make",
    [lambda pk: Shop(pk=pk), Data, row, lambda pk: {"pk": pk}],
    ids=["graphene object", "dataclass", "row", "dict"],
)
def test_cached_for_on_a_resolver_keeps_a_value_for_each_root_object(ask_of, db, caplog, make):
    asked = ask_of(make)
    assert [asked(1), asked(2), asked(1), asked(2)] == [1, 2, 1, 2]
    assert "not cached" not in caplog.text


def test_a_value_under_a_root_object_without_stable_text_is_not_cached_and_logged_once(
    ask, caplog, view_class
):
    class Uncached(ProgressiveConnection):
        a = Part(graphene.Int)

        @cached_for(60, key=f"under plain objects, on {view_class.__name__}")
        def resolve_a(self, info):
            return self.root.pk

    class Query(graphene.ObjectType):
        dashboard = ProgressiveConnectionField(Uncached, pk=graphene.Int())

        def resolve_dashboard(self, info, pk):
            return Plain(pk)

    query = ask(query=Query)
    with caplog.at_level(logging.WARNING, "django_partstream"):
        for pk in (1, 2, 1):
            assert query(f"{{ dashboard(pk: {pk}) {{ a }} }}").data == {"dashboard": {"a": pk}}
    warnings = [one for one in caplog.records if "is not cached" in one.getMessage()]
    assert len(warnings) == 1


def test_cached_for_keeps_a_value_for_each_payload_of_a_mutation(ask):
    class Buy(graphene.Mutation):
        class Arguments:
            pk = graphene.Int()

        pk = graphene.Int()
        dashboard = ProgressiveConnectionField(Counted)

        @staticmethod
        def mutate(root, info, pk):
            return Buy(pk=pk)

    class Mutation(graphene.ObjectType):
        buy = Buy.Field()

    class Query(graphene.ObjectType):
        unused = graphene.Int()

    schema = graphene.Schema(query=Query, mutation=Mutation)
    sender = ask(query=Query)

    def bought(pk):
        text = f"mutation {{ buy(pk: {pk}) {{ dashboard {{ a }} }} }}"
        request = sender("{ __typename }").response.wsgi_request
        result = schema.execute(text, context_value=request)
        assert result.errors is None
        return result.data["buy"]["dashboard"]["a"]

    assert [bought(1), bought(2), bought(1)] == [1, 2, 1]


def test_cached_for_works_on_class_and_static_methods(ask):
    class Kinds(ProgressiveConnection):
        chunk_size = 3
        a = Part(graphene.String)
        b = Part(graphene.Int)
        c = Part(graphene.Int)

        @classmethod
        @cached_for(60)
        def resolve_a(cls, root, info):
            RAN.append("a")
            return f"{cls.__name__} {type(root).__name__}"

        @staticmethod
        @cached_for(60)
        def resolve_b(root, info):
            RAN.append("b")
            return 2

        @cached_for(60)
        @staticmethod
        def resolve_c(root, info):
            RAN.append("c")
            return 3

    query = ask(Kinds)
    for _ in range(2):
        answer = query("{ dashboard { a b c } }")
        assert answer.data["dashboard"] == {"a": "Kinds Kinds", "b": 2, "c": 3}
    assert RAN == ["a", "b", "c"]


def test_a_class_method_is_cached_for_each_class_and_argument(ask):
    class Base(ProgressiveConnection):
        class Meta:
            abstract = True

        a = Part(graphene.String, n=graphene.Int())

        @classmethod
        @cached_for(60)
        def resolve_a(cls, root, info, n=0):
            RAN.append(cls.__name__)
            return f"{cls.__name__} {n}"

    class One(Base):
        pass

    class Two(Base):
        pass

    class Query(graphene.ObjectType):
        one = ProgressiveConnectionField(One)
        two = ProgressiveConnectionField(Two)

    query = ask(query=Query)
    for _ in range(2):
        answer = query("{ one { a b: a(n: 1) } two { a } }")
        assert answer.data == {"one": {"a": "One 0", "b": "One 1"}, "two": {"a": "Two 0"}}
    assert RAN == ["One", "One", "Two"]
