"""Values of parts: a bad value fails its own part, and its text never reaches the client."""

import graphene
import pytest
from django.db import transaction
from graphene import relay
from graphene.types.generic import GenericScalar
from graphene_django import DjangoObjectType
from graphql import GraphQLError

from example_schema.models import Customer
from partstream_graphql import Part, ProgressiveConnection
from partstream_graphql.http.views import ProgressiveGraphQLView
from tests.graphql.answers import ends, nodes


class Row(DjangoObjectType):
    class Meta:
        model = Customer
        name = "ValueCustomer"
        fields = ("name",)
        interfaces = (relay.Node,)
        skip_registry = True


class Shape(graphene.Interface):
    sides = graphene.Int()

    @classmethod
    def resolve_type(cls, instance, info):
        if instance == "secret":
            raise ValueError(instance)
        return Square


class Square(graphene.ObjectType):
    class Meta:
        interfaces = (Shape,)


class Picky(graphene.ObjectType):
    class Meta:
        possible_types = (int,)

    number = graphene.Int()


class Color(graphene.Enum):
    RED = 1


def breaks_off():
    yield 1
    raise ValueError("secret")


def raw_rows():
    return Customer.objects.raw("SELECT nope FROM secret")


BAD = {
    "none_in_list": (graphene.List(graphene.NonNull(graphene.Int)), lambda: [1, None]),
    "scalar_for_list": (graphene.List(graphene.Int), lambda: 5),
    "text_for_list": (graphene.List(graphene.String), lambda: "secret"),
    "dict_for_list": (graphene.List(graphene.String), lambda: {"secret": 1}),
    "nested": (graphene.List(graphene.List(graphene.Int)), lambda: [[1], ["secret"]]),
    "scalar": (graphene.Int, lambda: "secret"),
    "enum": (Color, lambda: "secret"),
    "dict_row": (graphene.List(Row), lambda: [{"name": "secret"}]),
    "dict_for_row": (Row, lambda: {"name": "secret"}),
    "wrong_kind": (Picky, lambda: {"number": "secret"}),
    "breaks_off": (graphene.List(graphene.Int), breaks_off),
    "raw_rows": (graphene.List(Row), raw_rows),
    "exception_among_items": (graphene.List(graphene.Int), lambda: [1, ValueError("secret")]),
    "untypable": (Shape, lambda: "secret"),
    "untypable_items": (graphene.List(Shape), lambda: [{"sides": 4}, "secret"]),
    "object": (GenericScalar, lambda: {"secret": object()}),
    "not_a_number": (GenericScalar, lambda: float("nan")),
    "no_float": (graphene.Float, lambda: float("inf")),
    "no_json": (graphene.JSONString, lambda: {"secret": object()}),
}

SUBFIELDS = {
    "dict_row": "{ name }", "dict_for_row": "{ name }", "wrong_kind": "{ number }",
    "raw_rows": "{ name }", "untypable": "{ sides }", "untypable_items": "{ sides }",
}  # fmt: skip


def connection(values):
    """A connection with a part for each value, each followed by a part that counts rows."""
    namespace = {"chunk_size": 2 * len(values)}
    for name, (type_, value) in values.items():
        namespace[name] = Part(type_, name=name, resolver=lambda root, info, value=value: value())
        namespace[f"after_{name}"] = Part(
            graphene.Int,
            name=f"after_{name}",
            resolver=lambda root, info: Customer.objects.count(),
        )
    return type("Values", (ProgressiveConnection,), namespace)


def select(values):
    selected = " ".join(f"{name} {SUBFIELDS.get(name, '')} after_{name}" for name in values)
    return f"{{ dashboard {{ edges {{ node {{ name status error {{ code message }} {selected} }} }} }} }}"


def check(answer):
    for name, end in ends(answer).items():
        fine = name.startswith("after_")
        assert (name, *end) == (name, *(("OK", None) if fine else ("ERROR", "part_failed")))
    for name, node in nodes(answer).items():
        assert node[name] == (0 if name.startswith("after_") else None)
    assert b"secret" not in answer.response.content


def test_a_bad_value_fails_its_own_part_only_inside_a_transaction(ask, db):
    with transaction.atomic():
        check(ask(connection(BAD))(select(BAD)))
        assert Customer.objects.count() == 0  # the transaction is still usable


@pytest.mark.django_db(transaction=True)
def test_a_bad_value_fails_its_own_part_only_outside_a_transaction(ask):
    check(ask(connection(BAD))(select(BAD)))


def test_a_bad_value_on_the_connection_is_null_with_a_masked_error(ask, db):
    for name, bad in BAD.items():
        query = ask(connection({name: bad}))
        answer = query(f"{{ dashboard {{ {name} {SUBFIELDS.get(name, '')} after_{name} }} }}")
        assert answer.data == {"dashboard": {name: None, f"after_{name}": 0}}
        (error,) = answer.errors
        assert error["message"] == "This part could not be loaded."
        assert error["path"] == ["dashboard", name]
        assert b"secret" not in answer.response.content


def test_an_iterator_selected_twice_arrives_in_both_places(ask):
    class Once(ProgressiveConnection):
        chunk_size = 2
        mapped = Part(graphene.List(graphene.Int), resolver=lambda root, info: map(int, "12"))
        generated = Part(graphene.List(graphene.NonNull(graphene.Int)))

        def resolve_generated(self, info):
            yield from (3, 4)

    answer = ask(Once)(
        "{ dashboard { mapped again: mapped generated edges { node { name mapped generated } } } }"
    )
    page = answer.data["dashboard"]
    assert page["mapped"] == page["again"] == nodes(answer)["mapped"]["mapped"] == [1, 2]
    assert page["generated"] == nodes(answer)["generated"]["generated"] == [3, 4]


def test_values_of_unusual_kinds_arrive(ask):
    good = {
        "empty": (graphene.List(graphene.NonNull(graphene.Int)), list),
        "nullable_items": (graphene.List(graphene.Int), lambda: [1, None]),
        "numbers": (graphene.List(graphene.Int), lambda: {1}),
        "keys": (graphene.List(graphene.String), {"a": 1}.keys),
        "anything": (GenericScalar, lambda: {"a": [1, None, "b", 0.5]}),
        "enum": (Color, lambda: Color.RED),
        "picky": (Picky, lambda: None),
        "nested": (graphene.List(graphene.List(graphene.Int)), lambda: ((1,), iter([2]))),
    }
    namespace = {
        name: Part(type_, name=name, resolver=lambda root, info, value=value: value())
        for name, (type_, value) in good.items()
    }
    query = ask(type("Good", (ProgressiveConnection,), {"chunk_size": len(good), **namespace}))
    answer = query(
        "{ dashboard { empty nullable_items numbers keys anything enum picky { number } nested } }"
    )
    assert answer.errors is None
    assert answer.data["dashboard"] == {
        "empty": [], "nullable_items": [1, None], "numbers": [1], "keys": ["a"],
        "anything": {"a": [1, None, "b", 0.5]}, "enum": "RED", "picky": None, "nested": [[1], [2]],
    }  # fmt: skip


def test_a_manager_under_a_list_type_is_all_of_its_rows(ask, db):
    for name in ("Ann", "Bob"):
        Customer.objects.create(name=name, email=f"{name}@example.com", city="Oslo")

    class Rows(ProgressiveConnection):
        rows = Part(graphene.List(Row), resolver=lambda root, info: Customer.objects)

    answer = ask(Rows)("{ dashboard { rows { name } edges { node { rows { name } } } } }")
    expected = [{"name": "Ann"}, {"name": "Bob"}]
    assert answer.errors is None
    page = answer.data["dashboard"]
    assert page["rows"] == page["edges"][0]["node"]["rows"] == expected


def test_a_value_that_is_too_deep_is_refused_and_not_retryable(ask):
    deep = []
    for _ in range(50_000):
        deep = [deep]
    parts = type(
        "Deep", (ProgressiveConnection,), {"deep": Part(GenericScalar, resolver=lambda *_: deep)}
    )
    (error,) = ask(parts)("{ dashboard { edges { node { deep } } } }").errors
    assert error["extensions"]["retryable"] is False


@pytest.mark.parametrize("value", [5, "text", b"bytes", {"a": 1}])
def test_a_value_that_is_no_list_fails_a_part_of_a_list_type_and_the_log_says_so(
    ask, caplog, value
):
    class Dashboard(ProgressiveConnection):
        numbers = Part(graphene.List(graphene.Int))

        def resolve_numbers(self, info):
            return value

    ask(Dashboard)("{ dashboard { edges { node { name status error { code } numbers } } } }")
    (record,) = [one for one in caplog.records if one.name == "django_partstream"]
    assert str(record.exc_info[1]) == f"{type(value).__name__} is no list of Int."


@pytest.mark.parametrize("view_class", [ProgressiveGraphQLView])
def test_awaitables_under_a_list_type_are_awaited(ask, view_class):
    async def later(number):
        return number

    class Numbers(ProgressiveConnection):
        numbers = Part(
            graphene.List(graphene.Int), resolver=lambda root, info: [later(1), 2, later(3)]
        )

    answer = ask(Numbers)("{ dashboard { numbers } }")
    assert (answer.errors, answer.data) == (None, {"dashboard": {"numbers": [1, 2, 3]}})


def test_error_extensions_without_json_form_do_not_break_the_response(ask):
    class Told(ProgressiveConnection):
        odd = Part(graphene.Int)
        keys = Part(graphene.Int)
        fine = Part(graphene.Int, resolver=lambda root, info: 1)
        chunk_size = 3

        def resolve_odd(self, info):
            raise GraphQLError("Told.", extensions={"code": 404, "what": object(), "n": {1}})

        def resolve_keys(self, info):
            raise GraphQLError("Told.", extensions={("a", "b"): 1})

    query = ask(Told)
    answer = query("{ dashboard { odd keys fine } }")
    assert answer.data["dashboard"] == {"odd": None, "keys": None, "fine": 1}
    odd, _ = answer.errors
    assert (odd["message"], odd["extensions"]["code"]) == ("Told.", 404)
    answer = query("{ dashboard { edges { node { name status error { code } odd keys fine } } } }")
    assert ends(answer) == {
        "odd": ("ERROR", "404"), "keys": ("ERROR", "part_failed"), "fine": ("OK", None),
    }  # fmt: skip


def test_the_code_of_a_graphql_error_keeps_its_case_in_errors(ask):
    class Dashboard(ProgressiveConnection):
        a = Part(graphene.Int)

        def resolve_a(self, info):
            raise GraphQLError("Told.", extensions={"code": "OutOfStock", "retryable": True})

    query = ask(Dashboard)
    (error,) = query("{ dashboard { a } }").errors
    assert error["extensions"].pop("reference")
    assert error["extensions"] == {"code": "OutOfStock", "retryable": True}
    answer = query("{ dashboard { edges { node { name error { code } a } } } }")
    assert nodes(answer)["a"]["error"] == {"code": "outofstock"}


class TestBelowAPart:
    @pytest.fixture
    def view_class(self):
        return ProgressiveGraphQLView

    def answer(self, ask, value):
        class Below(graphene.ObjectType):
            number = graphene.Int()
            color = graphene.Field(Color)
            when = graphene.DateTime()
            anything = GenericScalar()
            nested = graphene.List(graphene.List(graphene.Int))
            needed = graphene.List(graphene.NonNull(graphene.Int))
            told = graphene.Int()
            returned = graphene.Int()
            later = graphene.String()

            def resolve_told(self, info):
                raise GraphQLError("Told.", extensions={"code": "Own"})

            async def resolve_later(self, info):
                return "later"

        class Dashboard(ProgressiveConnection):
            below = Part(Below, resolver=lambda root, info: value)

        return ask(Dashboard)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("number", "secret"),
            ("color", "secret"),
            ("when", "secret"),
            ("nested", [[1, "secret"]]),
            ("nested", ["secret"]),
            ("needed", ["secret"]),
            ("needed", [None]),
        ],
    )
    @pytest.mark.parametrize("where", ["%s", "edges { node { %s } }"])
    def test_a_value_below_a_part_that_its_type_refuses_is_a_masked_error(
        self, ask, caplog, field, value, where
    ):
        query = self.answer(ask, {field: value})
        answer = query("{ dashboard { %s } }" % (where % f"below {{ {field} }}"))
        (error,) = answer.errors
        assert error["message"] == "Something went wrong."
        assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert b"secret" not in answer.response.content
        assert error["extensions"]["reference"] in caplog.text

    def test_a_graphql_error_raised_below_a_part_keeps_its_message(self, ask):
        (error,) = self.answer(ask, {})("{ dashboard { below { told } } }").errors
        assert error["message"] == "Told."
        assert error["extensions"] == {"code": "Own"}

    def test_a_resolver_below_a_part_may_be_async(self, ask):
        answer = self.answer(ask, {})(
            "{ dashboard { below { later } edges { node { name below { later } } } } }"
        )
        assert nodes(answer)["below"]["below"] == {"later": "later"}
        assert answer.data["dashboard"]["below"] == {"later": "later"}

    def test_an_exception_of_an_async_resolver_below_a_part_is_masked(self, ask):
        class Below(graphene.ObjectType):
            number = graphene.Int()

            async def resolve_number(self, info):
                raise ValueError("secret")

        class Dashboard(ProgressiveConnection):
            below = Part(Below, resolver=lambda root, info: {})

        answer = ask(Dashboard)("{ dashboard { below { number } } }")
        assert answer.errors[0]["message"] == "Something went wrong."
        assert b"secret" not in answer.response.content
