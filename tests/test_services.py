"""The messages about the services of the tests."""

from types import SimpleNamespace
from unittest import mock

import psycopg
import pytest

from tests import services, tools
from tests.conftest import pytest_report_header


@pytest.fixture(autouse=True)
def _max_connections(monkeypatch):
    monkeypatch.setattr(services, "_max_connections", [])


def connected(most, used):
    """A connection to a PostgreSQL with *used* connections of its *most*, that one included."""
    connection = mock.MagicMock()
    connection.__enter__.return_value.execute.return_value = SimpleNamespace(
        fetchone=lambda: (most, used)
    )
    return connection


def test_a_shortage_of_connections_names_max_connections_and_the_connections_in_use():
    with mock.patch("psycopg.connect", return_value=connected(100, 96)):
        assert "95 are in use (max_connections = 100)" in services.shortage_of_connections()


def test_six_connections_left_are_no_shortage():
    with mock.patch("psycopg.connect", return_value=connected(100, 95)):
        assert services.shortage_of_connections() is None


@pytest.mark.parametrize("refusal", services.REFUSALS)
def test_a_refused_connection_is_a_shortage_of_the_max_connections_known_before(refusal):
    with mock.patch("psycopg.connect", return_value=connected(100, 2)):
        assert services.shortage_of_connections() is None
    error = psycopg.OperationalError(f"connection failed: FATAL:  {refusal}")
    with mock.patch("psycopg.connect", side_effect=error):
        assert "all are in use (max_connections = 100)" in services.shortage_of_connections()


def test_a_server_that_is_not_there_has_no_shortage_of_connections():
    error = psycopg.OperationalError("connection failed: Connection refused")
    with mock.patch("psycopg.connect", side_effect=error):
        assert services.shortage_of_connections() is None


class TestTheHeaderOfARunOfAllTests:
    def header(self, source):
        return pytest_report_header(
            SimpleNamespace(args_source=source, ArgsSource=pytest.Config.ArgsSource)
        )

    def test_it_names_each_service_and_program_that_is_missing_and_how_to_get_it(self, monkeypatch):
        monkeypatch.setenv("PATH", "")
        monkeypatch.delenv("PARTSTREAM_CHROMIUM", raising=False)
        monkeypatch.setitem(
            services.LACKING, "redis", "needs redis at an address: docker run redis"
        )
        lines = self.header(pytest.Config.ArgsSource.TESTPATHS)
        assert "tests will be skipped: needs redis at an address: docker run redis" in lines
        for name in ("chromium", "curl", "node", "npm"):
            assert f"tests will be skipped: needs {name}: {tools.INSTALL[name]}" in lines

    def test_it_says_nothing_of_a_run_of_chosen_tests(self, monkeypatch):
        monkeypatch.setenv("PATH", "")
        assert self.header(pytest.Config.ArgsSource.ARGS) == []
