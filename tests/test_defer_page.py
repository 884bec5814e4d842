"""The page on ``@defer``: its query gives what it says, and its tables are those of the code."""

import json
import re
import shlex
import subprocess

import graphql
import pytest

from django_partstream.conf import SETTINGS
from example_schema.schema import schema
from partstream_graphql import defer_directives
from partstream_graphql.errors import part_pending
from tests import tools
from tests.documentation import ROOT, blocks
from tests.graphql.multipart import Merged, payloads_of

PAGE = ROOT / "docs" / "defer.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)
if not hasattr(graphql, "ExecutionContext"):
    pytest.skip("Nothing is deferred with graphql-core 3.3.", allow_module_level=True)

pytestmark = pytest.mark.django_db

TEXT = PAGE.read_text()
(QUERY,) = blocks(PAGE, "graphql")


def asked(client, accept):
    return client.post(
        "/graphql/",
        {"query": QUERY},
        content_type="application/json",
        headers={"accept": accept},
    )


def test_the_schema_is_made_as_the_page_says():
    (code,) = blocks(PAGE, "python")
    assert "directives=defer_directives()" in code
    query = {"Query": schema.query}
    exec(code, query)
    assert query["schema"].graphql_schema.get_directive("defer") is defer_directives()[-1]


def test_the_query_has_its_names_and_its_end_cursor_in_the_first_payload(admin_client):
    payloads = payloads_of(b"".join(asked(admin_client, "multipart/mixed")).decode())
    page = payloads[0]["data"]["dashboard"]
    assert [set(edge["node"]) for edge in page["edges"]] == [{"name"}] * 3
    assert page["pageInfo"]["endCursor"]
    assert len(payloads) == 1 + 3
    statuses = [edge["node"]["status"] for edge in Merged(payloads).data["dashboard"]["edges"]]
    assert statuses == ["OK"] * 3


def test_the_query_is_answered_inline_where_nobody_asks(admin_client):
    edges = asked(admin_client, "application/json").json()["data"]["dashboard"]["edges"]
    assert [edge["node"]["status"] for edge in edges] == ["OK"] * 3


@pytest.mark.parametrize("accept", re.findall(r"^\| `(multipart[^`]+)` \|", TEXT, re.MULTILINE))
def test_a_shape_has_the_keys_that_the_page_lists(admin_client, accept):
    (told,) = re.findall(rf"^\| `{re.escape(accept)}` \| (.*) \|$", TEXT, re.MULTILINE)
    *_, last = payloads_of(b"".join(asked(admin_client, accept)).decode())
    keys = {*last, *last["incremental"][0]}
    both = "both sets" in told
    assert ("completed" in keys) is ("completed" in told or both)
    assert ("path" in keys) is ("path" in told or both)


@pytest.mark.django_db(transaction=True)
def test_the_command_of_the_page_prints_the_names_of_parts_and_then_the_parts(
    admin_client, live_server
):
    (command,) = re.findall(r"^\$ (.*)$", TEXT, re.MULTILINE)
    _, *words = shlex.split(command.replace("http://127.0.0.1:8000", live_server.url))
    session = f"sessionid={admin_client.cookies['sessionid'].value}"  # make demo signs readers in
    curl = [tools.program("curl"), *words, "--cookie", session]
    ran = subprocess.run(curl, capture_output=True, timeout=30, check=True)
    names, *parts = payloads_of(ran.stdout.decode())
    assert [edge["node"] for edge in names["data"]["dashboard"]["edges"]] == [
        {"name": "overview"},
        {"name": "todayStats"},
    ]
    arrived = [part["incremental"][0]["data"] for part in parts]
    assert [list(filter(data.get, data)) for data in arrived] == [["overview"], ["todayStats"]]


def test_the_error_of_a_pending_fragment_is_that_of_the_page():
    (told,) = (json.loads(one) for one in re.findall(r"^```json\n(.*?)^```$", TEXT, re.M | re.S))
    assert part_pending(told["path"]).formatted == told


def test_the_bound_of_the_page_is_the_default():
    (bound,) = re.findall(r"`MAX_DEFERRED` \((\d+)\)", TEXT)
    assert int(bound) == SETTINGS["MAX_DEFERRED"].default


def test_the_view_of_the_shop_has_the_query_of_its_editor_deferred(admin_client):
    query = (ROOT / "example_schema" / "dashboard.graphql").read_text()
    body = {"query": query, "variables": {"first": 2}}
    response = admin_client.post(
        "/graphql/",
        json.dumps(body),
        content_type="application/json",
        headers={"accept": "application/json, multipart/mixed"},
    )
    assert len(payloads_of(b"".join(response).decode())) == 3
