"""A response is equal JSON with and without orjson."""

import json
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from django.http import QueryDict
from django.utils.translation import gettext_lazy
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.response import Response

from django_partstream import ProgressiveView, lazy
from partstream_rest import renderers

orjson = pytest.importorskip("orjson")

WORTHS = {
    "text": "é\u2028</script>😀",
    "numbers": [0, -1, 2**63 - 1, -(2**63), 1.5, -0.0, 1e300, 0.1 + 0.2],
    "nothing": None,
    "nested": {"a": [{"b": []}], "": True},
}


class Worths(ProgressiveView):
    chunk_size = 1

    def get_parts(self):
        return [("worths", lazy(lambda request: WORTHS)), ("fails", lazy(self.fail))]

    def fail(self, request):
        raise ValueError

    def post(self, request):
        return Response(POSTED[request.query_params["what"]])


POSTED = {
    "dates": [date(2024, 1, 2), datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)],
    "lazy": {"detail": gettext_lazy("Not found.")},
    "query": QueryDict("a=1&a=2"),
    "decimal": Decimal("1.50"),
    "uuid": UUID(int=1),
    "large": 2**80,
    "nothing": None,
}


@pytest.fixture
def both(serve, monkeypatch):
    """Ask twice in one moment: ``both(ask)`` returns the responses with and without orjson."""
    moment = time.time()  # the cursors of two moments differ
    monkeypatch.setattr("time.time", lambda: moment)

    def asked(ask, view=Worths):
        client = serve(view)
        with_it = ask(client)
        with monkeypatch.context() as patch:
            patch.setattr(renderers, "orjson", None)
            return with_it, ask(client)

    return asked


def test_a_page_is_equal_json_with_and_without_orjson(both):
    ours, theirs = both(lambda client: client.get("/"))
    assert ours["Content-Type"] == theirs["Content-Type"] == "application/json"
    assert ours.json()["results"] == theirs.json()["results"] == [{"worths": WORTHS}]
    assert ours.content != theirs.content  # two different renderers wrote them


@pytest.mark.parametrize("what", POSTED)
def test_any_other_response_of_the_view_is_equal_json_with_and_without_orjson(both, what):
    ours, theirs = both(lambda client: client.post(f"/?what={what}"))
    assert ours.content == theirs.content or ours.json() == theirs.json()


def test_an_error_of_the_request_is_equal_json_with_and_without_orjson(both):
    ours, theirs = both(lambda client: client.get("/?cursor=garbage"))
    assert ours.status_code == theirs.status_code == 400
    assert ours.json() == theirs.json()


def test_a_page_asked_for_with_indent_is_rendered_by_drf(both):
    ours, theirs = both(
        lambda client: client.get("/", headers={"accept": "application/json; indent=4"})
    )
    assert [json.loads(one.content)["results"] for one in (ours, theirs)] == [
        [{"worths": WORTHS}]
    ] * 2
    assert b'\n    "results"' in ours.content


class Own(JSONRenderer):
    """A JSON renderer of the project's own."""


class WithADate(Worths):
    def finalize_response(self, *args, **kwargs):
        response = super().finalize_response(*args, **kwargs)
        response.data = {**response.data, "served": datetime(2024, 1, 2, tzinfo=UTC)}
        return response


def test_a_page_with_an_added_datetime_is_equal_with_and_without_orjson(both):
    ours, theirs = both(lambda client: client.get("/"), WithADate)
    assert ours.content == theirs.content
    assert ours.json()["served"] == "2024-01-02T00:00:00Z"


class NotANumber(Worths):
    def post(self, request):
        return Response({"value": float("nan")})


def test_a_value_that_drf_refuses_is_refused_with_orjson_too(both):
    for _ in range(2):
        with pytest.raises(ValueError, match="not JSON compliant"):
            both(lambda client: client.post("/"), NotANumber)


def test_only_drfs_own_json_renderer_is_replaced_by_orjson():
    view = Worths()
    assert [type(one) for one in view.get_renderers()] == [
        renderers.ORJSONRenderer,
        BrowsableAPIRenderer,
    ]
    view.renderer_classes = [Own]
    assert [type(one) for one in view.get_renderers()] == [Own]
