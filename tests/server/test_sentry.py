"""Sentry gets one event for a failure, by whichever of its integrations it might hear of it."""

from functools import partial
from urllib.parse import urlencode

import pytest

from tests.graphql.multipart import SHAPES
from tests.server.streaming import StreamClient, address_of

pytest.importorskip("sentry_sdk", reason="sentry-sdk is not installed")


@pytest.fixture(scope="module", params=["gthread", "uvicorn"])
def server(request, start_for_module):
    one_process = {"gthread": ["--workers=1"]}
    return start_for_module(
        request.param, *one_process.get(request.param, []), SITE_OBSERVED="sentry"
    )


@pytest.fixture
def reports_of(server):
    """The events of Sentry for a request: ``reports_of(address, headers)``."""

    def reported(address, headers):
        server.settled()
        before = len(server.events.of("report", "sentry"))
        with StreamClient(server).stream("GET", address, headers=headers) as response:
            assert response.status_code == 200
            response.read()
        server.settled()
        return server.events.of("report", "sentry")[before:]

    return reported


def page(names, *, together=False):
    return address_of(names, together=together), {}


def stream(names):
    return address_of(names), {"Accept": "text/event-stream"}


def query(names, *, view="graphql", field="board", more="", accept="application/json"):
    selected = names.replace(",", " ")
    text = f"{{ {field}(first: 9) {{ edges {{ node {{ {more} {selected} }} }} }} }}"
    return f"/{view}/?{urlencode({'query': text})}", {"Accept": accept}


def deferred(names):
    names = f"... @defer {{ {names} }}"
    return query(names, more="name", field="together", accept=SHAPES["both"])


ASKED = {
    "page": page,
    "page in threads": partial(page, together=True),
    "stream": stream,
    "GraphQL": query,
    "GraphQL in threads": partial(query, field="together"),
    "GraphQL with errors as data": partial(query, more="error { code }"),
    "GraphQL with @defer": deferred,
    "schema.execute()": partial(query, view="executed"),
}

each_way = pytest.mark.parametrize("ask", ASKED.values(), ids=list(ASKED))


@each_way
@pytest.mark.parametrize("part", ["failing", "failing_async"])
def test_a_failure_of_a_part_is_one_event(reports_of, ask, part):
    (report,) = reports_of(*ask(part))
    assert (report["exceptions"], report["logger"]) == (["ConnectionError"], "django_partstream")
    assert (report["extra"]["part"], report["level"]) == (part, "error")
    assert report["url"].startswith("http://site.test/")


@each_way
def test_failures_of_several_parts_are_an_event_each(reports_of, ask):
    reports = reports_of(*ask("failing,fast,failing_too"))
    assert sorted(report["extra"]["part"] for report in reports) == ["failing", "failing_too"]


@each_way
def test_a_timeout_is_one_event(reports_of, ask):
    (report,) = reports_of(*ask("hangs_in_sql"))
    assert (report["exceptions"], report["extra"]["part"]) == (["PartTimeout"], "hangs_in_sql")


@each_way
@pytest.mark.parametrize("part", ["safe", "denied"])
def test_a_fallback_or_a_denial_is_no_event(reports_of, ask, part):
    assert reports_of(*ask(part)) == []


def test_what_led_to_a_failure_has_the_fallbacks_before_it(reports_of):
    (report,) = reports_of(*page("safe,hangs_in_sql"))
    assert [crumb.partition(" of ")[0] for crumb in report["crumbs"]] == ["Part 'safe'"]


def test_a_failure_of_a_field_that_is_no_part_is_one_event_where_graphene_executes(reports_of):
    (report,) = reports_of(f"/executed/?{urlencode({'query': '{ failing }'})}", {})
    assert report["exceptions"] == ["GraphQLError"]
