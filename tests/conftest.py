"""Fixtures for all tests: views served at an address, and an empty cache for each test."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import path

from django_partstream.caching import health
from tests.services import LACKING

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


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs a missing service; in CI, fail it."""
    for service, why in LACKING.items():
        if item.get_closest_marker(service):
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)


@pytest.fixture(autouse=True)
def _own_cache() -> Iterator[None]:
    health.reset()
    cache.clear()
    yield
    cache.clear()


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


@pytest.fixture
def in_ci() -> bool:
    """Whether a missing service, browser or package is a failure rather than a skip."""
    return os.environ.get("CI") == "true"
