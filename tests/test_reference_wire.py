"""The page on wire formats: each of its examples is what the fronts send."""

import json
import re

import graphene
import pytest
from django.urls import path

from django_partstream import lazy
from django_partstream.delivery import streams
from django_partstream.exceptions import PartPending
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from partstream_graphql.views import ProgressiveGraphQLView
from partstream_rest import ProgressiveView
from tests.documentation import ROOT, blocks

PAGE = ROOT / "docs" / "reference" / "wire.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)
pytestmark = pytest.mark.django_db

REST_PAGE, REFUSAL, *GRAPHQL_ANSWERS = map(json.loads, blocks(PAGE, "json"))
QUERIES = blocks(PAGE, "graphql")
EVENTS, LINES = blocks(PAGE, "text")
TEXT = PAGE.read_text()


class WireParts:
    """A part that is there, a part that fails, and a part that is computed elsewhere."""

    chunk_size = 3

    def get_parts(self):
        return [
            ("overview", lazy(lambda request: {"orders": 2})),
            ("orders", lazy(self.fail)),
            ("forecast", lazy(self.wait)),
        ]

    def fail(self, request):
        raise ConnectionError("the database of orders is down")

    def wait(self, request):
        raise PartPending("forecast", limit=600, progress=0.3)


class WireView(WireParts, ProgressiveView):
    pass


class Overview(graphene.ObjectType):
    orders = graphene.Int()


class Wire(WireParts, ProgressiveConnection):
    overview = Part(Overview)
    orders = Part(graphene.Int)
    forecast = Part(graphene.Int)


class Query(graphene.ObjectType):
    dashboard = ProgressiveConnectionField(Wire)


SCHEMA = graphene.Schema(query=Query)


@pytest.fixture
def client(serve, monkeypatch):
    """A client of both fronts; streams wait for no pending part."""
    monkeypatch.setattr("random.uniform", lambda low, high: 1.0)
    monkeypatch.setattr(streams, "PATIENCE", 0)
    return serve(
        path("api/dashboard/", WireView.as_view()),
        path("graphql/", ProgressiveGraphQLView.as_view(schema=SCHEMA)),
    )


def shortened(text):
    """*text* with its cursors and references as the page shows them."""
    text = re.sub(r"eyJ0eXAi[\w.-]+", "eyJ0eXAi…", text)
    return re.sub(r'"reference":"\w{8}"', '"reference":"5f2c81d0"', text)


def keys(heading):
    """The names in the first cells of the tables below *heading*."""
    section = re.split(r"\n##+ ", TEXT.partition(f"# {heading}\n")[2])[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def test_the_page_is_sent_as_shown(client):
    sent = client.get("/api/dashboard/")
    assert json.loads(shortened(sent.content.decode())) == REST_PAGE
    assert {"Link", "Retry-After", "Cache-Control"} <= {*sent.headers}


def test_the_tables_have_each_key_of_the_page_and_of_its_error_entry(client):
    plain = client.get("/api/dashboard/").json()
    tagged = client.get("/api/dashboard/", headers={"Partstream-Have": ""}).json()
    have = ", ".join(f'{name}="{tag}"' for name, tag in tagged["etags"].items())
    again = client.get("/api/dashboard/", headers={"Partstream-Have": have}).json()
    assert set(keys("Page")[:7]) == {*plain, *tagged, *again}
    assert keys("The error entry") == [*plain["errors"][0]]


def test_a_refusal_is_sent_as_shown(client):
    sent = client.get("/api/dashboard/?cursor=x")
    assert (sent.status_code, sent.json()) == (400, REFUSAL)


@pytest.mark.parametrize(
    ("accept", "shown"), [("text/event-stream", EVENTS), ("application/jsonl", LINES)]
)
def test_a_stream_is_sent_as_shown(client, accept, shown):
    sent = client.get("/api/dashboard/", headers={"Accept": accept})
    body = b"".join(sent.streaming_content).decode()
    assert shortened(body).strip("\n") == shown.strip("\n")


@pytest.mark.parametrize(("query", "shown"), [*zip(QUERIES, GRAPHQL_ANSWERS, strict=True)])
def test_a_query_is_answered_as_shown(client, query, shown):
    sent = client.post("/graphql/", {"query": query.strip()}, content_type="application/json")
    assert json.loads(shortened(sent.content.decode())) == shown
