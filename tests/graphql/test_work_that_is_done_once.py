"""Work that is not repeated by a second request, or added by a declared part: calls are counted."""

import json
import sys
from unittest import mock

import graphene
import pytest
from django.test import RequestFactory
from graphql import specified_rules

from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField, fields
from partstream_graphql.http import negotiation, rules, views
from partstream_graphql.http.negotiation import GRAPHQL, JSON, named_type
from partstream_graphql.http.views import ProgressiveGraphQLView


class Dashboard(ProgressiveConnection):
    a = Part(graphene.Int, resolver=lambda root, info: 1)


class Query(graphene.ObjectType):
    dashboard = ProgressiveConnectionField(Dashboard)


def test_the_type_names_of_a_schema_are_checked_once_for_all_views():
    """Each view is made anew for each request, as Django has it."""
    first, second = graphene.Schema(query=Query), graphene.Schema(query=Query)
    with mock.patch.object(fields, "check_type_names", wraps=fields.check_type_names) as checked:
        for _ in range(3):
            ProgressiveGraphQLView(schema=first)
        assert checked.call_count == 1
        ProgressiveGraphQLView(schema=second)
        assert checked.call_count == 2


def request_for(text, *, accept=JSON, **variables):
    body = json.dumps({"query": text, "variables": variables})
    headers = {"Accept": accept}
    return RequestFactory().post("/", body, content_type="application/json", headers=headers)


def test_a_header_is_read_once_for_all_requests_that_send_it():
    negotiation._named_in.cache_clear()
    headers = {JSON: JSON, f"{JSON};q=0.5, {GRAPHQL}": GRAPHQL, "text/html": None, "a/b;q": None}
    with mock.patch.object(negotiation, "HttpRequest", wraps=negotiation.HttpRequest) as read:
        for _ in range(3):
            for accept, named in headers.items():
                assert named_type(request_for("{ a }", accept=accept)) == named
    assert read.call_count == len(headers)


def test_few_headers_are_remembered():
    for n in range(200):
        named_type(request_for("{ a }", accept=f"a/b{n}"))
    assert negotiation._named_in.cache_info().currsize <= 64


def test_rules_are_put_behind_the_rule_for_the_limits_once():
    first = rules.with_limits(specified_rules)
    assert rules.with_limits(list(specified_rules)) is first
    assert rules.with_limits(specified_rules[1:]) == (first[0], *specified_rules[1:], first[-1])


def passed_on(next_resolver, root, info, **arguments):
    return next_resolver(root, info, **arguments)


@pytest.mark.parametrize(
    ("middleware", "given"),
    [([], None), (None, None), ([passed_on], [passed_on])],
    ids=["empty", "none", "some"],
)
def test_without_middleware_graphql_core_manages_none(middleware, given):
    view = ProgressiveGraphQLView.as_view(
        schema=graphene.Schema(query=Query), middleware=middleware
    )
    execute = views.execute_document
    with mock.patch.object(views, "execute_document", side_effect=execute) as executed:
        response = view(request_for("{ dashboard { a } }"))
    assert json.loads(response.content) == {"data": {"dashboard": {"a": 1}}}
    assert executed.call_args.kwargs["middleware"] == given


PAGE = """query ($after: String) { dashboard(after: $after) {
    totalCount  pageInfo { hasNextPage endCursor }
    edges { cursor node { name status error { code } part0 part5 part9 } }
} }"""


def operations(view, **variables):
    """The number of bytecode operations for a page of *view*, and the last cursor of the page."""
    request, count = request_for(PAGE, **variables), 0

    def trace(frame, event, arg):
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        response = view(request)
    finally:
        sys.settrace(before)
    page = json.loads(response.content)["data"]["dashboard"]
    assert page["totalCount"] == 3
    return count, page["pageInfo"]["endCursor"]


def test_a_page_costs_the_same_of_ten_declared_parts_and_of_a_thousand():
    counts = {}
    for declared in (10, 100, 1_000):
        names = [f"part_{n}" for n in range(declared)]
        parts = {name: Part(graphene.Int, resolver=lambda root, info: 1) for name in names}
        dashboard = type("Dashboard", (ProgressiveConnection,), parts)
        field = ProgressiveConnectionField(dashboard)
        query = type("Query", (graphene.ObjectType,), {"dashboard": field})
        view = ProgressiveGraphQLView.as_view(schema=graphene.Schema(query=query))
        _, cursor = operations(view)
        for after in (None, cursor):
            operations(view, after=after)  # the first request of a document also parses it
            counts[declared, bool(after)] = operations(view, after=after)[0]
    for (_, follows), count in counts.items():
        assert count <= 1.1 * counts[10, follows], counts
