"""``@defer`` in a schema: declared by a helper, checked by a rule, ignored where nobody asks."""

import graphene
import pytest
from django.urls import path
from graphene_django.views import GraphQLView
from graphql import parse, print_schema, specified_directives, specified_rules, validate
from graphql.execution import collect_fields

from partstream_graphql import (
    Part,
    ProgressiveConnection,
    ProgressiveConnectionField,
    ProgressiveDeferRule,
    ProgressiveGraphQLView,
    defer_directives,
)

IS_3_2 = hasattr(collect_fields, "collect_sub_fields")


class Board(ProgressiveConnection):
    a = Part(graphene.Int)
    b = Part(graphene.Int)

    def resolve_a(self, info):
        return 1

    def resolve_b(self, info):
        return 2


class Query(graphene.ObjectType):
    board = ProgressiveConnectionField(Board)
    n = graphene.Int()

    def resolve_n(self, info):
        return 3


class Change(graphene.Mutation):
    n = graphene.Int()
    m = graphene.Int()

    def mutate(self, info):
        return Change(n=4, m=5)


class Mutation(graphene.ObjectType):
    change = Change.Field()


class Subscription(graphene.ObjectType):
    n = graphene.Int()


def make_schema(**options):
    options.setdefault("directives", defer_directives())
    return graphene.Schema(query=Query, mutation=Mutation, subscription=Subscription, **options)


SCHEMA = make_schema()


def codes(text, rules=(*specified_rules, ProgressiveDeferRule)):
    errors = validate(SCHEMA.graphql_schema, parse(text), rules)
    return [(error.extensions or {}).get("code") for error in errors]


def test_the_directives_of_the_helper_have_those_that_graphene_would_replace():
    names = [directive.name for directive in defer_directives()]
    assert names == [*(one.name for one in specified_directives), "defer"]
    schema = make_schema().graphql_schema
    assert all(schema.get_directive(name) for name in ("skip", "include", "deprecated", "defer"))


def test_the_sdl_of_a_schema_has_the_directive():
    line = "directive @defer("
    assert line in print_schema(SCHEMA.graphql_schema)
    assert line not in print_schema(make_schema(directives=None).graphql_schema)


def test_a_list_of_directives_belongs_to_its_caller():
    defer_directives().clear()
    assert defer_directives()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{ ... @defer { n } }", []),
        ('{ ... @defer(label: "a") { n } ... @defer(label: "b") { n } }', []),
        ("{ ... @defer { n } ... @defer { n } }", []),
        ("{ ... @defer(label: null) { n } ... @defer(label: null) { n } }", []),
        ("query ($l: String) { ... @defer(label: $l) { n } }", ["DEFER_LABEL_NOT_STATIC"]),
        (
            'query ($l: String = "a") { ... @defer(label: $l) { n } ... @defer(label: $l) { n } }',
            ["DEFER_LABEL_NOT_STATIC"] * 2,
        ),
        (
            '{ ... @defer(label: "a") { n } ... @defer(label: "a") { n } }',
            ["DEFER_LABEL_NOT_UNIQUE"],
        ),
        (
            'query A { ... @defer(label: "a") { n } } query B { ... @defer(label: """a""") { n } }',
            ["DEFER_LABEL_NOT_UNIQUE"],
        ),
        (
            '{ ...F ... @defer(label: "a") { n } } fragment F on Query { ... @defer(label: "a") { n } }',
            ["DEFER_LABEL_NOT_UNIQUE"],
        ),
        ("mutation { ... @defer { change { n } } }", ["DEFER_ON_ROOT_FIELD"]),
        (
            "mutation { ...F @defer } fragment F on Mutation { change { n } }",
            ["DEFER_ON_ROOT_FIELD"],
        ),
        (
            "mutation { ...F } fragment F on Mutation { ... @defer { change { n } } }",
            ["DEFER_ON_ROOT_FIELD"],
        ),
        ("mutation { change { ... @defer { n } } }", []),
        ("subscription { ... @defer { n } }", ["DEFER_ON_ROOT_FIELD"]),
        ("{ ... @defer(if: null) { n } }", [None]),
        ("{ n @defer }", [None]),
    ],
)
def test_a_defer_that_no_client_could_follow_is_refused(text, found):
    told = codes(text)
    if not IS_3_2 and any(found):
        told = [code for code in told if code]  # its own rules refuse them, too, without a code
    assert told == found


def posted(client, text, **headers):
    return client.post(
        "/graphql/", {"query": text}, content_type="application/json", headers=headers
    )


def test_our_view_has_the_rule_without_being_asked(serve):
    client = serve(path("graphql/", ProgressiveGraphQLView.as_view(schema=SCHEMA)))
    answer = posted(client, "mutation { ... @defer { change { n } } }")
    assert answer.json()["errors"][-1]["extensions"] == {"code": "DEFER_ON_ROOT_FIELD"}


def test_our_view_reports_a_mistake_once_where_a_project_names_the_rule(serve):
    rules = [*specified_rules, ProgressiveDeferRule]
    view = ProgressiveGraphQLView.as_view(schema=SCHEMA, validation_rules=rules)
    answer = posted(serve(path("graphql/", view)), "mutation { ... @defer { change { n } } }")
    coded = [error for error in answer.json()["errors"] if "extensions" in error]
    assert len(coded) == 1


@pytest.mark.skipif(not IS_3_2, reason="On 3.3 execute() of graphql-core refuses the directive.")
def test_a_stock_view_may_have_the_rule_and_answers_inline(serve):
    rules = [*specified_rules, ProgressiveDeferRule]
    view = GraphQLView.as_view(schema=SCHEMA, validation_rules=rules)
    client = serve(path("graphql/", view))
    assert posted(client, "subscription { ... @defer { n } }").json()["errors"]
    text = "{ n board { ... @defer { edges { node { name a ... @defer { b } } } } } }"
    data = posted(client, text).json()["data"]
    nodes = [{"name": "a", "a": 1, "b": None}, {"name": "b", "a": None, "b": 2}]
    assert data == {"n": 3, "board": {"edges": [{"node": node} for node in nodes]}}


def test_defer_is_an_unknown_directive_where_the_schema_does_not_declare_it(serve, view_class):
    schema = make_schema(directives=None)
    client = serve(path("graphql/", view_class.as_view(schema=schema)))
    (error,) = posted(client, "{ ... @defer { n } }", accept="multipart/mixed").json()["errors"]
    assert error["message"] == "Unknown directive '@defer'."


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json", "*/*"])
def test_a_client_that_does_not_ask_for_increments_gets_everything_inline(serve, accept):
    client = serve(path("graphql/", ProgressiveGraphQLView.as_view(schema=SCHEMA)))
    for _ in range(2):  # the second time the document is remembered
        answer = posted(client, "{ n ... @defer { board { a b } } }", accept=accept)
        assert answer.json() == {"data": {"n": 3, "board": {"a": 1, "b": 2}}}


@pytest.mark.parametrize("accept", ["application/json", "multipart/mixed"])
def test_a_mutation_is_answered_inline(serve, accept):
    client = serve(path("graphql/", ProgressiveGraphQLView.as_view(schema=SCHEMA)))
    answer = posted(client, "mutation { change { n ... @defer { m } } }", accept=accept)
    assert answer.json() == {"data": {"change": {"n": 4, "m": 5}}}
