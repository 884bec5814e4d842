"""The page of the GraphQL view: its code runs as written, and its limits have the codes it lists."""

import inspect
import json
import re
from importlib import import_module
from types import ModuleType

import graphene
import pytest
from django.urls import path

from django_partstream.delivery import attempts
from django_partstream.exceptions import PartPending
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from partstream_graphql.http.persisted import AutomaticPersistedQueries, digest_of
from partstream_graphql.views import ProgressiveGraphQLView
from tests.documentation import ROOT, block, blocks, make_shop, run_module

PAGE = ROOT / "docs" / "graphql-view.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

pytestmark = pytest.mark.django_db

QUERY = "{ dashboard { edges { node { overview { store } } } } }"
STORE = {"dashboard": {"edges": [{"node": {"overview": {"store": "Corner Shop"}}}]}}


def five_times(selection):
    return " ".join(f"{alias}: {selection}" for alias in "abcde")


MANY_FIELDS = (
    f"{{ {five_times('dashboard { ...F }')} }}"
    f"fragment F on DashboardConnection {{ {five_times('edges { ...G }')} }}"
    f"fragment G on DashboardEdge {{ {five_times('cursor')} }}"
)

#: For each code, a setting that is low enough for the query to be refused with it.
TOO_MUCH = {
    "QUERY_TOO_LONG": ({"MAX_QUERY_LENGTH": 1}, QUERY),
    "TOO_MANY_TOKENS": ({"MAX_QUERY_TOKENS": 1}, QUERY),
    "TOO_MANY_FIELDS": ({"MAX_QUERY_TOKENS": 120}, MANY_FIELDS),
    "QUERY_TOO_DEEP": ({"MAX_QUERY_DEPTH": 1}, QUERY),
    "TOO_MANY_CONNECTIONS": (
        {"MAX_QUERY_CONNECTIONS": 1},
        "{ a: dashboard { totalCount } b: dashboard { totalCount } }",
    ),
    "TOO_MANY_RUNS": (
        {"MAX_QUERY_RUNS": 1},
        "{ dashboard { edges { node { a: orders(limit: 1) { id } b: orders(limit: 2) { id } } } } }",
    ),
    "TOO_MANY_PARTS": (
        {"MAX_QUERY_PARTS": 1},
        "{ dashboard { edges { node { overview { store } orders { id } } } } }",
    ),
}


@pytest.fixture
def post(monkeypatch, settings, client):
    """
    The shop: ``post(query)`` gives the body of the response.

    ``post.serve(text)`` serves the URLs of the page's block that contains *text*.
    """
    make_shop(monkeypatch, settings)

    def post(query=None, **body):
        body = {"query": query, **body} if query else body
        return client.post("/graphql/", body, content_type="application/json").json()

    def serve(text):
        settings.ROOT_URLCONF = run_module(monkeypatch, block(PAGE, text), "shop.urls")

    post.serve = serve
    return post


def code_of(answer):
    (error,) = answer["errors"]
    return error["extensions"]["code"]


def test_every_python_block_of_the_page_is_run_by_a_test():
    told = [code.partition("\n")[0] for code in blocks(PAGE, "python")]
    assert told == ["# urls.py", "# settings.py", "# urls.py", "# urls.py", "# shop/graphql.py"]


def test_every_code_is_listed_with_its_setting():
    errors = (ROOT / "docs" / "reference" / "errors.md").read_text()
    rows = re.findall(r"^\| (`[A-Z].*?) \| `(MAX_\w+)` \|", errors, re.MULTILINE)
    listed = {code: limit for codes, limit in rows for code in re.findall(r"`(\w+)`", codes)}
    tested = {code: limit for code, ((limit,), _) in TOO_MUCH.items()}
    assert listed == {**tested, "TOO_MANY_OPERATIONS": "MAX_BATCH"}


@pytest.mark.parametrize("code", TOO_MUCH)
def test_a_query_that_asks_for_too_much_is_refused(post, settings, code):
    limits, query = TOO_MUCH[code]
    assert "errors" not in post(query)
    settings.PARTSTREAM = limits
    answer = post(query)
    assert code_of(answer) == code
    assert not answer.get("data")


@pytest.mark.parametrize("code", TOO_MUCH)
def test_the_rule_brings_the_limits_to_the_stock_view(post, settings, code):
    post.serve("ProgressiveLimitsRule")
    limits, query = TOO_MUCH[code]
    assert "errors" not in post(query)
    settings.PARTSTREAM = limits
    if code in ("QUERY_TOO_LONG", "TOO_MANY_TOKENS"):
        assert code not in json.dumps(post(query))
    else:
        assert code_of(post(query)) == code


def test_a_batch_of_too_many_operations_is_refused(post, serve, settings, client):
    schema = import_module("shop.schema").schema
    serve(path("graphql/", ProgressiveGraphQLView.as_view(schema=schema, batch=True)))

    def send(count):
        batch = [{"query": QUERY}] * count
        return client.post("/graphql/", batch, content_type="application/json").json()

    assert [answer["data"] for answer in send(2)] == [STORE, STORE]
    settings.PARTSTREAM = {"MAX_BATCH": 1}
    assert code_of(send(2)) == "TOO_MANY_OPERATIONS"


@pytest.mark.parametrize(
    "query",
    [
        "{ a: __schema { types { name } } b: __schema { types { name } } }",
        "{ __schema { types { a: name b: name } } }",
        "{ __schema { types { fields { type { fields { name } } } } } }",
    ],
)
def test_a_query_that_multiplies_the_schema_is_refused(post, query):
    assert code_of(post(query)) == "TOO_MANY_FIELDS"


#: Requests as the rows of the table name them: the body.
REQUESTS = {
    "executed": {"query": QUERY},
    "an invalid query": {"query": "{"},
    "malformed": {"query": QUERY, "variables": [1]},
}


def test_statuses_and_media_types_are_those_of_the_table(post, client):
    section = PAGE.read_text().partition("## GraphQL over HTTP")[2].partition("\n## ")[0]
    _, _, *rows = [
        line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"
    ]
    (_, *types), *statuses = rows
    accepted = ["application/json", "application/graphql-response+json", "*/*"]
    for accept, media_type, *told in zip(
        accepted, types, *(row[1:] for row in statuses), strict=True
    ):
        answers = [
            client.post(
                "/graphql/", body, content_type="application/json", headers={"Accept": accept}
            )
            for body in REQUESTS.values()
        ]
        assert {f"`{answer['Content-Type'].partition(';')[0]}`" for answer in answers} == {
            media_type
        }
        assert [str(answer.status_code) for answer in answers] == told
    for row, request in zip(statuses, REQUESTS, strict=True):
        assert row[0].startswith(request)


def test_the_page_for_a_signed_in_user_is_not_kept_by_caches(post, client, admin_user):
    assert "Cache-Control" not in client.get("/graphql/", {"query": QUERY})
    client.force_login(admin_user)
    response = client.get("/graphql/", {"query": QUERY})
    assert response["Cache-Control"] == "private, no-store"


def test_the_query_of_pending_parts_is_answered_as_the_page_says(post, monkeypatch):
    def wait():
        raise PartPending("work", limit=600, progress=0.3)

    (query,) = blocks(PAGE, "graphql")
    monkeypatch.setitem(attempts.stand_ins, "overview", wait)
    dashboard = post(query)["data"]["dashboard"]
    (entry,) = dashboard["pending"]
    assert (entry["name"], entry["progress"]) == ("overview", 0.3)
    assert dashboard["pageInfo"]["hasNextPage"] is True
    assert [edge["node"]["name"] for edge in dashboard["edges"]] == ["orders"]
    monkeypatch.delitem(attempts.stand_ins, "overview")
    last = post(query, variables={"after": dashboard["pageInfo"]["endCursor"]})["data"]["dashboard"]
    assert [edge["node"]["name"] for edge in last["edges"]] == ["overview"]
    assert (last["pending"], last["pageInfo"]["hasNextPage"]) == ([], False)


def test_a_hash_is_enough_once_its_text_was_sent(post, settings):
    module = ModuleType("settings")
    exec(block(PAGE, "# settings.py"), vars(module))
    settings.CACHES = module.CACHES
    post.serve("AutomaticPersistedQueries")
    named = {"persistedQuery": {"version": 1, "sha256Hash": digest_of(QUERY)}}
    assert code_of(post(extensions=named)) == "PERSISTED_QUERY_NOT_FOUND"
    assert post(QUERY, extensions=named)["data"] == STORE
    assert post(extensions=named)["data"] == STORE


def test_the_arguments_on_the_page_are_the_defaults():
    shown = re.search(r"AutomaticPersistedQueries\((.*)\)", PAGE.read_text())[1]
    defaults = inspect.signature(AutomaticPersistedQueries).parameters.values()
    told = dict(argument.split("=") for argument in shown.split(", "))
    assert {name: eval(value) for name, value in told.items() if name != "cache"} == {
        one.name: one.default for one in defaults if one.name != "cache"
    }
    assert {one.name for one in defaults} == set(told)


def test_only_the_documents_of_the_file_are_run(post, tmp_path, monkeypatch):
    (tmp_path / "persisted-documents.json").write_text(json.dumps({"abc": QUERY}))
    monkeypatch.chdir(tmp_path)
    post.serve("TrustedDocuments")
    assert post(documentId="abc")["data"] == STORE
    assert code_of(post("{ dashboard { totalCount } }")) == "PERSISTED_QUERY_ONLY"


def test_format_error_can_replace_the_message_of_a_failure(post, serve, monkeypatch):
    class Item(graphene.ObjectType):
        price = graphene.Int()
        weight = graphene.Int()

        def resolve_price(self, info):
            raise ConnectionError("secret")

        def resolve_weight(self, info):
            raise KeyError("secret")

    class Board(ProgressiveConnection):
        item = Part(Item)

        def resolve_item(self, info):
            return {}

    query = type("Query", (graphene.ObjectType,), {"board": ProgressiveConnectionField(Board)})
    module = run_module(monkeypatch, block(PAGE, "# shop/graphql.py"), "shop.graphql")
    schema = graphene.Schema(query=query)
    assert issubclass(module.ShopGraphQLView, ProgressiveGraphQLView)
    serve(path("graphql/", module.ShopGraphQLView.as_view(schema=schema)))
    busy, masked = post("{ board { item { price weight } } }")["errors"]
    assert busy["message"] == "The shop is busy. Try again in a minute."
    assert masked["message"] == "Something went wrong."
    assert masked["extensions"]["reference"]
