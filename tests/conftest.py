"""Fixtures for all tests: views served at an address, and an empty cache for each test."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterator
from inspect import GEN_SUSPENDED as SUSPENDED
from inspect import getgeneratorstate, isgenerator
from types import ModuleType
from typing import Any

import pytest
from django.contrib.auth.management import create_permissions
from django.contrib.contenttypes.management import create_contenttypes
from django.core.cache import cache
from django.db import connections
from django.db.backends.postgresql.base import DatabaseOperations as PostgresOperations
from django.db.backends.sqlite3.base import DatabaseOperations as SQLiteOperations
from django.db.models.signals import post_migrate
from django.http import StreamingHttpResponse
from django.test import Client, TransactionTestCase
from django.urls import path
from hypothesis import settings as hypothesis_settings

from django_partstream.caching import health
from django_partstream.exceptions import PartPending
from tests import tools
from tests.properties import examples
from tests.services import LACKING, shortage_of_connections

if sys.version_info >= (3, 12):
    # snapshottest 0.6.0 loads its snapshots with `imp`, which Python 3.12 no longer has.
    from importlib.machinery import SourceFileLoader
    from importlib.util import module_from_spec, spec_from_file_location

    def _load_source(name: str, file: str) -> ModuleType:
        spec = spec_from_file_location(name, file, loader=SourceFileLoader(name, file))
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    sys.modules["imp"] = ModuleType("imp")
    sys.modules["imp"].load_source = _load_source

pytest_plugins = ["snapshottest.pytest"]

hypothesis_settings.register_profile("any machine", examples(100))
hypothesis_settings.load_profile("any machine")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that may use a database, the only ones that another database can change."""
    for item in items:
        fixtures = {*getattr(item, "fixturenames", ())}
        kind = getattr(item, "cls", None)
        if (
            item.get_closest_marker("django_db")
            or {"db", "live_server", "transactional_db"} & fixtures
            or (kind and issubclass(kind, TransactionTestCase))
        ):
            item.add_marker("database")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say before a run of all tests which services and programs some of them will lack."""
    if config.args_source is not config.ArgsSource.TESTPATHS:
        return []
    missing = [*LACKING.values(), *tools.missing()]
    return [f"tests will be skipped: {each}" for each in missing] or ["nothing is missing"]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs a missing service; in CI, fail it."""
    for service, why in LACKING.items():
        if item.get_closest_marker(service):
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say why tests failed that were run again, as ``.ci/run`` does."""
    for report in terminalreporter.stats.get("rerun", ()):
        terminalreporter.section(f"{report.nodeid} failed at first", sep="_")
        terminalreporter.write_line(report.longreprtext)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Begin the report of a failure with PostgreSQL's shortage of connections, if there is one."""
    report = yield
    on_postgres = (
        item.get_closest_marker("postgres")
        or os.environ.get("PARTSTREAM_TEST_DATABASE") == "postgres"
    )
    if report.failed and on_postgres and (shortage := shortage_of_connections()):
        report.sections.insert(0, ("PostgreSQL", shortage))
        summary = getattr(report.longrepr, "reprcrash", None)
        if summary is not None:
            summary.message = f"{shortage}\n{summary.message}"
    return report


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The spans and measurements of this test: :class:`tests.tracing.Traces`."""
    pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")
    from tests.tracing import tracing

    with tracing(monkeypatch) as made:
        yield made


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """
    Create the databases, and their content types and permissions only once.

    Django would create both anew in every database whenever a test has emptied them, which takes
    half the time of such a test. And it would empty PostgreSQL's by TRUNCATE, which writes a new
    file for each table, and takes fifty times as long as DELETE does for a few rows.
    """
    post_migrate.disconnect(create_contenttypes)
    post_migrate.disconnect(
        create_permissions, dispatch_uid="django.contrib.auth.management.create_permissions"
    )
    PostgresOperations.sql_flush = SQLiteOperations.sql_flush


@pytest.fixture(autouse=True)
def _own_cache() -> Iterator[None]:
    health.reset()
    cache.clear()
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def _same_connections() -> Iterator[None]:
    """Hold a test to the connections it began with: a session of others keeps its database."""
    before = {one.alias: one for one in connections.all(initialized_only=True)}
    yield
    after = {one.alias: one for one in connections.all(initialized_only=True)}
    assert before == {alias: one for alias, one in after.items() if alias in before}


@pytest.fixture(autouse=True)
def _finished_streams(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """
    Hold a test to the streams that it has begun to read: it closes them, or reads them to the end.

    Otherwise the garbage collector closes them later. That sets a context variable, and CPython
    3.11 crashes where the collector has interrupted the same.
    """
    iterators: list[Any] = []
    set_content = StreamingHttpResponse._set_streaming_content

    def noted(response: StreamingHttpResponse, value: Any) -> None:
        set_content(response, value)
        iterators.append(response._iterator)

    monkeypatch.setattr(StreamingHttpResponse, "_set_streaming_content", noted)
    yield
    begun = [one for one in iterators if isgenerator(one) and getgeneratorstate(one) == SUSPENDED]
    for one in begun:
        one.close()
    assert not begun


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have pending parts tried again without a wait."""
    monkeypatch.setattr(PartPending, "retry_after", 0.0)


@pytest.fixture
def serve(settings: Any, client: Client) -> Callable[..., Any]:
    """
    Serve views and return a client for them: ``serve(View)``, or ``serve(path(...), ...)``.

    A lone view is served at ``/``.
    """

    def served(*views: Any) -> Client:
        routes = [view if hasattr(view, "pattern") else path("", view.as_view()) for view in views]
        urls = ModuleType("served")
        urls.urlpatterns = routes
        settings.ROOT_URLCONF = urls
        return client

    return served


@pytest.fixture(
    params=[
        pytest.param(True, marks=pytest.mark.django_db, id="in a transaction"),
        pytest.param(False, marks=pytest.mark.django_db(transaction=True), id="outside"),
    ]
)
def transacted(request: pytest.FixtureRequest) -> None:
    """Both ways in which parts run. ``request.getfixturevalue()`` would be too late for that."""
    assert connections["default"].in_atomic_block is request.param


@pytest.fixture
def in_ci() -> bool:
    """Whether a missing service, browser or package is a failure rather than a skip."""
    return os.environ.get("CI") == "true"
