"""A page is put together from JSON texts, and is objects for code and renderers that want objects."""

import json
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from unittest import mock
from uuid import UUID

import pytest
from django.core.cache import cache
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_page
from djangorestframework_camel_case.render import CamelCaseJSONRenderer
from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from django_partstream import ProgressiveView, cached_for, lazy
from partstream_rest import values
from partstream_rest.pages import PageBody, PageResponse
from partstream_rest.values import JSONText

VALUES = {
    "text": "é\u2028</script>😀\n",
    "numbers": [0, -1, 2**63 - 1, -(2**63), 1.5, -0.0, 1e300, 0.1 + 0.2],
    "nothing": None,
    "nested": {"a": [{"b": []}], "": True},
    "rich": [datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), Decimal("1.50"), UUID(int=1)],
}
SENT = {**VALUES, "rich": ["2024-01-02T03:04:05.678901Z", 1.5, str(UUID(int=1))]}


class Samples(ProgressiveView):
    chunk_size = 3

    def get_parts(self):
        return [
            ("values", lazy(lambda request: VALUES)),
            ("fails", lazy(self.fail)),
            ("nothing \N{WHITE SMILING FACE}", None),
            ("more", 1),
        ]

    def fail(self, request):
        raise ValueError


@pytest.fixture(params=["orjson", "standard library"])
def encoder(request, monkeypatch):
    if request.param == "orjson":
        pytest.importorskip("orjson")
    else:
        monkeypatch.setattr(values, "orjson", None)
    return request.param


@pytest.fixture
def no_objects(monkeypatch):
    """Fail a test in which a text is decoded."""
    monkeypatch.setattr(PageBody, "objects", mock.Mock(side_effect=AssertionError))


def rendered_by_drf(response):
    """The text of DRF's renderer for the objects of *response*."""
    return JSONRenderer().render(response.data)


@pytest.mark.usefixtures("no_objects")
def test_a_page_is_sent_without_being_decoded(serve, encoder):
    response = serve(Samples).get("/")
    assert response["Content-Type"] == "application/json"
    page = response.json()
    assert list(page) == ["results", "cursor", "meta", "errors"]
    assert page["results"] == [{"values": SENT}, {"fails": None}, {"nothing ☺": None}]
    assert response.content.splitlines() == [response.content]


@pytest.mark.parametrize(
    "parts",
    [None, [], [("a", 1)], [("a", None), ('\N{WHITE SMILING FACE} "quoted"', [])]],
    ids=["many kinds", "no part", "one part", "names"],
)
def test_a_page_is_the_text_that_drf_renders_for_its_objects(serve, monkeypatch, parts):
    monkeypatch.setattr(values, "orjson", None)
    view = type("View", (Samples,), {} if parts is None else {"get_parts": lambda self: parts})
    response = serve(view).get("/")
    assert response.content == rendered_by_drf(response)


def test_a_page_of_orjson_is_the_same_json_as_drf_renders(serve, encoder):
    response = serve(Samples).get("/")
    assert response.json() == json.loads(rendered_by_drf(response))
    assert b"\\u2028" in response.content
    assert "\u2028" not in response.content.decode()


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("ensure_ascii", True),  # UNICODE_JSON = False
        ("compact", False),  # COMPACT_JSON = False
        ("charset", "utf-8"),
        ("encoder_class", type("Own", (JSONEncoder,), {})),
    ],
)
def test_settings_of_drfs_renderer_are_obeyed(serve, encoder, monkeypatch, attribute, value):
    monkeypatch.setattr(JSONRenderer, attribute, value)
    response = serve(Samples).get("/")
    assert response.content == rendered_by_drf(response)
    assert response.json()["results"][0] == {"values": SENT}
    assert response.content.isascii() is (attribute == "ensure_ascii")
    assert (b": " in response.content) is (attribute == "compact")
    assert response["Content-Type"].endswith("charset=utf-8") is (attribute == "charset")


@pytest.mark.usefixtures("no_objects")
@pytest.mark.parametrize("parameter", ["indent=0", "charset=utf-8", "indent=x"])
def test_a_parameter_of_the_media_type_that_is_no_indent_changes_nothing(serve, encoder, parameter):
    plain = serve(OneRow).get("/")
    asked = serve(OneRow).get("/", headers={"accept": f"application/json; {parameter}"})
    assert asked.content == plain.content


class Name(str, Enum):  # noqa: UP042 - a StrEnum is text as it is
    FIRST = "first"
    SECOND = "second"


class Title(str):
    __slots__ = ()

    def __str__(self):
        return f"Title {super().__str__()}"


def test_names_that_are_enums_or_other_text_are_what_they_equal(serve, encoder):
    class View(ProgressiveView):
        chunk_size = 3

        def get_parts(self):
            return [
                (Name.FIRST, 1),
                (Title("title"), 2),
                (Name.SECOND, lazy(lambda request: 1 / 0)),
            ]

    response = serve(View).get("/")
    page = response.json()
    assert page["results"] == [{"first": 1}, {"title": 2}, {"second": None}]
    assert page["errors"][0]["part"] == "second"


class OneRow(ProgressiveView):
    def get_parts(self):
        return [("row", {"a": 1})]


def test_an_indent_of_the_renderer_context_is_obeyed(serve, encoder):
    class Indented(OneRow):
        def get_renderer_context(self):
            return {**super().get_renderer_context(), "indent": 2}

    assert b'\n  "results"' in serve(Indented).get("/").content


def test_a_page_asked_for_with_indent_is_rendered_by_drf(serve, encoder):
    response = serve(Samples).get("/", headers={"accept": "application/json; indent=4"})
    assert response.json()["results"][0] == {"values": SENT}
    assert b'\n    "results"' in response.content


class CamelCase(Samples):
    renderer_classes = [CamelCaseJSONRenderer]


def test_a_renderer_that_renames_keys_gets_objects(serve, encoder):
    page = serve(CamelCase).get("/").json()
    assert page["meta"] == {"totalParts": 4, "currentChunkSize": 3, "hasMore": True}
    assert page["results"][0] == {"values": SENT}


class Kinds(BaseRenderer):
    media_type, format = "text/kinds", "kinds"

    def render(self, data, accepted_media_type=None, renderer_context=None):
        return f"{type(data).__name__} {data['results'][0]['values']['rich']}"


def test_a_renderer_of_another_format_gets_plain_objects(serve, encoder):
    class View(Samples):
        renderer_classes = [JSONRenderer, Kinds]

    response = serve(View).get("/", headers={"accept": "text/kinds"})
    assert response.content.decode() == f"dict {SENT['rich']}"


def test_the_browsable_api_shows_the_page(serve, encoder):
    class View(Samples):
        renderer_classes = [JSONRenderer, BrowsableAPIRenderer]

    shown = serve(View).get("/", headers={"accept": "text/html"}).content.decode()
    assert "2024-01-02T03:04:05.678901Z" in shown


def test_the_data_of_a_response_in_a_test_are_objects(serve, encoder):
    response = serve(Samples).get("/")
    assert response.data == response.json()
    assert response.data is response.data


class TestFinalizeResponse:
    """The objects count as soon as they are asked for."""

    def ask(self, serve, change):
        class View(Samples):
            def finalize_response(self, *args, **kwargs):
                response = super().finalize_response(*args, **kwargs)
                change(response)
                return response

        return serve(View).get("/").json()

    def test_data_that_are_replaced_are_sent(self, serve, encoder):
        def change(response):
            response.data = {**response.data, "served": datetime(2024, 1, 2, tzinfo=UTC)}

        page = self.ask(serve, change)
        assert page["served"] == "2024-01-02T00:00:00Z"
        assert page["results"][0] == {"values": SENT}

    def test_data_that_are_changed_in_place_are_sent(self, serve, encoder):
        def change(response):
            response.data["results"][0]["values"]["text"] = "changed"
            del response.data["errors"]

        page = self.ask(serve, change)
        assert page["results"][0]["values"] == {**SENT, "text": "changed"}
        assert "errors" not in page

    def test_a_part_that_is_taken_away_is_not_sent(self, serve, encoder):
        page = self.ask(serve, lambda response: response.data["results"].clear())
        assert page["results"] == []


def test_any_other_response_of_the_view_is_rendered_by_drf(serve, encoder):
    class View(Samples):
        def post(self, request):
            return Response({"at": date(2024, 1, 2), "large": 2**80})

    client = serve(View)
    assert client.post("/").json() == {"at": "2024-01-02", "large": 2**80}
    assert client.get("/?cursor=garbage").json()["code"] == "invalid_cursor"
    assert client.head("/").content == b""
    assert [type(one) for one in View().get_renderers()] == [JSONRenderer, BrowsableAPIRenderer]


def test_a_page_in_djangos_page_cache_is_served_again(serve, encoder):
    @method_decorator(cache_page(60), name="dispatch")
    class View(Samples):
        def get_parts(self):
            return [("at", lazy(lambda request: time.perf_counter()))]

    client = serve(View)
    first = client.get("/")
    assert client.get("/").content == first.content
    assert client.get("/").data == first.json()


def test_a_page_that_an_older_release_left_in_a_cache_has_its_data(serve):
    page = serve(OneRow).get("/")
    old = PageResponse.__new__(PageResponse)  # as unpickling does
    vars(old).update(page.__getstate__(), data={"results": []})
    del vars(old)["_body"]
    assert old.data == {"results": []}
    assert old.content == page.content


def test_a_text_that_a_cache_gave_back_as_mere_bytes_is_sent_in_any_format():
    """As a cache does that serializes with msgpack."""
    body = PageBody([("a", b"[1]")], {"cursor": None})
    assert json.loads(body.text()) == body.objects() == {"results": [{"a": [1]}], "cursor": None}


class TestCachedTexts:
    class View(ProgressiveView):
        def get_parts(self):
            return [("rows", lazy(self.get_rows)), ("none", lazy(self.get_none))]

        @cached_for(60)
        def get_rows(self, request):
            return {1: Decimal("1.50")}

        @cached_for(60)
        def get_none(self, request):
            return None

    @pytest.mark.usefixtures("no_objects")
    def test_a_cached_value_is_neither_encoded_nor_decoded_again(self, serve, encoder):
        client = serve(self.View)
        first = client.get("/").json()
        assert first["results"] == [{"rows": {"1": 1.5}}, {"none": None}]
        with mock.patch.object(values, "_encoded", side_effect=AssertionError):
            assert client.get("/").json() == first
        (kept,) = [
            value for value, *_ in map(cache.get, list_keys()) if isinstance(value, JSONText)
        ]
        assert kept == b'{"1":1.5}'

    def test_a_text_of_another_encoder_is_another_value(self, serve, monkeypatch):
        class Exact(JSONEncoder):
            def default(self, obj):
                return str(obj) if isinstance(obj, Decimal) else super().default(obj)

        client = serve(self.View)
        own = type("Own", (JSONRenderer,), {"encoder_class": Exact})
        assert client.get("/").json()["results"][0] == {"rows": {"1": 1.5}}
        monkeypatch.setattr(self.View, "renderer_classes", [own])
        assert client.get("/").json()["results"][0] == {"rows": {"1": "1.50"}}


def list_keys():
    """The keys of the values that ``cached_for`` keeps, without the prefix of Django's cache."""
    keys = [key.partition(":1:")[2] for key in cache._cache]
    return [key for key in keys if isinstance(cache.get(key), tuple)]
