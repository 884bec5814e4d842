"""Queries that ask for too much, in any form, are refused before any part runs."""

import graphene
import pytest
from django.urls import path
from graphene.validation import DisableIntrospection
from graphene_django.views import GraphQLView
from graphql import ASTValidationRule, get_introspection_query, specified_rules

from django_partstream.checks import check_settings
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from partstream_graphql.http.rules import ProgressiveLimitsRule
from partstream_graphql.http.views import ProgressiveGraphQLView

RAN = []


class Item(graphene.ObjectType):
    number = graphene.Int()
    item = graphene.Field(lambda: Item)


class Dashboard(ProgressiveConnection):
    a = Part(graphene.String, n=graphene.Int(), m=graphene.Int())
    b = Part(Item)
    c = Part(graphene.String)

    def resolve_a(self, info, n=0, m=0):
        RAN.append("a")
        return str(n)

    def resolve_b(self, info):
        RAN.append("b")
        return {"number": 1}

    def resolve_c(self, info):
        RAN.append("c")
        return "C"


class Board(graphene.ObjectType):
    dashboard = ProgressiveConnectionField(Dashboard)
    board = graphene.Field(lambda: Board)

    def resolve_board(self, info):
        return {}


class Holder(graphene.Interface):
    dashboard = ProgressiveConnectionField(Dashboard)


class House(graphene.ObjectType):
    class Meta:
        interfaces = (Holder,)

    dashboard = ProgressiveConnectionField(Dashboard)


class Query(graphene.ObjectType):
    dashboard = ProgressiveConnectionField(Dashboard)
    board = graphene.Field(Board)
    holder = graphene.Field(Holder)

    def resolve_board(self, info):
        return {}

    def resolve_holder(self, info):
        return House()


SCHEMA = graphene.Schema(query=Query, types=[House])


@pytest.fixture(autouse=True)
def _nothing_ran():
    RAN.clear()


@pytest.fixture(params=["our view", "stock view"])
def ask(request, serve):
    """Send a query to each view in turn: ``ask(text)`` returns the response."""
    if request.param == "our view":
        view = ProgressiveGraphQLView.as_view(schema=SCHEMA)
    else:
        rules = [*specified_rules, ProgressiveLimitsRule]
        view = GraphQLView.as_view(schema=SCHEMA, validation_rules=rules)
    client = serve(path("graphql/", view))

    def asked(text):
        return client.post("/graphql/", {"query": text}, content_type="application/json")

    return asked


def refused(response):
    """The only error of a response that carries nothing else."""
    body = response.json()
    assert (response.status_code, body.get("data"), RAN) == (400, None, [])
    (error,) = body["errors"]
    return error


def refusal(response):
    """The code of the only error of a response that carries nothing else."""
    return refused(response)["extensions"]["code"]


def fine(response):
    body = response.json()
    assert "errors" not in body, body
    return body["data"]


def connections(count, form="a{}: dashboard {{ c }}"):
    return " ".join(form.format(number) for number in range(count))


class TestConnections:
    @pytest.mark.parametrize(
        "text",
        [
            "{{ {} }}",
            "{{ board {{ {} }} }}",
            "{{ ... on Query {{ {} }} }}",
            "{{ ...F }} fragment F on Query {{ {} }}",
            "{{ holder {{ {} }} }}",
            "{{ holder {{ ... on House {{ {} }} }} }}",
            "query A {{ c: __typename }} query B {{ {} }}",
            "{{ board {{ board {{ ...F }} }} }} fragment F on Board {{ {} }}",
        ],
    )
    def test_more_than_ten_connections_are_refused_anywhere_in_a_query(self, ask, text):
        assert refusal(ask(text.format(connections(11)))) == "TOO_MANY_CONNECTIONS"

    def test_ten_connections_are_accepted(self, ask):
        assert len(fine(ask(f"{{ {connections(10)} }}"))) == 10

    def test_connections_of_a_fragment_count_in_each_place_it_is_used(self, ask):
        places = " ".join(f"p{number}: board {{ ...F }}" for number in range(6))
        text = f"{{ {places} }} fragment F on Board {{ a: dashboard {{ c }} b: dashboard {{ c }} }}"
        assert refusal(ask(text)) == "TOO_MANY_CONNECTIONS"

    def test_connections_that_execution_merges_count_once(self, ask):
        same = connections(12, "...F{}")
        fragments = connections(12, "fragment F{} on Query {{ dashboard {{ c }} }}")
        assert fine(ask(f"{{ {same} }} {fragments}")) == {"dashboard": {"c": "C"}}

    def test_the_limit_on_connections_is_a_setting(self, ask, settings):
        settings.PARTSTREAM = {"MAX_QUERY_CONNECTIONS": 1}
        assert refusal(ask(f"{{ {connections(2)} }}")) == "TOO_MANY_CONNECTIONS"
        settings.PARTSTREAM = {"MAX_QUERY_CONNECTIONS": 2}
        assert len(fine(ask(f"{{ {connections(2)} }}"))) == 2


class TestRuns:
    RUNS = " ".join(f"a{n}: a(n: {n})" for n in range(11))

    @pytest.mark.parametrize(
        "text",
        [
            "{{ dashboard {{ {} }} }}",
            "{{ dashboard {{ edges {{ node {{ {} }} }} }} }}",
            "{{ dashboard {{ edges {{ ...E }} }} }} fragment E on DashboardEdge {{ node {{ {} }} }}",
            "{{ dashboard {{ edges {{ node {{ ... on DashboardPart {{ {} }} }} }} }} }}",
        ],
    )
    def test_a_part_runs_with_ten_different_arguments_at_most(self, ask, text):
        assert refusal(ask(text.format(self.RUNS))) == "TOO_MANY_RUNS"

    def test_runs_on_a_connection_and_on_its_nodes_count_together(self, ask):
        half = " ".join(f"a{n}: a(n: {n})" for n in range(6))
        rest = " ".join(f"a{n}: a(n: {n})" for n in range(6, 11))
        text = f"{{ dashboard {{ {half} edges {{ node {{ {rest} }} }} }} }}"
        assert refusal(ask(text)) == "TOO_MANY_RUNS"

    def test_fields_of_a_part_with_the_same_arguments_are_a_single_run(self, ask):
        same = " ".join(f"a{n}: a(n: 1)" for n in range(30))
        assert set(fine(ask(f"{{ dashboard {{ {same} }} }}"))["dashboard"].values()) == {"1"}
        assert RAN == ["a"]

    def test_the_same_arguments_in_another_order_are_one_run(self, ask, settings):
        settings.PARTSTREAM = {"MAX_QUERY_RUNS": 1}
        answer = fine(ask("{ dashboard { a(n: 1, m: 2) b: a(m: 2, n: 1) } }"))
        assert answer == {"dashboard": {"a": "1", "b": "1"}}
        assert RAN == ["a"]

    def test_the_limit_on_runs_of_a_part_is_a_setting(self, ask, settings):
        settings.PARTSTREAM = {"MAX_QUERY_RUNS": 1}
        assert refusal(ask("{ dashboard { a b: a(n: 1) } }")) == "TOO_MANY_RUNS"


class TestParts:
    def test_parts_of_all_connections_count_together(self, ask, settings):
        settings.PARTSTREAM = {"MAX_QUERY_PARTS": 5}
        text = connections(2, "a{}: dashboard {{ a b {{ number }} c }}")
        assert refusal(ask(f"{{ {text} }}")) == "TOO_MANY_PARTS"
        text = connections(2, "a{}: dashboard {{ a b {{ number }} }}")
        assert len(fine(ask(f"{{ {text} }}"))) == 2

    def test_a_part_selected_on_connection_and_node_counts_once(self, ask, settings):
        settings.PARTSTREAM = {"MAX_QUERY_PARTS": 1}
        assert fine(ask("{ dashboard { c edges { node { c } } } }"))
        assert fine(ask("{ dashboard { totalCount edges { node { name status } } } }"))


class TestDepth:
    def deep(self, levels):
        """A query of nested selection sets, *levels* deep."""
        inside = "{ item " * (levels - 3) + "{ number }" + " }" * (levels - 3)
        return "{ dashboard { b " + inside + " } }"

    def test_a_query_of_twenty_levels_is_accepted_and_a_deeper_query_refused(self, ask):
        assert fine(ask(self.deep(20)))
        RAN.clear()
        assert refusal(ask(self.deep(21))) == "QUERY_TOO_DEEP"

    def test_levels_inside_fragments_count_towards_the_depth(self, ask):
        links = " ".join(f"fragment F{n} on Item {{ item {{ ...F{n + 1} }} }}" for n in range(20))
        text = f"{{ dashboard {{ b {{ ...F0 }} }} }} {links} fragment F20 on Item {{ number }}"
        assert refusal(ask(text)) == "QUERY_TOO_DEEP"

    def test_fragments_that_lead_in_a_circle_are_refused_as_too_deep(self, ask):
        text = "{ dashboard { b { ...F } } } fragment F on Item { item { ...F } }"
        assert refusal(ask(text)) == "QUERY_TOO_DEEP"

    def test_the_introspection_query_of_graphiql_is_accepted(self, ask):
        assert fine(ask(get_introspection_query()))

    def test_a_low_limit_on_the_depth_leaves_the_introspection_query_alone(self, ask, settings):
        settings.PARTSTREAM = {"MAX_QUERY_DEPTH": 5}
        assert fine(ask(get_introspection_query()))
        assert refusal(ask(self.deep(6))) == "QUERY_TOO_DEEP"

    @pytest.mark.parametrize(
        "text",
        [
            "{" + "board {" * 600 + "__typename" + "}" * 600 + "}",
            "{" + "... {" * 600 + "__typename" + "}" * 600 + "}",
            "{ dashboard { a(n: " + "[" * 900 + "1" + "]" * 900 + ") } }",
        ],
        ids=["fields", "inline fragments", "lists"],
    )
    def test_a_query_that_exceeds_the_stack_is_400(self, ask, text):
        response = ask(text)
        assert response.status_code == 400
        message = response.json()["errors"][0]["message"]
        # graphql-core before 3.2.14 lets Python's own words through, on graphene-django's view.
        assert "nested too deeply" in message or "maximum recursion depth" in message

    def test_a_rule_that_exceeds_the_stack_refuses_the_query(self, serve):
        class Recursion(ASTValidationRule):
            def enter_field(self, *args):
                raise RecursionError

        view = ProgressiveGraphQLView.as_view(schema=SCHEMA, validation_rules=[Recursion])
        response = serve(path("graphql/", view)).post(
            "/graphql/", {"query": "{ dashboard { c } }"}, content_type="application/json"
        )
        # graphql-core 3.2.14 aborts, where older releases raise the error.
        told = ("Validation aborted.", "The query is nested too deeply.")
        assert refused(response)["message"] in told

    def test_a_chain_of_fragments_that_exceeds_the_stack_is_no_server_error(self, ask):
        chain = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(240))
        response = ask(f"{{ ...F0 }} {chain} fragment F240 on Query {{ __typename }}")
        assert response.status_code in (200, 400)


class TestSize:
    def test_a_bomb_of_fragments_is_refused(self, ask):
        """Each fragment doubles the number of fields: 30 fragments would make a thousand million."""
        bomb = " ".join(
            f"fragment F{n} on Board {{ a: board {{ ...F{n + 1} }} b: board {{ ...F{n + 1} }} }}"
            for n in range(15)
        )
        text = f"{{ board {{ ...F0 }} }} {bomb} fragment F15 on Board {{ __typename }}"
        error = refused(ask(text))
        assert error["extensions"]["code"] == "TOO_MANY_FIELDS"
        assert error["message"] == "The query has more than 2000 fields."

    def test_as_many_fields_are_fine_as_tokens_may_be_and_no_more(self, ask, settings):
        """The fields of a fragment count in each of its places: 10 + 10 * 20 here."""
        places = " ".join(f"p{number}: board {{ ...F }}" for number in range(10))
        fields = " ".join(f"f{number}: __typename" for number in range(20))
        text = f"{{ {places} }} fragment F on Board {{ {fields} }}"
        settings.PARTSTREAM = {"MAX_QUERY_TOKENS": 210}
        assert len(fine(ask(text))) == 10
        settings.PARTSTREAM = {"MAX_QUERY_TOKENS": 209}
        error = refused(ask(text))
        assert error["extensions"]["code"] == "TOO_MANY_FIELDS"
        assert error["message"] == "The query has more than 209 fields."

    @pytest.mark.parametrize(
        "text",
        [
            "{ dashboard { %s } }" % ("c " * 142),
            "{ %s }" % ("dashboard { c } " * 142),
            "{ dashboard { %s } }" % ("x: c " * 100 + "y: c " * 100),
        ],
        ids=["of a part", "of a connection", "of two aliases"],
    )
    def test_a_field_repeated_more_than_a_hundred_times_is_refused(self, ask, text):
        """A standard rule compares each of them with each other."""
        error = refused(ask(text))
        assert error["extensions"]["code"] == "TOO_MANY_FIELDS"
        assert error["message"] == "The query has more than 20000 pairs of equal fields."

    def test_a_field_in_a_hundred_fragments_is_accepted(self, ask):
        spread = " ".join(f"...F{n}" for n in range(100))
        fragments = " ".join(f"fragment F{n} on DashboardConnection {{ c }}" for n in range(100))
        assert fine(ask(f"{{ dashboard {{ {spread} }} }} {fragments}")) == {"dashboard": {"c": "C"}}

    @pytest.mark.parametrize(
        "operation", ["query Q{} {{ board {{ ...F }} }}", "query Q{} {{ ...G }}"]
    )
    @pytest.mark.parametrize("mistake", ["", "nothing"])
    def test_a_fragment_counts_for_each_operation_that_uses_it(self, ask, operation, mistake):
        fields = " ".join(f"a{n}: __typename" for n in range(20))
        operations = " ".join(operation.format(n) for n in range(100))
        fragments = f"fragment F on Board {{ {fields} {mistake} }}"
        if "G" in operation:
            fragments += " fragment G on Query { board { ...F } }"
        assert refusal(ask(f"{operations} {fragments}")) == "TOO_MANY_FIELDS"

    def test_the_arguments_of_a_fragment_count_for_each_operation_that_uses_it(self, ask):
        """Three standard rules look for variables in the fragments of each operation."""
        operations = " ".join(f"query Q{n}($n: Int) {{ ...F }}" for n in range(40))
        listed = "$n " * 500
        text = f"{operations} fragment F on Query {{ dashboard {{ a(n: [{listed}]) }} }}"
        assert refusal(ask(text)) == "TOO_MANY_FIELDS"

    def test_the_arguments_of_a_repeated_field_count_in_each_pair(self, ask):
        same = "a(n: [1 2 3 4 5 6 7 8 9]) " * 90
        assert refusal(ask(f"{{ dashboard {{ {same} }} }}")) == "TOO_MANY_FIELDS"

    def test_the_directives_of_a_field_count_as_its_arguments_do(self, ask):
        operations = " ".join(f"query Q{n}($n: Boolean!) {{ ...F }}" for n in range(50))
        skipped = "@skip(if: $n)"
        fields = " ".join(f"a{n}: __typename {skipped * 5}" for n in range(10))
        text = f"{operations} fragment F on Query {{ {fields} }}"
        assert refusal(ask(text)) == "TOO_MANY_FIELDS"

    def test_a_field_with_arguments_in_a_hundred_fragments_is_accepted(self, ask):
        spread = " ".join(f"...F{n}" for n in range(100))
        fragments = " ".join(
            f"fragment F{n} on DashboardConnection {{ a(n: 1) }}" for n in range(100)
        )
        assert fine(ask(f"{{ dashboard {{ {spread} }} }} {fragments}"))

    def test_fragments_without_fields_count_for_each_operation_that_uses_them(self, ask):
        operations = " ".join(f"query Q{n} {{ ...F0 }}" for n in range(120))
        chain = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(100))
        text = f"{operations} {chain} fragment F100 on Query {{ __typename }}"
        assert refusal(ask(text)) == "TOO_MANY_FIELDS"

    @pytest.mark.parametrize(
        "fragment",
        [
            "fragment F on Board { %s }" % ("__typename " * 142),
            "fragment F on Board { ...G } fragment G on Board { %s }" % ("__typename " * 142),
            "fragment F on Query { %s }" % ("dashboard { c } " * 142),
        ],
    )
    def test_fragments_that_no_operation_uses_count(self, ask, fragment):
        """The standard rules look at every fragment."""
        assert refusal(ask("{ __typename } " + fragment)) == "TOO_MANY_FIELDS"

    def test_each_operation_of_a_document_may_ask_for_ten_connections(self, ask):
        """One of them runs."""
        operations = [f"query {name} {{ {connections(10)} }}" for name in "ABC"]
        (error,) = ask(" ".join(operations)).json()["errors"]
        assert "operation name" in error["message"]

    @pytest.mark.parametrize("ask", ["our view"], indirect=True)
    def test_a_query_that_is_too_long_is_not_parsed(self, ask, monkeypatch):
        monkeypatch.delattr("partstream_graphql.http.limits.parse")
        assert refusal(ask("#" * 50_001)) == "QUERY_TOO_LONG"
        assert refusal(ask("{ a }" + " " * 1_000_000)) == "QUERY_TOO_LONG"

    @pytest.mark.parametrize("ask", ["our view"], indirect=True)
    @pytest.mark.parametrize(
        "text",
        ["{" + "a " * 2_000 + "}", "#\n" * 2_001 + "{ a }"],
        ids=["fields", "comments"],
    )
    def test_a_query_of_too_many_tokens_is_refused(self, ask, text):
        assert refusal(ask(text)) == "TOO_MANY_TOKENS"

    @pytest.mark.parametrize("ask", ["our view"], indirect=True)
    def test_a_thousand_connections_are_refused(self, ask):
        assert refusal(ask(f"{{ {connections(1_000)} }}")) == "TOO_MANY_TOKENS"


class TestIntrospection:
    OPTIONS = (
        "descriptions",
        "specified_by_url",
        "directive_is_repeatable",
        "schema_description",
        "input_value_deprecation",
    )

    @pytest.mark.parametrize("value", [True, False])
    def test_the_introspection_query_is_accepted_with_every_option(self, ask, value):
        """graphql-codegen, Apollo's rover and relay-compiler send it, with options of theirs."""
        text = get_introspection_query(**dict.fromkeys(self.OPTIONS, value))
        assert fine(ask(text))["__schema"]["types"]

    def test_the_schema_is_selected_under_a_single_name(self, ask):
        assert fine(
            ask(
                "{ __schema { queryType { name } } ...F } fragment F on Query { __schema { types { name } } }"
            )
        )
        text = "{ a: __schema { queryType { name } } b: __schema { queryType { name } } }"
        assert refusal(ask(text)) == "TOO_MANY_FIELDS"
        assert refusal(ask(f"{{ ...F }} fragment F on Query {text}")) == "TOO_MANY_FIELDS"

    def test_types_are_selected_under_ten_names_at_most(self, ask):
        types = connections(11, 't{}: __type(name: "Board") {{ name }}')
        assert refusal(ask(f"{{ {types} }}")) == "TOO_MANY_FIELDS"
        types = connections(10, 't{}: __type(name: "Board") {{ fields {{ name }} }}')
        assert len(fine(ask(f"{{ __schema {{ queryType {{ name }} }} {types} }}"))) == 11

    def test_each_operation_of_a_document_may_select_the_schema(self, ask):
        schema = "{ __schema { queryType { name } } }"
        (error,) = ask(f"query A {schema} query B {schema}").json()["errors"]
        assert "operation name" in error["message"]

    @pytest.mark.parametrize(
        "below",
        [
            "__schema {{ types {{ {} }} }}",
            '__type(name: "Board") {{ {} }}',
            "__schema {{ queryType {{ {} }} }}",
            "__schema {{ types {{ fields {{ type {{ ofType {{ {} }} }} }} }} }}",
            "__schema {{ types {{ ... on __Type {{ {} }} }} }}",
            "__schema {{ types {{ ...F }} }} }} fragment F on __Type {{ {}",
        ],
    )
    @pytest.mark.parametrize(
        "twice",
        [
            "a: fields { name } b: fields { name }",
            "fields { name } b: fields(includeDeprecated: true) { name }",
            "a: enumValues { name } b: enumValues { name }",
            "a: ofType { ofType { fields { name } } } b: ofType { fields { name } }",
            "a: description b: description",
        ],
    )
    def test_no_field_of_a_schema_has_two_names_at_one_place(self, ask, below, twice):
        assert refusal(ask(f"{{ {below.format(twice)} }}")) == "TOO_MANY_FIELDS"

    @pytest.mark.parametrize(
        "text",
        [
            "{ __schema { types { fields { type { fields { name } } } } } }",
            "{ __schema { types { interfaces { possibleTypes { name } } } } }",
            "{ __schema { types { possibleTypes { fields { name } } } } }",
            "{ __schema { types { fields { args { type { inputFields { name } } } } } } }",
            "{ __schema { types { fields { args { type { ofType { enumValues { name } } } } } } } }",
            '{ __type(name: "Query") { fields { type { fields { type { fields { name } } } } } } }',
            "{ __schema { types { ...A } } } fragment A on __Type { fields { type { ...B } } } fragment B on __Type { ofType { fields { name } } }",
            "{ __schema { queryType { fields { type { fields { type { fields { name } } } } } } } }",
        ],
    )
    def test_three_nested_lists_of_a_schema_are_refused(self, ask, text):
        assert refusal(ask(text)) == "TOO_MANY_FIELDS"

    @pytest.mark.parametrize(
        "text",
        [
            '{ __type(name: "Query") { fields { type { fields { name args { name } } } } } }',
            "{ __schema { queryType { fields { args { type { inputFields { name } } } } } } }",
            "{ __schema { types { fields { name } fields { args { name } } } } }",
        ],
    )
    def test_two_nested_lists_of_a_schema_are_accepted(self, ask, text):
        assert fine(ask(text))

    def test_a_bomb_of_fragments_below_the_schema_is_refused(self, ask):
        bomb = " ".join(
            f"fragment F{n} on __Type {{ a: ofType {{ ...F{n + 1} }} b: ofType {{ ...F{n + 1} }} }}"
            for n in range(15)
        )
        text = f"{{ __schema {{ types {{ ...F0 }} }} }} {bomb} fragment F15 on __Type {{ name }}"
        assert refusal(ask(text)) == "TOO_MANY_FIELDS"

    def test_a_view_without_introspection_says_that_it_is_disabled(self, serve):
        view = ProgressiveGraphQLView.as_view(
            schema=SCHEMA, validation_rules=[DisableIntrospection]
        )
        text = "{ a: __schema { queryType { name } } b: __schema { queryType { name } } }"
        response = serve(path("graphql/", view)).post(
            "/graphql/", {"query": text}, content_type="application/json"
        )
        for error in response.json()["errors"]:
            assert "introspection is disabled" in error["message"]


@pytest.mark.parametrize(
    ("key", "counted"),
    [
        ("MAX_CHUNK_SIZE", "parts"),
        ("MAX_QUERY_LENGTH", "characters"),
        ("MAX_QUERY_TOKENS", "tokens"),
        ("MAX_QUERY_DEPTH", "levels"),
        ("MAX_QUERY_CONNECTIONS", "connections"),
        ("MAX_QUERY_RUNS", "runs"),
        ("MAX_QUERY_PARTS", "parts"),
        ("MAX_BATCH", "operations"),
        ("MAX_DOCUMENTS", "documents"),
    ],
)
def test_the_hint_of_a_bad_limit_says_what_is_counted(settings, key, counted):
    settings.PARTSTREAM = {key: 0}
    (problem,) = check_settings()
    assert f"a whole number of {counted}, 1 or more" in problem.hint


def test_invalid_queries_get_graphqls_own_errors(ask):
    for text in (
        "{ nothing }",
        "{ dashboard { c ...Nowhere } }",
        "{ dashboard { c { d } } }",
        "{ dashboard { ... on Nothing { c } } }",
        "mutation { nothing }",
        "{ ...F } fragment F on Query { ...F }",
    ):
        response = ask(text)
        assert response.status_code == 400
        for error in response.json()["errors"]:
            assert "extensions" not in error, error
