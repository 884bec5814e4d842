import asyncio
import itertools
import threading
from types import SimpleNamespace

import graphene
import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from graphql import GraphQLError

from django_partstream import Status, safe_call, with_timeout
from django_partstream.testing import expired, part_fails, walk_connection
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from partstream_graphql.http.views import ProgressiveGraphQLView
from partstream_graphql.types import NodeStatus

RAN = []


@pytest.fixture(autouse=True)
def _nothing_ran():
    RAN.clear()


class Item(graphene.ObjectType):
    number = graphene.Int()
    broken = graphene.Int()

    def resolve_broken(self, info):
        raise ValueError("secret")


class Dashboard(ProgressiveConnection):
    chunk_size = 2

    a = Part(graphene.String)
    b_two = Part(graphene.Int, factor=graphene.Int(default_value=1))
    c = Part(graphene.List(graphene.NonNull(Item)))
    d = Part(graphene.String)
    e = Part(graphene.Int)

    def resolve_a(self, info):
        RAN.append("a")
        return "A"

    def resolve_b_two(self, info, factor):
        RAN.append(f"b{factor}")
        return 2 * factor

    def resolve_c(self, info):
        RAN.append("c")
        return [{"number": 1}, {"number": 2}]

    def resolve_d(self, info):
        RAN.append("d")
        raise ValueError("secret")

    def resolve_e(self, info):
        RAN.append("e")
        return 5


ALL = """
query ($first: Int, $after: String) {
  dashboard(first: $first, after: $after) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node {
      name status error { code message retryable reference }
      a bTwo c { number } d e
    } }
  }
}
"""

CONNECTION = """
query ($after: String) {
  dashboard(after: $after) { pageInfo { endCursor } totalCount a bTwo c { number } e }
}
"""


def nodes(answer):
    return [edge["node"] for edge in answer.data["dashboard"]["edges"]]


def test_a_page_carries_its_parts_on_nodes_one_filled_in_each(ask):
    answer = ask(Dashboard)(ALL)
    assert answer.errors is None
    page = answer.data["dashboard"]
    assert page["totalCount"] == 5
    assert nodes(answer) == [
        {"name": "a", "status": "OK", "error": None, "a": "A", "bTwo": None, "c": None, "d": None,
         "e": None},
        {"name": "bTwo", "status": "OK", "error": None, "a": None, "bTwo": 2, "c": None, "d": None,
         "e": None},
    ]  # fmt: skip
    assert page["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": page["edges"][0]["cursor"],
        "endCursor": page["edges"][1]["cursor"],
    }
    assert RAN == ["a", "b1"]


def test_a_place_has_the_same_cursor_when_a_second_passes_within_a_page(ask, monkeypatch):
    clock = SimpleNamespace(time=itertools.count(1_800_000_000).__next__)
    monkeypatch.setattr("django_partstream.cursors.time", clock)
    page = ask(Dashboard)(ALL).data["dashboard"]
    cursors = [edge["cursor"] for edge in page["edges"]]
    assert len(set(cursors)) == 2
    assert [page["pageInfo"]["startCursor"], page["pageInfo"]["endCursor"]] == cursors


def test_connection_fields_of_parts_on_other_pages_are_null(ask):
    query = ask(Dashboard)
    first = query(CONNECTION).data["dashboard"]
    assert (first["a"], first["bTwo"], first["c"], first["e"]) == ("A", 2, None, None)
    second = query(CONNECTION, after=first["pageInfo"]["endCursor"]).data["dashboard"]
    assert (second["a"], second["bTwo"], second["e"]) == (None, None, 5)
    assert second["c"] == [{"number": 1}, {"number": 2}]
    assert first["totalCount"] == second["totalCount"] == 4


def test_a_walk_delivers_every_part_once_and_ends(ask):
    walked = walk_connection(ask(Dashboard).client, ALL)
    assert walked.parts == {
        "a": "A", "bTwo": 2, "c": [{"number": 1}, {"number": 2}], "d": None, "e": 5,
    }  # fmt: skip
    assert len(walked.pages) == 3
    last = walked.pages[-1]["data"]["dashboard"]["pageInfo"]
    assert (last["hasNextPage"], last["hasPreviousPage"]) == (False, True)


def test_a_walk_can_go_on_from_the_cursor_of_any_edge(ask):
    query = ask(Dashboard)
    cursor = query(ALL).data["dashboard"]["edges"][0]["cursor"]
    assert [node["name"] for node in nodes(query(ALL, after=cursor))] == ["bTwo", "c"]


@pytest.mark.parametrize(
    ("fields", "total", "ran"),
    [
        ("a", 1, ["a"]),
        ("e edges { node { c { number } } }", 2, ["e", "c"]),
        ("x: a y: a edges { node { a z: a } }", 1, ["a"]),
        ("...on DashboardConnection { e } ...Rest", 2, ["a", "e"]),
        ("a @skip(if: true) e @include(if: false) edges { node { c { number } } }", 1, ["c"]),
        ("__typename totalCount", 5, []),
    ],
)
def test_only_selected_parts_are_counted_and_resolved(ask, fields, total, ran):
    fragment = "fragment Rest on DashboardConnection { a }" if "...Rest" in fields else ""
    text = f"{{ dashboard {{ count: totalCount {fields} }} }} {fragment}"
    answer = ask(Dashboard)(text)
    assert answer.errors is None
    assert answer.data["dashboard"]["count"] == total
    assert sorted(RAN) == sorted(ran)


def test_parts_keep_their_declared_order_whatever_the_order_in_the_query(ask):
    query = ask(Dashboard)
    page = query("{ dashboard { e c { number } a edges { node { name } } } }").data["dashboard"]
    assert [edge["node"]["name"] for edge in page["edges"]] == ["a", "c"]


def test_edges_list_all_parts_unresolved_when_the_query_selects_no_part(ask):
    answer = ask(Dashboard)("{ dashboard { edges { node { name status error { code } } } } }")
    assert nodes(answer) == [
        {"name": name, "status": "PLANNED", "error": None} for name in ("a", "bTwo", "c", "d", "e")
    ]
    assert RAN == []


def test_the_list_of_unselected_parts_can_be_paged(ask):
    query = ask(Dashboard)
    text = "query($a: String) { dashboard(first: 4, after: $a) { pageInfo { endCursor } edges { node { name } } } }"
    answer = query(text)
    assert [node["name"] for node in nodes(answer)] == ["a", "bTwo", "c", "d"]
    after = answer.data["dashboard"]["pageInfo"]["endCursor"]
    assert [node["name"] for node in nodes(query(text, a=after))] == ["e"]


def test_a_part_with_two_sets_of_arguments_runs_twice_and_takes_one_slot(ask):
    answer = ask(Dashboard)(
        "{ dashboard(first: 1) { two: bTwo six: bTwo(factor: 3) again: bTwo(factor: 3)"
        " edges { node { name six: bTwo(factor: 3) } } } }"
    )
    page = answer.data["dashboard"]
    assert (page["two"], page["six"], page["again"]) == (2, 6, 6)
    assert page["edges"] == [{"node": {"name": "bTwo", "six": 6}}]
    assert RAN == ["b1", "b3"]


def test_arguments_of_parts_may_be_variables(ask):
    answer = ask(Dashboard)("query($f: Int) { dashboard { bTwo(factor: $f) } }", f=7)
    assert answer.data["dashboard"]["bTwo"] == 14


class TestFirst:
    @pytest.mark.parametrize("first", [0, -1])
    def test_a_first_below_one_is_bad_user_input(self, ask, first):
        answer = ask(Dashboard)(ALL, first=first)
        assert answer.data is None
        (error,) = answer.errors
        assert error["message"] == "`first` must be 1 or more."
        assert error["extensions"] == {"code": "BAD_USER_INPUT"}
        assert error["path"] == ["dashboard"]

    def test_a_huge_first_is_clamped_to_max_chunk_size(self, ask):
        limited = type("Dashboard", (Dashboard,), {"max_chunk_size": 3})
        answer = ask(limited)(ALL, first=2**31 - 1)
        assert len(nodes(answer)) == 3
        assert answer.data["dashboard"]["pageInfo"]["hasNextPage"]

    def test_a_null_first_means_the_chunk_size(self, ask):
        assert len(nodes(ask(Dashboard)(ALL, first=None))) == 2


class TestCursors:
    def test_an_empty_or_null_cursor_is_the_start(self, ask):
        query = ask(Dashboard)
        assert nodes(query(ALL, after="")) == nodes(query(ALL, after=None)) == nodes(query(ALL))

    @pytest.mark.parametrize("after", ["garbage", "A" * 5000, "a.b.c", "💥"])
    def test_an_invalid_cursor_is_bad_user_input_and_not_echoed(self, ask, after):
        answer = ask(Dashboard)(ALL, after=after)
        assert answer.data is None
        (error,) = answer.errors
        assert error["message"] == "This cursor is not valid here. Start again without a cursor."
        assert error["extensions"] == {"code": "BAD_USER_INPUT"}
        assert RAN == []

    def test_an_expired_cursor_has_the_code_cursor_expired(self, ask):
        query = ask(Dashboard)
        cursor = query(ALL).data["dashboard"]["pageInfo"]["endCursor"]
        (error,) = query(ALL, after=expired(cursor)).errors
        assert error["extensions"] == {"code": "CURSOR_EXPIRED"}

    def test_a_cursor_that_names_a_part_that_is_gone_has_the_code_cursor_stale(self, ask):
        class Changing(Dashboard):
            gone = ()

            def get_parts(self):
                return [(name, part) for name, part in super().get_parts() if name not in self.gone]

        query = ask(Changing)
        cursor = query(ALL).data["dashboard"]["pageInfo"]["endCursor"]
        Changing.gone = ("b_two",)
        (error,) = query(ALL, after=cursor).errors
        assert error["extensions"] == {"code": "CURSOR_STALE"}
        Changing.gone = ("a", "c")
        assert [node["name"] for node in nodes(query(ALL, after=cursor))] == ["d", "e"]

    def test_a_cursor_is_refused_for_other_field_arguments_or_another_user(
        self, ask, client, django_user_model, db
    ):
        ann, bob = (django_user_model.objects.create_user(name) for name in ("ann", "bob"))
        query = ask(Dashboard, shop=graphene.Int())
        text = ALL.replace("dashboard(", "dashboard(shop: $shop, ").replace(
            "query (", "query ($shop: Int, "
        )
        client.force_login(ann)
        cursor = query(text, shop=1).data["dashboard"]["pageInfo"]["endCursor"]
        assert query(text, shop=1, after=cursor).errors is None
        assert query(text, shop=2, after=cursor).errors[0]["extensions"]["code"] == "BAD_USER_INPUT"
        client.force_login(bob)
        assert query(text, shop=1, after=cursor).errors[0]["extensions"]["code"] == "BAD_USER_INPUT"

    def test_a_bad_cursor_of_a_field_that_is_not_required_leaves_sibling_fields(self, ask):
        query = ask(Dashboard, required=False)
        answer = query('{ dashboard(after: "x") { a } __typename }')
        assert answer.data == {"dashboard": None, "__typename": "Query"}


class TestFailures:
    def test_a_query_that_selects_node_error_gets_failures_as_data_without_top_level_errors(
        self, ask
    ):
        query = ask(Dashboard)
        cursor = query(ALL, first=3).data["dashboard"]["pageInfo"]["endCursor"]
        answer = query(ALL, after=cursor)
        assert answer.errors is None
        failed, fine = nodes(answer)
        reference = failed["error"].pop("reference")
        assert len(reference) == 8
        assert (failed["status"], failed["error"]) == (
            "ERROR",
            {"code": "part_failed", "message": "This part could not be loaded.", "retryable": True},
        )
        assert (fine["status"], fine["e"]) == ("OK", 5)
        assert b"secret" not in answer.response.content

    def test_a_query_without_node_error_gets_failures_as_errors_with_their_path(self, ask, caplog):
        answer = ask(Dashboard)("{ dashboard { d e edges { node { d } } } }")
        assert answer.data["dashboard"]["e"] == 5
        assert [error["path"] for error in answer.errors] == [
            ["dashboard", "d"],
            ["dashboard", "edges", 0, "node", "d"],
        ]
        for error in answer.errors:
            assert error["message"] == "This part could not be loaded."
            assert error["extensions"]["code"] == "PART_FAILED"
            assert error["extensions"]["retryable"] is True
        (record,) = [one for one in caplog.records if one.name == "django_partstream"]
        assert record.reference == answer.errors[0]["extensions"]["reference"]

    @pytest.mark.parametrize(
        ("exc", "status", "code"),
        [
            (PermissionDenied("secret"), "DENIED", "permission_denied"),
            (Http404("secret"), "ERROR", "not_found"),
            (
                GraphQLError("Told.", extensions={"code": "OUT_OF_STOCK", "sku": 7}),
                "ERROR",
                "out_of_stock",
            ),
            (
                GraphQLError("Told.", extensions={"code": "UNAUTHENTICATED"}),
                "DENIED",
                "unauthenticated",
            ),
            (GraphQLError("Told."), "ERROR", "part_failed"),
        ],
    )
    def test_a_failure_has_the_same_code_and_message_in_node_and_errors(
        self, ask, exc, status, code
    ):
        with part_fails("a", exc):
            (node, _) = nodes(ask(Dashboard)(ALL))
            assert (node["status"], node["error"]["code"]) == (status, code)
            (error,) = ask(Dashboard)("{ dashboard { a } }").errors
        assert error["extensions"]["code"] == code.upper()
        assert error["message"] == node["error"]["message"]
        assert "secret" not in error["message"]
        if code == "out_of_stock":
            assert error["extensions"]["sku"] == 7

    def test_guards_work_on_resolvers(self, ask, request):
        gate = threading.Event()
        request.addfinalizer(gate.set)

        class Guarded(ProgressiveConnection):
            chunk_size = 5
            a = Part(graphene.String)
            b = Part(graphene.String)
            c = Part(graphene.String)

            @safe_call(fallback="instead")
            def resolve_a(self, info):
                raise ValueError("secret")

            @safe_call
            def resolve_b(self, info):
                raise ValueError("secret")

            @with_timeout(0.01)
            def resolve_c(self, info):
                gate.wait(30)

        text = "{ dashboard { edges { node { name status error { code } a b c } } } }"
        a, b, c = nodes(ask(Guarded)(text))
        assert (a["status"], a["a"], a["error"]) == ("FALLBACK", "instead", None)
        assert (b["status"], b["b"], b["error"]) == ("ERROR", None, {"code": "part_failed"})
        assert (c["status"], c["c"], c["error"]) == ("TIMEOUT", None, {"code": "part_timed_out"})

    def test_a_scalar_that_its_type_refuses_fails_its_part_only(self, ask):
        class Wrong(ProgressiveConnection):
            number = Part(graphene.Int)
            numbers = Part(graphene.List(graphene.Int))
            fine = Part(graphene.Int)

            def resolve_number(self, info):
                return "secret"

            def resolve_numbers(self, info):
                return [1, "secret"]

            def resolve_fine(self, info):
                return 1

        text = "{ dashboard(first: 3) { edges { node { status number numbers fine } } error: totalCount } }"
        answer = ask(Wrong)(text)
        assert [node["status"] for node in nodes(answer)] == ["ERROR", "ERROR", "OK"]
        assert b"secret" not in answer.response.content

    def test_an_exception_returned_by_a_resolver_fails_its_part(self, ask):
        class Returns(ProgressiveConnection):
            a = Part(graphene.String)

            def resolve_a(self, info):
                return ValueError("secret")

        (node,) = nodes(
            ask(Returns)("{ dashboard { edges { node { status error { code } a } } } }")
        )
        assert (node["status"], node["error"]["code"]) == ("ERROR", "part_failed")

    def test_a_failure_of_get_parts_is_masked(self, ask):
        class Broken(ProgressiveConnection):
            a = Part(graphene.String)

            def get_parts(self):
                raise ValueError("secret")

        (error,) = ask(Broken)("{ dashboard { a } }").errors
        assert error["message"] == "Something went wrong."
        assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"

    def test_the_error_message_of_a_failed_part_has_its_text_in_debug(self, ask, settings):
        settings.DEBUG = True
        (error,) = ask(Dashboard)("{ dashboard { d } }").errors
        assert error["message"] == "ValueError: secret"


class TestBelowAPart:
    text = "{ dashboard { c { number broken } edges { node { status error { code } c { broken } } } } }"

    @pytest.fixture
    def view_class(self):
        return ProgressiveGraphQLView

    def test_a_failure_below_a_part_stays_in_errors_and_is_masked(self, ask, caplog):
        answer = ask(Dashboard)(self.text)
        assert nodes(answer)[0]["status"] == "OK"
        assert answer.data["dashboard"]["c"][0] == {"number": 1, "broken": None}
        assert answer.errors[0]["path"] == ["dashboard", "c", 0, "broken"]
        for error in answer.errors:
            assert error["message"] == "Something went wrong."
            assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
            assert error["extensions"]["reference"] in caplog.text
        assert {record.error_code for record in caplog.records} == {"INTERNAL_SERVER_ERROR"}
        assert b"secret" not in answer.response.content

    def test_the_error_message_of_a_failure_below_a_part_has_its_text_in_debug(self, ask, settings):
        settings.DEBUG = True
        assert ask(Dashboard)(self.text).errors[0]["message"] == "ValueError: secret"

    def test_failures_outside_of_connections_keep_their_message(self, ask):
        class Query(graphene.ObjectType):
            plain = graphene.String()

            def resolve_plain(self, info):
                raise ValueError("as ever")

        assert ask(query=Query)("{ plain }").errors[0]["message"] == "as ever"


class TestAsync:
    def test_coroutines_work_on_a_sync_view_and_run_together(self, ask):
        meet = []

        class Async(ProgressiveConnection):
            a = Part(graphene.String)
            b = Part(graphene.String)

            async def resolve_a(self, info):
                meet.append(asyncio.Event())
                await asyncio.wait_for(meet[0].wait(), 5)
                return "A"

            async def resolve_b(self, info):
                meet[0].set()
                return "B"

        answer = ask(Async)("{ dashboard { a b } }")
        assert answer.data["dashboard"] == {"a": "A", "b": "B"}

    def test_coroutines_are_awaited_in_the_running_event_loop(self):
        class Async(ProgressiveConnection):
            a = Part(graphene.String)
            b = Part(graphene.Int)

            async def resolve_a(self, info):
                await asyncio.sleep(0)
                return "A"

            def resolve_b(self, info):
                return 1

        class Query(graphene.ObjectType):
            dashboard = ProgressiveConnectionField(Async)

        result = asyncio.run(graphene.Schema(query=Query).execute_async("{ dashboard { a b } }"))
        assert (result.errors, result.data) == (None, {"dashboard": {"a": "A", "b": 1}})


class TestConcurrency:
    @pytest.mark.django_db(transaction=True)
    def test_parts_with_concurrency_run_together_each_with_its_arguments(self, ask):
        barrier = threading.Barrier(3)

        class Together(ProgressiveConnection):
            chunk_size = 3
            concurrency = 3
            a = Part(graphene.Int, n=graphene.Int())
            b = Part(graphene.Int, n=graphene.Int())

            def resolve_a(self, info, n):
                barrier.wait(5)
                return n

            resolve_b = resolve_a

        answer = ask(Together)("{ dashboard { a(n: 1) other: a(n: 2) b(n: 3) } }")
        assert answer.data["dashboard"] == {"a": 1, "other": 2, "b": 3}


def test_a_resolver_gets_the_info_of_its_own_part(ask):
    seen = {}

    class Info(ProgressiveConnection):
        a_part = Part(Item, n=graphene.Int())

        def resolve_a_part(self, info, n=None):
            seen[n] = (
                info.field_name,
                str(info.return_type),
                info.parent_type.name,
                info.path.as_list(),
                sorted(
                    field.name.value
                    for node in info.field_nodes
                    for field in node.selection_set.selections
                ),
                info.context is self.request,
            )

    ask(Info)("{ dashboard { x: aPart { number } edges { node { aPart { broken } } } } }")
    fields = ["broken", "number"]
    assert seen == {None: ("aPart", "Item", "InfoConnection", ["dashboard", "x"], fields, True)}


def test_a_connection_has_the_arguments_of_its_field_and_the_parent_as_root(ask):
    class Of(ProgressiveConnection):
        a = Part(graphene.String)

        def resolve_a(self, info):
            return f"{self.root['id']} {self.args}"

    class Shop(graphene.ObjectType):
        parts = ProgressiveConnectionField(Of, year=graphene.Int())

    class Query(graphene.ObjectType):
        shop = graphene.Field(Shop)

        def resolve_shop(self, info):
            return {"id": 7}

    answer = ask(query=Query)("{ shop { parts(year: 2024, first: 1) { a } } }")
    assert answer.data["shop"]["parts"]["a"] == "7 {'year': 2024}"


def test_the_resolver_of_a_connection_field_gives_the_root(ask):
    class Of(ProgressiveConnection):
        a = Part(graphene.String)

        def resolve_a(self, info):
            return self.root

    class Query(graphene.ObjectType):
        dashboard = ProgressiveConnectionField(Of, year=graphene.Int())

        def resolve_dashboard(self, info, year=None):
            return f"of {year}"

    assert ask(query=Query)("{ dashboard(year: 1) { a } }").data["dashboard"]["a"] == "of 1"


def test_two_connections_of_one_query_have_pages_of_their_own(ask):
    answer = ask(Dashboard)("{ one: dashboard(first: 1) { a e } two: dashboard(first: 2) { a e } }")
    assert answer.data == {"one": {"a": "A", "e": None}, "two": {"a": "A", "e": 5}}


def test_a_node_has_the_statuses_with_which_parts_end_and_planned():
    ends = [status for status in Status if status is not Status.PENDING]
    assert [*NodeStatus] == [*ends, "planned"]
    assert [member.name for member in NodeStatus] == [*(status.name for status in ends), "PLANNED"]
