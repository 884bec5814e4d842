"""The clients that front ends use, each in Node.js against the live server."""

import pytest

pytestmark = pytest.mark.urls("tests.clients.urls")


def test_the_javascript_client(vitest):
    vitest("clients/js")


def test_the_graphql_clients(vitest):
    vitest("tests/clients")
