"""A batch of operations: each is answered, and together they stay within the limits of one."""

import graphene
import pytest
from django.urls import path

from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from partstream_graphql.http.persisted import AutomaticPersistedQueries, digest_of
from partstream_graphql.http.views import ProgressiveGraphQLView

RAN = []


class Dashboard(ProgressiveConnection):
    a = Part(graphene.String, n=graphene.Int())
    b = Part(graphene.String)

    def resolve_a(self, info, n=0):
        RAN.append("a")
        return "A"

    def resolve_b(self, info):
        RAN.append("b")
        return "B"


class Query(graphene.ObjectType):
    dashboard = ProgressiveConnectionField(Dashboard)


class Mutation(graphene.ObjectType):
    write = graphene.String()

    def resolve_write(self, info):
        RAN.append("write")
        return "written"


SCHEMA = graphene.Schema(query=Query, mutation=Mutation)
PAGE = {"query": "{ dashboard { a } }"}
WRITE = {"query": "mutation { write }"}


@pytest.fixture(autouse=True)
def _nothing_ran():
    RAN.clear()


@pytest.fixture
def serving(serve):
    """Serve batches: ``serving(**options)`` returns a function that sends a JSON value."""

    def served(**options):
        view = ProgressiveGraphQLView.as_view(schema=SCHEMA, batch=True, **options)
        client = serve(path("graphql/", view))

        def send(batch, **headers):
            return client.post("/graphql/", batch, content_type="application/json", **headers)

        send.client = client
        return send

    return served


@pytest.fixture
def send(serving):
    return serving()


def refused(response, count):
    """The code that every operation of a batch was refused with; none of them ran."""
    answers = response.json()
    codes = {error["extensions"]["code"] for answer in answers for error in answer["errors"]}
    assert (response.status_code, len(answers), len(codes), RAN) == (400, count, 1, [])
    assert {(answer.get("data"), answer["status"]) for answer in answers} == {(None, 400)}
    return codes.pop()


class TestTheNumberOfOperations:
    def test_ten_operations_are_answered_in_order(self, send):
        answers = send([{**PAGE, "id": number} for number in range(10)]).json()
        assert [answer["id"] for answer in answers] == list(range(10))
        assert {answer["data"]["dashboard"]["a"] for answer in answers} == {"A"}

    @pytest.mark.parametrize("count", [11, 1_000])
    def test_more_than_ten_operations_are_400_and_none_runs(self, send, count):
        response = send([WRITE] * count)
        assert (response.status_code, RAN) == (400, [])
        (error,) = response.json()["errors"]
        assert error == {
            "message": "A batch has 10 operations at most.",
            "extensions": {"code": "TOO_MANY_OPERATIONS"},
        }

    def test_the_limit_on_operations_is_a_setting(self, send, settings):
        settings.PARTSTREAM = {"MAX_BATCH": 1}
        assert send([PAGE, PAGE]).json()["errors"][0]["extensions"]["code"] == "TOO_MANY_OPERATIONS"
        settings.PARTSTREAM = {"MAX_BATCH": 2}
        assert len(send([PAGE, PAGE]).json()) == 2


class TestTheBudgets:
    @pytest.mark.parametrize(
        ("limits", "code"),
        [
            ({"MAX_QUERY_LENGTH": 2 * len(PAGE["query"])}, "QUERY_TOO_LONG"),
            ({"MAX_QUERY_TOKENS": 17}, "TOO_MANY_TOKENS"),
            ({"MAX_QUERY_CONNECTIONS": 2}, "TOO_MANY_CONNECTIONS"),
            ({"MAX_QUERY_PARTS": 2}, "TOO_MANY_PARTS"),
        ],
    )
    def test_operations_that_pass_a_limit_together_are_all_refused(
        self, send, settings, limits, code
    ):
        settings.PARTSTREAM = limits
        assert [answer["data"] for answer in send([PAGE, PAGE]).json()]
        RAN.clear()
        assert refused(send([PAGE, PAGE, PAGE]), 3) == code

    def test_the_operations_before_the_excess_do_not_run_either(self, send, settings):
        settings.PARTSTREAM = {"MAX_QUERY_CONNECTIONS": 1}
        assert refused(send([WRITE, PAGE, PAGE]), 3) == "TOO_MANY_CONNECTIONS"

    def test_fields_of_all_operations_count_with_fragments_written_out(self, send, settings):
        settings.PARTSTREAM = {"MAX_QUERY_TOKENS": 200}
        fields = " ".join(f"a{number}: __typename" for number in range(10))
        places = " ".join(f"d{number}: dashboard {{ ...F }}" for number in range(5))
        entry = {"query": f"{{ {places} }} fragment F on DashboardConnection {{ {fields} }}"}
        assert len(send([entry, entry]).json()) == 2
        RAN.clear()
        assert refused(send([entry, entry, entry, entry]), 4) in (
            "TOO_MANY_FIELDS",
            "TOO_MANY_TOKENS",
        )

    def test_runs_of_a_part_count_for_each_connection(self, send, settings):
        settings.PARTSTREAM = {"MAX_QUERY_RUNS": 1}
        assert [answer["data"] for answer in send([PAGE, PAGE]).json()]
        RAN.clear()
        twice = {"query": "{ dashboard { a b: a(n: 1) } }"}
        assert refused(send([PAGE, twice]), 2) == "TOO_MANY_RUNS"

    def test_a_batch_selects_the_schema_once(self, send):
        schema = {"query": "{ __schema { queryType { name } } }"}
        assert len(send([schema, PAGE]).json()) == 2
        RAN.clear()
        assert refused(send([schema, PAGE, schema]), 3) == "TOO_MANY_FIELDS"

    def test_an_operation_that_is_not_chosen_asks_for_nothing(self, send, settings):
        settings.PARTSTREAM = {"MAX_QUERY_CONNECTIONS": 1}
        text = "query A { dashboard { a } } query B { dashboard { b } }"
        answers = send([{"query": text, "operationName": "B"}]).json()
        assert answers[0]["data"] == {"dashboard": {"b": "B"}}
        assert RAN == ["b"]

    def test_a_query_that_was_remembered_counts_again(self, send, settings):
        for _ in range(2):
            send([PAGE])
        RAN.clear()
        settings.PARTSTREAM = {"MAX_QUERY_CONNECTIONS": 1}
        send([PAGE])
        RAN.clear()
        assert refused(send([PAGE, PAGE]), 2) == "TOO_MANY_CONNECTIONS"

    def test_a_text_from_the_cache_counts_as_if_it_was_sent(self, serving, settings):
        send = serving(persisted=AutomaticPersistedQueries())
        named = {"extensions": {"persistedQuery": {"sha256Hash": digest_of(PAGE["query"])}}}
        send([{**PAGE, **named}])
        RAN.clear()
        settings.PARTSTREAM = {"MAX_QUERY_CONNECTIONS": 1}
        assert refused(send([named, named]), 2) == "TOO_MANY_CONNECTIONS"


class TestMistakes:
    def test_an_invalid_operation_leaves_the_others_alone(self, send):
        response = send([{"query": "{"}, {"query": "{ nothing }"}, PAGE])
        syntax, unknown, page = response.json()
        assert (syntax["status"], unknown["status"], page["status"]) == (400, 400, 200)
        assert page["data"] == {"dashboard": {"a": "A"}}

    @pytest.mark.parametrize(
        "entry",
        [1, None, "{ a }", [], {}, {"query": 5}, {"query": "{ a }", "variables": [1]}],
    )
    def test_no_operation_of_a_batch_with_a_malformed_operation_runs(self, send, entry):
        response = send([WRITE, entry])
        assert (response.status_code, RAN) == (400, [])
        assert response.json()["errors"][0]["message"]

    @pytest.mark.parametrize("body", ["{}", "[]", "1", "null", "[" * 100_000])
    def test_a_body_that_is_no_list_of_operations_is_400(self, send, body):
        assert send(body).status_code == 400

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            ("query={a}", "application/x-www-form-urlencoded"),
            ("{ a }", "application/graphql"),
            ("{ a }", "text/plain"),
        ],
    )
    def test_a_batch_in_another_media_type_is_400(self, send, body, kind):
        assert send.client.post("/graphql/", body, content_type=kind).status_code == 400

    def test_a_get_request_to_a_view_of_batches_is_400(self, send):
        assert send.client.get("/graphql/?query={__typename}").status_code == 400


def test_an_invalid_operation_of_a_batch_keeps_its_status_for_a_client_that_names_json(send):
    # The rule of GraphQL over HTTP for that client is of requests with a single operation.
    assert send([PAGE], headers={"Accept": "application/json"}).status_code == 200
    response = send([PAGE, {"query": "{ nothing }"}], headers={"Accept": "application/json"})
    assert response.status_code == 400
