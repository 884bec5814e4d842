"""The page on traces names every span, metric and attribute, and its code does what it says."""

import re

import pytest

from tests.documentation import ROOT, block, folder_of, run_module
from tests.project import Project

PAGE = ROOT / "docs" / "tracing.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

SOURCE = (folder_of("django_partstream") / "telemetry.py").read_text()
FILTER = block(PAGE, "without_repeats")


def test_the_page_names_each_span_metric_and_attribute_and_no_other():
    pattern = r'["`]((?:partstream|code\.function|error)\.[a-z_.]+)["`]'
    assert set(re.findall(pattern, PAGE.read_text())) == set(re.findall(pattern, SOURCE))


def test_the_shop_of_the_page_prints_the_spans_of_its_parts(tmp_path):
    for package in ("graphene_django", "rest_framework", "opentelemetry.instrumentation.django"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    project = Project(tmp_path)
    try:
        (tmp_path / "shop").mkdir()
        project.save(block(PAGE, "# shop/apps.py"))
        project.make_shop()
        project.run("curl -sf http://127.0.0.1:8000/api/dashboard/")
        assert project.log.wait_for('"partstream.part.name": "orders"')
        assert project.log.wait_for('"name": "GET api/dashboard/"')
    finally:
        project.close()


def test_the_filter_for_sentry_leaves_out_what_the_log_has_reported(monkeypatch):
    graphql = pytest.importorskip("graphql", reason="needs the graphql extra")
    without_repeats = run_module(monkeypatch, FILTER, "shop_sentry").without_repeats
    logged = graphql.GraphQLError("", extensions={"code": "PART_FAILED", "reference": "3f2a9c1e"})
    located = graphql.GraphQLError("", original_error=logged)
    event = {"level": "error"}
    for exc in (logged, located):
        assert without_repeats(event, {"exc_info": (type(exc), exc, None)}) is None
    for exc in (graphql.GraphQLError(""), ValueError()):
        assert without_repeats(event, {"exc_info": (type(exc), exc, None)}) is event
    assert without_repeats(event, {}) is event
