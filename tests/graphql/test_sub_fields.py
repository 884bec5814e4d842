"""
Sub-fields are collected once for a document, with the same answers as if they were collected anew.

Also the facts about graphql-core on which ``partstream_graphql._sub_fields`` relies.
"""

import asyncio
import inspect
import json
import pickle
import types
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import partial
from unittest import mock

import graphene
import graphql
import pytest
from django.urls import path
from graphql import (
    GraphQLField,
    GraphQLInt,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    execute,
    parse,
)
from graphql.execution import collect_fields
from graphql.pyutils import is_awaitable
from hypothesis import given
from hypothesis import strategies as st

from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from partstream_graphql import _sub_fields as adapter
from partstream_graphql.http.views import ProgressiveGraphQLView
from tests.graphql.test_graphql_core_adapter import INNER, field_of
from tests.graphql.upstream import Facts

check = Facts("graphql-core", adapter, "3.2.12, 3.2.14 and 3.3.2").check

IS_3_2 = hasattr(collect_fields, "collect_sub_fields")
only_3_2 = pytest.mark.skipif(not IS_3_2, reason="Nothing is remembered with graphql-core 3.3.")


def selected(query, variables=None):
    info, _ = field_of(query, variables)
    return {
        key: (name, len(nodes))
        for name, key, nodes in adapter.selected_fields(info, INNER, info.field_nodes)
    }


def test_graphql_core_collects_the_fields_below_a_field_for_a_caller():
    facts = adapter._collecting
    if hasattr(facts, "collect_sub_fields"):
        names = list(inspect.signature(facts.collect_sub_fields).parameters)
        wanted = ["schema", "fragments", "variable_values", "return_type", "field_nodes"]
    else:
        names = list(inspect.signature(facts.collect_subfields).parameters)[:6]
        wanted = [
            *("schema", "fragments", "variable_values", "operation", "return_type"),
            "field_details_list",
        ]
    fact = f"the fields below a field are collected from {', '.join(wanted)}"
    check("selected_fields", fact, names == wanted)


@pytest.mark.parametrize(
    ("query", "variables", "fields"),
    [
        ("{ inner { a b } }", {}, {"a": ("a", 1), "b": ("b", 1)}),
        ("{ inner { x: a } }", {}, {"x": ("a", 1)}),
        ("{ inner { a ... on Inner { a b } } }", {}, {"a": ("a", 2), "b": ("b", 1)}),
        ("{ inner { ...F } } fragment F on Inner { b }", {}, {"b": ("b", 1)}),
        ("{ inner { a } inner { b } }", {}, {"a": ("a", 1), "b": ("b", 1)}),
        ("query ($s: Boolean!) { inner { a @skip(if: $s) b } }", {"s": True}, {"b": ("b", 1)}),
        (
            "query ($s: Boolean = false) { inner { ...F @include(if: $s) b } } fragment F on Inner { a }",
            {},
            {"b": ("b", 1)},
        ),
    ],
    ids=["plain", "alias", "inline fragment", "fragment", "merged", "skipped", "not included"],
)
def test_graphql_core_resolves_fragments_and_directives_for_a_caller(query, variables, fields):
    fact = "collecting fields follows aliases, fragments, @skip and @include"
    check("selected_fields", fact, selected(query, variables) == fields)


def test_graphql_core_executes_with_a_class_of_its_own():
    names = {"ExecutionContext", "Executor"}
    base = next(
        found for name in sorted(names) if (found := getattr(graphql.execution, name, None))
    )
    made = []

    class Own(base):
        def __init__(self, *args, **kwargs):
            made.append(1)
            super().__init__(*args, **kwargs)

    schema = GraphQLSchema(GraphQLObjectType("Query", {"a": GraphQLField(GraphQLInt)}))
    run = partial(adapter.execute_document, schema, parse("{ a }"), root_value={"a": 1})
    fact = "execute() takes a subclass of ExecutionContext (3.2) or Executor (3.3)"
    check("execute_document", fact, run(executor=Own).data == {"a": 1} and made == [1])
    check("execute_document", fact, run().data == {"a": 1} and made == [1])


def test_graphql_core_executes_async_resolvers_to_an_awaitable():
    async def later(root, info):
        return 1

    field = GraphQLField(GraphQLInt, resolve=later)
    schema = GraphQLSchema(GraphQLObjectType("Query", {"a": field}))

    async def executed():
        return await adapter.execute_document(schema, parse("{ a }"))

    assert asyncio.run(executed()).data == {"a": 1}


#: Rows of two types, so that a fragment may or may not apply, at any depth.
SCHEMA = build_schema("""
    interface Row { id: Int  name: String  rows: [Row] }
    type Small implements Row { id: Int  name: String  rows: [Row]  small: Int }
    type Large implements Row { id: Int  name: String  rows: [Row]  large: Int }
    type Query { row: Row  rows: [Row] }
""")


def row(kind, *rows):
    return {
        "__typename": kind,
        "id": 1,
        "name": kind,
        "rows": list(rows),
        "small": 2,
        "large": 3,
    }


ROOT = {
    "row": row("Large", row("Small"), row("Large", row("Small"))),
    "rows": [row("Small", row("Large")), row("Large", row("Small"), row("Small"))],
}


def remembered(text):
    """The document of *text*, with its sub-fields remembered."""
    document = parse(text)
    adapter.remember_sub_fields(document, text)
    return document


def answers(document, variables=None):
    """The answers of :func:`execute_document` and of graphql-core to *document*."""
    ours = adapter.execute_document(
        SCHEMA, document, root_value=ROOT, variable_values=variables, type_resolver=type_of
    )
    theirs = execute(
        SCHEMA,
        parse(graphql.print_ast(document)),
        root_value=ROOT,
        variable_values=variables,
        type_resolver=type_of,
    )
    return ours.formatted, theirs.formatted


def type_of(value, info, type_):
    return value["__typename"]


LEAVES = ["id", "name", "__typename", "name: id", "... on Small { small }", "...A", "...B"]
DECIDED = [
    form.format(f"@{word}(if: $yes)")
    for form in ("id {}", "name: id {}", "... on Small {} {{ small }}", "...A {}", "...B {}")
    for word in ("skip", "include")
]
FRAGMENTS = """
    fragment A on Large { large name rows { name } }
    fragment B on Row { rows { id small: id ...A } }
"""


def selections(leaves):
    """Selections of rows, in rows, to some depth."""
    level = st.lists(st.sampled_from(leaves), min_size=1, max_size=4).map(" ".join)
    return st.recursive(
        level,
        lambda inside: st.builds("{} rows {{ {} }}".format, level, inside),
        max_leaves=3,
    )


@given(selections(LEAVES), selections(LEAVES))
def test_a_document_has_the_same_answer_each_time(first, second):
    document = remembered(f"{{ row {{ {first} }} rows {{ {second} }} }} {FRAGMENTS}")
    for _ in range(3):
        ours, theirs = answers(document)
        assert ours == theirs


@given(selections([*LEAVES, *DECIDED]), st.lists(st.booleans(), min_size=2, max_size=4))
def test_variables_decide_about_directives_each_time(fields, values):
    document = remembered(f"query ($yes: Boolean) {{ rows {{ id {fields} }} }} {FRAGMENTS}")
    for yes in values:
        ours, theirs = answers(document, {"yes": yes})
        assert ours == theirs


@pytest.fixture
def collected():
    """A function that returns how often the sub-fields of a field were collected."""
    counting = mock.Mock(side_effect=getattr(collect_fields, "collect_sub_fields", None))
    with (
        mock.patch.object(collect_fields, "collect_sub_fields", counting),
        mock.patch("graphql.execution.execute.collect_sub_fields", counting),
    ):
        yield lambda: counting.call_count


@only_3_2
class TestWhatIsCollectedOnce:
    TEXT = "{ row { id rows { ...on Row { name } } } }"

    def test_graphql_core_takes_what_an_execution_before_has_collected(self, collected):
        document = remembered(self.TEXT)
        answers(document)
        before = collected()
        adapter.execute_document(SCHEMA, document, root_value=ROOT, type_resolver=type_of)
        fact = "an execution has sub-fields in _subfields_cache, and its operation takes attributes"
        check("execute_document", fact, collected() == before > 0)

    def test_a_document_that_is_not_remembered_is_collected_each_time(self, collected):
        document = parse(self.TEXT)
        for _ in range(2):
            before = collected()
            adapter.execute_document(SCHEMA, document, root_value=ROOT, type_resolver=type_of)
            assert collected() > before

    def test_each_operation_of_a_document_has_its_own(self):
        document = remembered(
            "query A { row { ...F } } query B { row { ...F id } } fragment F on Row { name }"
        )
        for name in "ABAB":
            ran = partial(adapter.execute_document, SCHEMA, document, root_value=ROOT)
            answer = ran(operation_name=name, type_resolver=type_of).data["row"]
            assert answer == ({"name": "Large"} if name == "A" else {"name": "Large", "id": 1})

    def test_too_much_is_forgotten_when_the_execution_ends(self, monkeypatch):
        document = remembered("{ row { rows { rows { rows { id } } } } rows { id } }")
        answers(document)
        (operation,) = document.definitions
        places = len(operation.partstream_sub_fields)
        for most, kept in [(places, places), (places - 1, 0), (0, 0)]:
            monkeypatch.setattr(adapter, "MOST", most)
            ours, theirs = answers(document)
            assert ours == theirs
            fact = "an execution ends with build_response()"
            check("execute_document", fact, len(operation.partstream_sub_fields) == kept)

    def test_threads_may_share_a_document(self):
        document = remembered(f"{{ row {{ ...B }} rows {{ ...A ...B }} }} {FRAGMENTS}")
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: answers(document), range(64)))
        assert all(ours == theirs for ours, theirs in found)


INFOS = []


class Dashboard(ProgressiveConnection):
    a = Part(graphene.Int, text=graphene.String())
    b = Part(graphene.Int)

    def resolve_a(self, info, text=""):
        INFOS.append(info)
        return len(text)

    def resolve_b(self, info):
        return 2


class Query(graphene.ObjectType):
    dashboard = ProgressiveConnectionField(Dashboard)


@pytest.fixture
def post(serve):
    """``post(text, **variables)``: the page of a dashboard, from our view."""
    view = ProgressiveGraphQLView.as_view(schema=graphene.Schema(query=Query))
    client = serve(path("graphql/", view))

    def posted(text, **variables):
        body = json.dumps({"query": text, "variables": variables})
        answer = client.post("/graphql/", body, content_type="application/json").json()
        assert "errors" not in answer
        return answer["data"]["dashboard"]

    return posted


class TestTheSelectionOfAConnection:
    TEXT = "query ($n: String) { dashboard { a(text: $n) edges { node { name ...F } } } } fragment F on DashboardPart { b }"

    @only_3_2
    def test_it_is_collected_once_for_its_execution_and_all_pages(self, post, collected):
        for n in range(3):
            assert post(self.TEXT, n="x" * n)["a"] == n
            assert collected() == len(["dashboard", "edges", "node"])

    def test_arguments_are_read_for_each_page(self, post):
        assert [post(self.TEXT, n="x" * n)["a"] for n in range(4)] == [0, 1, 2, 3]

    def test_variables_decide_which_parts_are_selected(self, post):
        text = "query ($with: Boolean!) { dashboard { totalCount a @include(if: $with) b } }"
        found = [post(text, **{"with": value}) for value in (True, False, True, False)]
        assert found == [{"totalCount": 2, "a": 0, "b": 2}, {"totalCount": 1, "b": 2}] * 2

    def test_an_at_sign_in_a_text_is_no_directive_and_does_no_harm(self, post):
        text = '{ dashboard { a(text: "a@b") b } }'
        assert [post(text) for _ in range(3)] == [{"a": 3, "b": 2}] * 3

    def test_a_part_under_two_aliases_has_the_nodes_of_both_each_time(self, post):
        INFOS.clear()
        for _ in range(3):
            assert post("{ dashboard { x: a y: a } }") == {"x": 0, "y": 0}
        assert [len(info.field_nodes) for info in INFOS] == [2, 2, 2]

    def test_nodes_of_a_middleware_are_not_taken_for_those_of_a_request_before(self, serve):
        """As of a middleware that drops the fields that a user may not see."""
        chosen = []

        def choose(resolve, root, info, **arguments):
            if info.field_name == "dashboard":
                nodes = parse(chosen[-1]).definitions[0].selection_set.selections
                info = info._replace(field_nodes=list(nodes))
            return resolve(root, info, **arguments)

        schema = graphene.Schema(query=Query)
        view = ProgressiveGraphQLView.as_view(schema=schema, middleware=[choose])
        client = serve(path("graphql/", view))
        for n in range(100):
            INFOS.clear()
            chosen.append(f"{{ dashboard {{ {'ab'[n % 2]} }} }}")
            client.get("/graphql/", {"query": "{ dashboard { a b } }"})
            assert len(INFOS) == (n + 1) % 2


def test_an_operation_whose_sub_fields_are_known_can_be_copied(post):
    INFOS.clear()
    post("{ dashboard { a } }")
    operation = INFOS[0].operation
    for copied in (pickle.loads(pickle.dumps(operation)), deepcopy(operation)):
        assert copied == operation
        assert not getattr(copied, "partstream_sub_fields", None)


class Awaitable(str):
    __slots__ = ()

    def __await__(self):
        yield


@types.coroutine
def of_generators():
    yield


async def coroutine():
    """Nothing."""


@pytest.mark.parametrize(
    "make",
    [
        *(lambda kind=kind: kind() for kind in (int, float, bool, str, list, dict, tuple, object)),
        *(lambda: None, Awaitable, of_generators, coroutine, lambda: (n for n in ())),
    ],
)
def test_what_is_awaitable_is_what_graphql_core_awaits(make):
    value = make()
    assert adapter._is_awaitable(value) is is_awaitable(value)
    if hasattr(value, "close"):
        value.close()
