"""Unusual addresses of pages: in Link headers, with appended cursors, and in cursors."""

import pytest
from django.urls import path, re_path, register_converter
from django.urls.converters import get_converters
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.response import Response
from rest_framework.versioning import QueryParameterVersioning
from rest_framework.views import exception_handler

from django_partstream import ProgressiveView
from django_partstream.cursors import read
from tests.masking import claims
from tests.properties import examples


class Three(ProgressiveView):
    chunk_size = 1

    def get_parts(self):
        return [(name, dict(self.request.GET.lists())) for name in "abc"]


def linked(response):
    """The address in a page's Link header."""
    address, _, relation = response["Link"].partition(">; ")
    assert relation == 'rel="next"'
    return address.removeprefix("<")


@pytest.mark.parametrize(
    "address",
    [
        "/?q=why?",
        "/?q=why?&r=1",
        "/a%3Fb/",
        "/50%2525/",
        "/a%23b/?q=%23",
        "/caf%C3%A9/?q=%C3%A9",
        "/a%20b/",
        "/a;b=c/",
    ],
)
def test_the_link_header_of_a_page_leads_to_the_next_page(serve, address):
    client = serve(re_path(r"^.*$", Three.as_view()))
    first = client.get(address)
    names = list(first.json()["results"][0])
    while "Link" in (page := client.get(linked(first))):
        names += page.json()["results"][0]
        assert page.json()["results"][0] != first.json()["results"][0]
        assert page.request["PATH_INFO"] == first.request["PATH_INFO"]
        first = page
    names += page.json()["results"][0]
    assert names == ["a", "b", "c"]
    assert page.json()["results"][0]["c"] == client.get(address).json()["results"][0]["a"]


@pytest.mark.parametrize("query", ["precursor=1", "a=cursor=1", "?cursor="])
def test_a_parameter_that_only_looks_like_a_cursor_asks_for_the_first_page(serve, query):
    page = serve(Three).get(f"/?{query}").json()
    assert [list(part) for part in page["results"]] == [["a"]]
    cursor = page["cursor"]
    assert serve(Three).get(f"/?cursor={cursor}").json()["results"] == [
        {"b": page["results"][0]["a"]}
    ]


@pytest.mark.parametrize(("factory", "raw"), [("rf", "\xe6\x97\xa5"), ("async_rf", "日")])
def test_a_cursor_behind_a_second_question_mark_is_followed_beside_raw_text(request, factory, raw):
    """WSGI has the octets of a query string as Latin-1 (PEP 3333), Django's ASGI has its text."""

    def page(query):
        asked = request.getfixturevalue(factory).get("/")
        asked.META["QUERY_STRING"] = query
        return Three.as_view()(asked).data

    cursor = page("q=1")["cursor"]
    following = page(f"text={raw}?cursor={cursor}")
    assert following["results"] == [{"b": {"q": ["1"], "text": ["日"]}}]


@pytest.mark.parametrize("asked", ["//evil.example/x", "///evil.example", "/\\evil.example/"])
def test_the_link_header_never_leads_to_another_host(serve, asked):
    response = serve(re_path(r"^.*$", Three.as_view())).get("/", PATH_INFO=asked)
    assert linked(response).startswith("http://testserver/")


class TestAnAppendedCursor:
    def test_an_appended_cursor_may_be_followed_by_more_parameters(self, serve):
        client = serve(Three)
        cursor = client.get("/?a=1").json()["cursor"]
        page = client.get(f"/?a=1?cursor={cursor}&_=123").json()
        assert page["results"] == [{"b": {"a": ["1"], "_": ["123"]}}]

    @pytest.mark.parametrize("encode", ["latin-1", "utf-8"])
    def test_an_appended_cursor_may_stand_after_raw_utf_8(self, serve, encode):
        query = "q=é"
        if encode == "latin-1":
            query = query.encode().decode("latin-1")  # the form in WSGI, PEP 3333
        client = serve(Three)
        page = client.get("/", QUERY_STRING=query).json()
        assert page["results"] == [{"a": {"q": ["é"]}}]
        page = client.get("/", QUERY_STRING=f"{query}?cursor={page['cursor']}").json()
        assert page["results"] == [{"b": {"q": ["é"]}}]

    @pytest.mark.parametrize("query", ["cursor={0}&a=1?cursor={0}", "a=1?cursor={0}?cursor={0}"])
    def test_an_appended_cursor_beside_another_cursor_is_refused(self, serve, query):
        client = serve(Three)
        cursor = client.get("/?a=1").json()["cursor"]
        response = client.get(f"/?{query.format(cursor)}")
        assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor")


class TestCredentials:
    @pytest.mark.parametrize("name", ["Token", "API_KEY", "Password", "aCCess_token"])
    def test_credentials_are_left_out_of_cursors_in_upper_and_lower_case(self, serve, name):
        page = serve(Three).get(f"/?{name}=s3cret&a=1").json()
        assert claims(page["cursor"])["q"] == "a=1"

    @pytest.mark.parametrize("excluded", ["sso_ticket", ""])
    def test_cursor_exclude_params_as_a_str_is_refused_naming_the_class(self, excluded):
        with pytest.raises(TypeError, match=r"View\.cursor_exclude_params is the str"):
            type("View", (Three,), {"cursor_exclude_params": excluded})

    @pytest.mark.parametrize("excluded", ["sso_ticket", ""])
    def test_cursor_exclude_params_as_a_str_is_refused_in_as_view(self, serve, excluded):
        view = Three.as_view(cursor_exclude_params=excluded)
        with pytest.raises(TypeError, match=r"Three\.cursor_exclude_params is the str"):
            serve(path("", view)).get("/")


@examples(30)
@given(st.integers(600, 2100), st.lists(st.integers(1, 255), min_size=2, max_size=4, unique=True))
def test_a_query_string_is_carried_by_every_cursor_of_a_walk_or_by_none(serve, length, sizes):
    class Named(Three):
        def get_parts(self):
            return [("n" * size, 1) for size in sizes]

    client, carried = serve(Named), set()
    address = f"/?q={'x' * (length - 2)}"
    page = client.get(address).json()
    while page["cursor"]:
        carried.add(bool(read(page["cursor"]).query))
        page = client.get(f"{address}&cursor={page['cursor']}").json()
    assert carried == {length <= 768}


class Place:
    """An object without a text of its own, made by a URL converter."""

    def __init__(self, value):
        self.value = value


class PlaceConverter:
    regex = "[0-9]+"

    def to_python(self, value):
        return Place(value)

    def to_url(self, value):
        return value.value


@pytest.fixture
def _places():
    register_converter(PlaceConverter, "place")
    yield
    from django.urls import converters

    del converters.REGISTERED_CONVERTERS["place"]
    get_converters.cache_clear()


@pytest.mark.usefixtures("_places")
def test_a_cursor_is_followed_where_a_url_argument_is_an_object_without_text(serve):
    client = serve(path("<place:place>/", Three.as_view()))
    cursor = client.get("/1/").json()["cursor"]
    kept = [
        Place(number) for number in range(50)
    ]  # so that the next object has another address in memory
    assert client.get(f"/1/?cursor={cursor}").json()["results"] == [{"b": {}}]
    assert len(kept) == 50


def test_a_post_to_a_subclass_does_not_read_its_cursor_parameter(serve):
    class Posting(Three):
        def post(self, request):
            return Response(request.query_params)

    client = serve(Posting)
    cursor = client.get("/?a=1").json()["cursor"]
    for given_cursor in (cursor, "garbage"):
        assert client.post(f"/?cursor={given_cursor}").json() == {"cursor": given_cursor}


def telling_the_version(exc, context):
    response = exception_handler(exc, context)
    response.data = {"version": context["request"].version, **response.data}
    return response


@pytest.mark.parametrize("versioning", [None, QueryParameterVersioning])
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_an_exception_handler_can_read_the_version_of_a_request_with_a_bad_cursor(
    serve, settings, versioning, accept
):
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "EXCEPTION_HANDLER": f"{__name__}.telling_the_version",
    }
    client = serve(type("View", (Three,), {"versioning_class": versioning}))
    response = client.get("/?cursor=bad&version=1", headers={"accept": accept})
    assert response.status_code == 400
    assert b"invalid_cursor" in response.content
