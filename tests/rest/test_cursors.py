"""Cursors sent by clients: followed, refused, and carrying the first request's query string."""

from unittest import mock

import jwt
import pytest
from django.contrib.auth.models import User
from django.urls import path
from rest_framework.authentication import (
    BaseAuthentication,
    BasicAuthentication,
    SessionAuthentication,
)
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.versioning import QueryParameterVersioning

from django_partstream import ProgressiveView, lazy
from django_partstream.testing import expired, walk


class Four(ProgressiveView):
    names = ["a", "b", "c", "d"]

    def get_parts(self):
        return [(name, lazy(self.seen)) for name in self.names]

    def seen(self, request):
        return dict(request.query_params.lists())


class Other(Four):
    pass


REFUSED = {
    "detail": "This cursor is not valid here. Start again without a cursor.",
    "code": "invalid_cursor",
}


def test_an_expired_cursor_is_410_with_the_code_cursor_expired(serve):
    client = serve(Four)
    cursor = client.get("/").json()["cursor"]
    response = client.get(f"/?cursor={expired(cursor)}")
    assert response.status_code == 410
    assert response.json() == {
        "detail": "This cursor has expired. Start again without a cursor.",
        "code": "cursor_expired",
    }


def test_the_lifetime_of_a_cursor_begins_with_the_page_that_issued_it(serve):
    client = serve(type("Short", (Four,), {"cursor_ttl": 60, "chunk_size": 1}))
    with mock.patch("time.time", return_value=1000.0):
        first = client.get("/").json()["cursor"]
    with mock.patch("time.time", return_value=1059.0):
        second = client.get(f"/?cursor={first}").json()["cursor"]
    with mock.patch("time.time", return_value=1118.0):
        assert client.get(f"/?cursor={first}").status_code == 410
        assert client.get(f"/?cursor={second}").status_code == 200


def test_a_cursor_that_names_a_part_that_is_gone_is_410_cursor_stale(serve):
    client = serve(Four)
    cursor = client.get("/").json()["cursor"]
    with mock.patch.object(Four, "names", ["a", "c", "d"]):
        response = client.get(f"/?cursor={cursor}")
    assert response.status_code == 410
    assert response.json()["code"] == "cursor_stale"
    assert "b" not in response.json()["detail"].split()


def test_a_cursor_is_followed_after_other_parts_came_and_went(serve):
    client = serve(Four)
    cursor = client.get("/").json()["cursor"]
    with mock.patch.object(Four, "names", ["new", "b", "c", "newer", "d"]):
        page = client.get(f"/?cursor={cursor}").json()
    assert [name for result in page["results"] for name in result] == ["c", "newer"]


@pytest.mark.parametrize(
    "forge",
    [
        lambda token: "garbage",
        lambda token: token[:-1],
        lambda token: token.replace("eyJ", "eyK", 1),
        lambda token: token.swapcase(),
        lambda token: jwt.encode({"p": "b", "n": 1}, None, "none"),
        lambda token: f"{token}&cursor={token}",
        lambda token: f"{token}&cursor=",
        lambda token: token + "A" * 3000,
        lambda token: "%00",
        lambda token: "%F0%9F%92%A9",
        lambda token: "<script>",
    ],
)
def test_an_invalid_cursor_is_400_with_the_same_message_and_never_echoed(serve, forge):
    client = serve(Four)
    response = client.get(f"/?cursor={forge(client.get('/').json()['cursor'])}")
    assert (response.status_code, response.json()) == (400, REFUSED)


def test_a_cursor_signed_with_the_secret_key_itself_is_refused(serve, settings):
    claims = {"v": 1, "k": "x", "exp": 2**33, "p": "b", "n": 1}
    token = jwt.encode(claims, settings.SECRET_KEY, "HS256", sort_headers=False)
    assert serve(Four).get(f"/?cursor={token}").json() == REFUSED


def test_a_cursor_of_one_view_does_not_open_another(serve):
    client = serve(path("four/", Four.as_view()), path("other/", Other.as_view()))
    cursor = client.get("/four/").json()["cursor"]
    assert client.get(f"/other/?cursor={cursor}").json() == REFUSED


@pytest.mark.django_db
def test_a_cursor_of_one_user_does_not_serve_another_user(serve, client):
    ann, bob = User.objects.create_user("ann"), User.objects.create_user("bob")
    serve(Four)
    client.force_login(ann)
    cursor = client.get("/").json()["cursor"]
    assert client.get(f"/?cursor={cursor}").status_code == 200
    client.force_login(bob)
    assert client.get(f"/?cursor={cursor}").json() == REFUSED
    client.logout()
    assert client.get(f"/?cursor={cursor}").json() == REFUSED


def test_secret_keys_can_be_rotated_in_the_middle_of_a_walk(serve, settings):
    client = serve(Four)
    cursor = client.get("/").json()["cursor"]
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-" + "k" * 50
    assert client.get(f"/?cursor={cursor}").json()["results"] == [{"c": {}}, {"d": {}}]


class TestTheQueryString:
    def test_a_cursor_carries_the_query_string_of_the_first_request(self, serve):
        walked = walk(serve(Four), "/?a=1&b=2&b=3&empty=&%C3%BC=%C3%A9")
        assert walked.parts["d"] == {"a": ["1"], "b": ["2", "3"], "empty": [""], "ü": ["é"]}

    def test_a_parameter_of_the_request_wins_over_the_carried_parameter_of_its_name(self, serve):
        client = serve(Four)
        cursor = client.get("/?a=1&b=2").json()["cursor"]
        page = client.get(f"/?a=9&a=8&cursor={cursor}").json()
        assert page["results"][0] == {"c": {"a": ["9", "8"], "b": ["2"]}}

    def test_the_cursor_itself_is_not_carried_as_a_parameter(self, serve):
        assert walk(serve(Four), "/").parts["d"] == {}

    def test_a_cursor_appended_to_a_query_with_a_question_mark_is_read(self, serve):
        client = serve(Four)
        cursor = client.get("/?a=1").json()["cursor"]
        page = client.get(f"/?a=1?cursor={cursor}").json()
        assert page["results"] == [{"c": {"a": ["1"]}}, {"d": {"a": ["1"]}}]
        bad = client.get("/?a=1?cursor=garbage")
        assert (bad.status_code, bad.json()) == (400, REFUSED)

    def test_a_parameter_without_a_value_may_stand_before_an_appended_cursor(self, serve):
        client = serve(Four)
        cursor = client.get("/?debug").json()["cursor"]
        page = client.get(f"/?debug?cursor={cursor}").json()
        assert page["results"][0] == {"c": {"debug": [""]}}

    def test_credentials_are_never_carried_by_a_cursor(self, serve):
        secrets = ["token", "access_token", "api_key", "key", "signature", "password"]
        query = "&".join(f"{name}=s3cret" for name in secrets)
        walked = walk(serve(Four), f"/?a=1&{query}")
        assert walked.parts["d"] == {"a": ["1"]}

    def test_a_view_names_its_credentials_in_cursor_exclude_params(self, serve):
        view = type("View", (Four,), {"cursor_exclude_params": {"pin"}})
        assert walk(serve(view), "/?pin=1&token=2").parts["d"] == {"token": ["2"]}

    def test_the_meta_query_string_for_page_caches_stays_unchanged(self, serve):
        seen = []

        class View(Four):
            def seen(self, request):
                seen.append(request.META["QUERY_STRING"])

        client = serve(View)
        cursor = client.get("/?a=1").json()["cursor"]
        client.get(f"/?cursor={cursor}")
        assert seen == ["a=1", "a=1", f"cursor={cursor}", f"cursor={cursor}"]

    def test_a_query_string_too_long_for_a_cursor_must_be_repeated(self, serve):
        client = serve(Four)
        long = "q=" + "x" * 3000
        cursor = client.get(f"/?{long}").json()["cursor"]
        assert len(cursor) < 2048
        refused = client.get(f"/?cursor={cursor}")
        assert refused.status_code == 400
        assert refused.json()["code"] == "query_required"
        assert client.get(f"/?{long}y&cursor={cursor}").json()["code"] == "query_required"
        assert client.get(f"/?{long}&cursor={cursor}").json()["results"][1] == {
            "d": {"q": ["x" * 3000]}
        }

    def test_the_carried_query_string_is_restored_before_versioning(self, serve):
        class View(Four):
            versioning_class = QueryParameterVersioning

            def seen(self, request):
                return request.version

        assert walk(serve(View), "/?version=v2").parts["d"] == "v2"


class ByQuery(BaseAuthentication):
    """Authenticate ``?token=ann`` as ann, which a parameter inside a cursor must never do."""

    def authenticate(self, request):
        name = request.query_params.get("token") or request.query_params.get("ticket")
        if name == "bad":
            raise AuthenticationFailed
        return (User(pk=len(name), username=name), name) if name else None


class TestAuthority:
    @pytest.mark.parametrize("parameter", ["token", "ticket"])
    def test_a_credential_never_authenticates_from_inside_a_cursor(self, serve, parameter):
        client = serve(type("View", (Four,), {"authentication_classes": [ByQuery]}))
        cursor = client.get(f"/?{parameter}=ann").json()["cursor"]
        assert client.get(f"/?cursor={cursor}").json() == REFUSED
        assert client.get(f"/?cursor={cursor}&{parameter}=ann").status_code == 200

    def test_a_failed_login_on_a_cursor_page_is_403(self, serve):
        client = serve(type("View", (Four,), {"authentication_classes": [ByQuery]}))
        cursor = client.get("/").json()["cursor"]
        assert client.get(f"/?cursor={cursor}&token=bad").status_code == 403


class TestAReaderWithoutAccess:
    """A reader who may not have the response is told so before the cursor is refused."""

    @pytest.fixture(params=["session", "basic"])
    def guarded(self, request):
        kinds = {"session": SessionAuthentication, "basic": BasicAuthentication}
        return type(
            "View",
            (Four,),
            {
                "authentication_classes": [kinds[request.param], SessionAuthentication],
                "permission_classes": [IsAuthenticated],
            },
        )

    @pytest.fixture
    def left(self, serve, guarded, client, db):
        """The cursor of a walk whose session has ended."""
        serve(guarded)
        client.force_login(User.objects.create_user("ann"))
        cursor = client.get("/").json()["cursor"]
        client.logout()
        return cursor

    @pytest.mark.parametrize("method", ["get", "head", "options"])
    def test_a_walk_whose_session_ended_gets_the_answer_of_its_first_page(
        self, client, left, method
    ):
        first, later = (getattr(client, method)(url) for url in ("/", f"/?cursor={left}"))
        assert first.status_code in (401, 403)
        assert (later.status_code, later.content) == (first.status_code, first.content)
        assert later.headers.get("WWW-Authenticate") == first.headers.get("WWW-Authenticate")

    @pytest.mark.parametrize("cursor", ["garbage", "", "expired", "a&cursor=b"])
    def test_any_cursor_of_a_reader_without_access_gets_that_answer(self, client, left, cursor):
        cursor = expired(left) if cursor == "expired" else cursor
        assert client.get(f"/?cursor={cursor}").status_code == client.get("/").status_code

    def test_a_reader_with_access_is_told_that_the_cursor_is_invalid(self, client, left):
        client.force_login(User.objects.create_user("bob"))
        response = client.get(f"/?cursor={left}")
        assert (response.status_code, response.json()) == (400, REFUSED)

    def test_a_reader_of_an_open_view_is_told_that_the_cursor_is_invalid(self, serve, client, db):
        serve(Four)
        client.force_login(User.objects.create_user("ann"))
        cursor = client.get("/").json()["cursor"]
        client.logout()
        assert client.get(f"/?cursor={cursor}").json() == REFUSED

    def test_permissions_see_the_requests_own_query_and_not_the_cursors(self, serve, client, db):
        seen = []

        class Noting(IsAuthenticated):
            def has_permission(self, request, view):
                seen.append(request.query_params.dict())
                return super().has_permission(request, view)

        serve(type("View", (Four,), {"permission_classes": [Noting]}))
        client.force_login(User.objects.create_user("ann"))
        cursor = client.get("/?a=1").json()["cursor"]
        client.logout()
        assert client.get(f"/?b=2&cursor={cursor}").status_code == 403
        assert seen == [{"a": "1"}, {"b": "2"}]

    def test_a_refused_cursor_counts_for_throttles(self, serve):
        class Once(SimpleRateThrottle):
            rate, scope = "1/day", "once"

            def get_cache_key(self, request, view):
                return "once"

        client = serve(type("View", (Four,), {"throttle_classes": [Once]}))
        assert client.get("/?cursor=garbage").status_code == 400
        assert client.get("/?cursor=garbage").status_code == 429

    def test_an_exception_handler_finds_the_version_of_a_refused_request(self, serve):
        class View(Four):
            versioning_class = QueryParameterVersioning

            def get_exception_handler(self):
                return lambda exc, context: Response(
                    {"version": context["request"].version}, exc.status_code
                )

        response = serve(View).get("/?version=v2&cursor=garbage")
        assert (response.status_code, response.json()) == (400, {"version": "v2"})


def test_a_bad_cursor_is_refused_in_the_browsable_api(serve):
    response = serve(Four).get("/?cursor=zz", HTTP_ACCEPT="text/html")
    assert response.status_code == 400
    assert b"Start again without a cursor" in response.content
