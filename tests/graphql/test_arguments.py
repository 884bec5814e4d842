"""Arguments of parts and of the connection field: their names, their runs and their errors."""

import graphene
import pytest
from graphene.types.generic import GenericScalar

from django_partstream import cached_for, lazy, safe_call
from partstream_graphql import Part, ProgressiveConnection
from tests.graphql.answers import ends, nodes

NAMES = [
    "own", "root", "info", "self", "attname", "value", "connection", "request", "limit", "name",
    "resolver", "func", "cls",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
class TestArgumentNames:
    def test_an_argument_of_a_resolver_may_have_any_name(self, ask, name):
        class Dashboard(ProgressiveConnection):
            chunk_size = 2
            bare = Part(graphene.String, args={name: graphene.Int()})
            safe = Part(graphene.String, args={name: graphene.Int()})

            @staticmethod
            def resolve_bare(root, info, /, **arguments):
                return str(arguments)

            resolve_safe = safe_call(resolve_bare)

        answer = ask(Dashboard)(f"{{ dashboard {{ bare({name}: 1) safe({name}: 1) }} }}")
        assert answer.errors is None
        told = str({name: 1})
        assert answer.data["dashboard"] == {"bare": told, "safe": told}

    def test_an_argument_of_a_lazy_part_may_have_any_name(self, ask, name):
        def load(asker, /, **arguments):
            return str(arguments)

        class Dashboard(ProgressiveConnection):
            a = Part(graphene.String, args={name: graphene.Int()})

            def get_parts(self):
                return [("a", lazy(load))]

        answer = ask(Dashboard)(f"{{ dashboard {{ a({name}: 1) }} }}")
        assert answer.data["dashboard"] == {"a": str({name: 1})}

    def test_an_argument_of_an_immediate_part_may_have_any_name(self, ask, name):
        class Dashboard(ProgressiveConnection):
            a = Part(graphene.String, args={name: graphene.Int()})

            def get_parts(self):
                return [("a", "here")]

        assert ask(Dashboard)(f"{{ dashboard {{ a({name}: 1) }} }}").data["dashboard"] == {
            "a": "here"
        }

    def test_an_argument_of_a_connection_field_may_have_any_name(self, ask, name):
        class Dashboard(ProgressiveConnection):
            a = Part(graphene.String, resolver=lambda root, info: str(root.args))

        query = ask(Dashboard, args={name: graphene.Int()})
        answer = query(f"{{ dashboard({name}: 1) {{ a }} }}")
        assert answer.errors is None
        assert answer.data["dashboard"] == {"a": str({name: 1})}


def test_an_argument_in_the_query_wins_over_the_keyword_given_to_lazy(ask):
    class Dashboard(ProgressiveConnection):
        a = Part(graphene.Int, limit=graphene.Int())

        def get_parts(self):
            return [("a", lazy(self.get_a, limit=5))]

        def get_a(self, request, limit):
            return limit

    answer = ask(Dashboard)("{ dashboard { a two: a(limit: 2) } }")
    assert answer.data["dashboard"] == {"a": 5, "two": 2}


def test_the_arguments_1_and_true_and_1_0_are_told_apart(ask):
    class Dashboard(ProgressiveConnection):
        a = Part(graphene.String, of=GenericScalar())

        def resolve_a(self, info, of):
            return repr(of)

    answer = ask(Dashboard)(
        "{ dashboard { x: a(of: 1) y: a(of: true) z: a(of: 1.0)"
        " list: a(of: [1]) listed: a(of: [true]) in: a(of: {b: 1}) into: a(of: {b: true}) } }"
    )
    assert answer.data["dashboard"] == {
        "x": "1", "y": "True", "z": "1.0",
        "list": "[1]", "listed": "[True]", "in": "{'b': 1}", "into": "{'b': True}",
    }  # fmt: skip


def test_arguments_that_cannot_be_compared_are_accepted(ask):
    class Opaque(graphene.Scalar):
        serialize = staticmethod(str)

        @staticmethod
        def parse_literal(node, variables=None):
            return object()

        @staticmethod
        def parse_value(value):
            return object()

    class Dashboard(ProgressiveConnection):
        a = Part(graphene.String, of=Opaque())

        def resolve_a(self, info, of):
            return "here"

    text = "($of: Opaque) { dashboard { a(of: 1) b: a(of: $of) edges { node { name a(of: 1) } } } }"
    answer = ask(Dashboard)(f"query {text}", of=1)
    assert nodes(answer)["a"]["a"] == "here"
    assert (answer.data["dashboard"]["a"], answer.data["dashboard"]["b"]) == ("here", "here")


def test_an_invalid_argument_fails_its_own_part_only(ask):
    ran = []

    class Dashboard(ProgressiveConnection):
        a = Part(graphene.Int, n=graphene.Int(required=True, default_value=1))
        b = Part(graphene.Int, resolver=lambda root, info: 2)

        def resolve_a(self, info, n):
            ran.append(n)
            return n

    query = ask(Dashboard)
    text = (
        "query ($n: Int = 3) { dashboard { edges { node { name status error { code } %s b } } } }"
    )
    answer = query(text % "a(n: $n)", n=None)
    page = answer.data["dashboard"]["edges"]
    assert [(edge["node"]["name"], edge["node"]["status"]) for edge in page] == [
        ("a", "ERROR"),
        ("b", "OK"),
    ]
    assert page[0]["node"]["error"] == {"code": "bad_user_input"}
    assert page[1]["node"]["b"] == 2
    assert ran == []
    assert ends(query(text % "a(n: $n)", n=4)) == {"a": ("OK", None), "b": ("OK", None)}
    assert ran == [4]


def test_the_run_of_a_part_with_valid_arguments_arrives_beside_an_invalid_run(ask):
    class Dashboard(ProgressiveConnection):
        a = Part(graphene.Int, n=graphene.Int(required=True, default_value=1))

        def resolve_a(self, info, n):
            return n

    answer = ask(Dashboard)("query ($n: Int = 3) { dashboard { a(n: 7) b: a(n: $n) } }", n=None)
    assert answer.data["dashboard"] == {"a": 7, "b": None}


@pytest.mark.parametrize("order", ["{valid} {invalid}", "{invalid} {valid}"])
def test_a_run_with_an_invalid_argument_is_never_one_with_a_run_without_arguments(ask, order):
    """Both have no arguments that could tell them apart."""

    class Dashboard(ProgressiveConnection):
        a = Part(graphene.String, of=graphene.List(graphene.NonNull(graphene.Int)))

        def resolve_a(self, info, of=None):
            return f"of {of}"

    fields = order.format(valid="valid: a", invalid="invalid: a(of: [$n])")
    text = f"{{ dashboard {{ edges {{ node {{ name status error {{ code }} {fields} }} }} }} }}"
    answer = ask(Dashboard)(f"query ($n: Int = 1) {text}", n=None)
    (edge,) = answer.data["dashboard"]["edges"]
    assert edge["node"] == {
        "name": "a",
        "status": "ERROR",
        "error": {"code": "bad_user_input"},
        "valid": "of None",
        "invalid": None,
    }


def test_an_argument_named_request_is_part_of_the_cache_key(ask):
    class Dashboard(ProgressiveConnection):
        a = Part(graphene.Int, request=graphene.Int())

        @cached_for(60)
        def resolve_a(self, info, request):
            return request

    answer = ask(Dashboard)("{ dashboard { one: a(request: 1) two: a(request: 2) } }")
    assert answer.data["dashboard"] == {"one": 1, "two": 2}


def test_many_arguments_are_told_apart_without_comparing_each_with_each():
    from partstream_graphql.selection import Run, Selection

    class Uncomparable(int):
        def __eq__(self, other):
            raise AssertionError("compared")

        __hash__ = int.__hash__

    selection = Selection()
    for number in range(50):
        selection.add("a", Run({"n": Uncomparable(number)}, [("node", f"a{number}")], []))
    assert len(selection.runs["a"]) == 50
