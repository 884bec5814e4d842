"""The clients for front ends, run in Node.js against the live server."""

import json

import pytest

from tests.tools import ROOT, node_modules, npm

pytestmark = pytest.mark.urls("tests.clients.urls")


def test_the_javascript_client_passes_its_vitest_tests(vitest):
    vitest("clients/js")


def test_the_graphql_clients_pass_their_vitest_tests(vitest):
    vitest("tests/clients")


def test_all_audits_of_graphql_over_http_pass(live_server):
    folder = ROOT / "tests/clients"
    node_modules(folder)
    url = f"{live_server.url}/audited/"
    done = npm("run", "--silent", "audits", folder=folder, PARTSTREAM_GRAPHQL=url)
    counts, _, failures = done.stdout.partition("\n")
    assert (done.returncode, failures) == (0, "")
    assert json.loads(counts) == {"MUST": 13, "SHOULD": 23, "MAY": 25}
