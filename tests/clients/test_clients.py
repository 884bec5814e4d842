"""The clients for front ends, run in Node.js against the live server."""

import pytest

pytestmark = pytest.mark.urls("tests.clients.urls")


def test_the_javascript_client_passes_its_vitest_tests(vitest):
    vitest("clients/js")


def test_the_graphql_clients_pass_their_vitest_tests(vitest):
    vitest("tests/clients")
