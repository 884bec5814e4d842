"""``manage.py partstream walk /path/``: a REST response is walked by pages or a stream."""

from io import BytesIO, TextIOWrapper

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.http import Http404, HttpResponse, JsonResponse
from django.urls import path, set_script_prefix
from djangorestframework_camel_case.render import CamelCaseJSONRenderer
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.permissions import IsAuthenticated

from django_partstream import ProgressiveView, cached_for, lazy, safe_call, with_timeout
from django_partstream.delivery import streams
from django_partstream.management import users
from django_partstream.testing import background_now, part_hangs
from partstream_rest.streams import Transcript
from tests.commands import Terminal, figures, walk
from tests.core import jobs
from tests.pending import waiting

pytestmark = pytest.mark.django_db


def value(request):
    return [1, 2]


def fails(request):
    raise ValueError("no data")


def denied(request):
    raise PermissionDenied


def alike(**entries):
    """The body of an API of another kind, which uses the words of a page."""
    return {"results": [], "cursor": None, "meta": {}, **entries}


def view_of(*parts, **attributes):
    return type("View", (ProgressiveView,), {"get_parts": lambda self: [*parts], **attributes})


class TokenAuthentication(BaseAuthentication):
    """Knows readers by a header alone."""

    def authenticate(self, request):
        token = request.headers.get("Authorization")
        return (User.objects.get(username=token), token) if token else None

    def authenticate_header(self, request):
        return "Token"


def names_reader(**attributes):
    """A view whose part is the name of its reader."""
    return view_of(("me", lazy(lambda request: request.user.get_username())), **attributes)


@pytest.fixture
def ann(db):
    return User.objects.create_user("ann")


BY = pytest.mark.parametrize("by", [(), ("--stream",)], ids=["pages", "stream"])


@BY
def test_each_part_is_told_as_it_comes_and_stands_in_the_table(by, serve):
    serve(view_of(("orders", lazy(value)), ("total", 7), ("name", "x")))
    told = walk("/", *by)
    assert (told.code, told.error) == (0, "")
    lines = told.out.splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [
        ["orders", "ok"],
        ["total", "ok"],
        ["name", "ok"],
    ]
    heading, *rows = lines[4:8]
    assert heading.split()[:5] == ["part", "median", "worst", "share", "size"]
    assert [row.split()[0] for row in rows] == ["orders", "total", "name"]


@BY
def test_the_size_of_a_part_is_that_of_its_json(by, serve):
    serve(view_of(("orders", lazy(value)), ("name", "é")))
    assert {name: part["bytes"] for name, part in figures("/", *by).parts.items()} == {
        "orders": len(b"[1,2]"),
        "name": len('"é"'.encode()),
    }


def test_the_document_is_all_that_is_written(serve):
    serve(view_of(("orders", lazy(value)), ("total", 7), ("name", "x")))
    told = figures("/", "--times", "2")
    assert told.json["target"] == "/"
    assert (told.json["by"], told.json["walks"], told.json["pages"]) == ("pages", 2, 2)
    assert (told.json["readers"], told.json["problems"]) == ([], [])
    assert told.json["ms"].keys() == {"median", "p95"}
    assert told.parts["orders"].keys() == {
        "name",
        "walks",
        "ms",
        "share",
        "bytes",
        "queries",
        "sql_ms",
        "cached",
        "ran",
        "waited_ms",
        "came_after_ms",
        "pending_ms",
        "fallbacks",
        "failures",
    }
    assert told.parts["orders"]["walks"] == 2


def test_a_path_may_have_a_query_and_lack_its_first_slash(serve):
    serve(path("a/", view_of(("q", lazy(lambda request: request.GET["q"]))).as_view()))
    assert figures("a/?q=12345").parts["q"]["bytes"] == len('"12345"')


def test_each_page_repeats_a_query_that_a_cursor_does_not_carry(serve):
    parts = [(name, lazy(lambda request: request.GET["token"])) for name in "abc"]
    serve(view_of(*parts, chunk_size=1))
    assert figures("/?token=1").json["pages"] == 3


@BY
@pytest.mark.parametrize(
    ("function", "status", "code"),
    [
        (fails, "error", "part_failed"),
        (denied, "denied", "permission_denied"),
        (with_timeout(value, 9), "timeout", "part_timed_out"),
    ],
)
def test_a_part_that_fails_is_exit_code_1(function, status, code, by, serve):
    serve(view_of(("first", 1), ("orders", lazy(function))))
    if status == "timeout":
        with part_hangs("orders"):
            told = figures("/", *by)
    else:
        told = figures("/", *by)
    assert told.code == 1
    assert told.error == f"orders ended {status} in 1 of 1 walk."
    (failure,) = told.parts["orders"]["failures"]
    assert (failure["status"], failure["code"]) == (status, code)
    assert failure["reference"]


@BY
def test_a_part_with_its_fallback_is_exit_code_0(by, serve):
    serve(view_of(("orders", lazy(safe_call(fails, fallback=[])))))
    told = figures("/", *by)
    assert (told.code, told.parts["orders"]["fallbacks"]) == (0, 1)
    assert told.parts["orders"]["failures"] == []


@BY
def test_pending_parts_are_waited_for(by, serve, at_once):
    serve(waiting({"slow": 3, "fast": 0}))
    told = walk("/", *by)
    assert told.code == 0
    came = [line.split()[:2] for line in told.out.splitlines()[:3]]
    assert sorted(came[:2]) == [["fast", "ok"], ["slow", "pending"]]
    assert came[2] == ["slow", "ok"]
    assert "s pending" in told.out.splitlines()[2]


@pytest.mark.django_db(transaction=True)
def test_a_background_part_comes_in_the_same_walk(serve, settings):
    settings.PARTSTREAM = {"BACKGROUND": f"{jobs.__name__}.do"}
    serve(view_of(("forecast", lazy(lambda request: jobs.forecast(7)))))
    told = figures("/")
    assert (told.code, told.parts["forecast"]["failures"]) == (0, [])


def test_a_user_signs_in_without_a_session_or_a_signal(ann, serve):
    before = ann.last_login
    serve(names_reader(authentication_classes=[SessionAuthentication]))
    assert figures("/", "--user", "ann").parts["me"]["bytes"] == len('"ann"')
    ann.refresh_from_db()
    assert (ann.last_login, Session.objects.exists()) == (before, False)


def test_a_user_who_cannot_sign_in_is_exit_code_2(ann, serve):
    User.objects.update(is_active=False)
    serve(names_reader())
    told = walk("/", "--user", "ann")
    assert (told.code, told.error) == (2, "The user 'ann' is not active, and cannot sign in.")


def test_a_user_may_be_named_by_primary_key(ann, serve):
    serve(names_reader())
    assert figures("/", "--user", str(ann.pk)).parts["me"]["bytes"] == len('"ann"')


def test_a_user_model_without_is_active_has_users_who_can_sign_in(ann, serve, monkeypatch):
    ann = type("Person", (), {"pk": ann.pk, "_default_manager": User.objects})()
    monkeypatch.setattr(users, "user_called", lambda name: ann)
    serve(names_reader())
    assert figures("/", "--user", "ann").parts["me"]["bytes"] == len('"ann"')


def test_a_user_name_of_another_kind_is_unknown(ann, serve, monkeypatch):
    monkeypatch.setattr(User, "USERNAME_FIELD", "id")  # as a number of a customer may be
    serve(names_reader())
    told = walk("/", "--user", "ann")
    assert (told.code, told.error) == (2, "No user has the id or primary key 'ann'.")


def test_a_view_that_knows_tokens_alone_takes_the_user(ann, serve):
    serve(
        names_reader(
            authentication_classes=[TokenAuthentication], permission_classes=[IsAuthenticated]
        )
    )
    assert figures("/", "--user", "ann").parts["me"]["bytes"] == len('"ann"')


def test_a_view_without_authentication_knows_no_user(ann, serve):
    serve(names_reader(authentication_classes=[]))
    assert figures("/", "--user", "ann").parts["me"]["bytes"] == len('""')


def test_authentication_of_the_route_counts(ann, serve):
    view = names_reader(authentication_classes=[])
    serve(path("", view.as_view(authentication_classes=[TokenAuthentication])))
    assert figures("/", "--user", "ann").parts["me"]["bytes"] == len('"ann"')


@BY
def test_a_header_signs_in_as_a_client_does(by, ann, serve):
    serve(
        names_reader(
            authentication_classes=[TokenAuthentication], permission_classes=[IsAuthenticated]
        )
    )
    told = figures("/", "--header", "Authorization: ann", *by)
    assert told.parts["me"]["bytes"] == len('"ann"')


def test_middlewares_see_the_user(ann, serve, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.rest.test_walk_command.greets"]
    serve(view_of(("greeting", lazy(lambda request: request.greeting))))
    assert figures("/", "--user", "ann").parts["greeting"]["bytes"] == len('"ann"')


def greets(get_response):
    def middleware(request):
        request.greeting = request.user.get_username()
        return get_response(request)

    return middleware


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        (["shop.example"], "shop.example"),
        ([".shop.example"], "shop.example"),
        (["*", "shop.example"], "shop.example"),
        (["*"], "localhost"),
    ],
)
def test_the_host_is_allowed(allowed, host, serve, settings):
    settings.ALLOWED_HOSTS = allowed
    serve(view_of(("host", lazy(lambda request: request.get_host()))))
    assert figures("/").parts["host"]["bytes"] == len(f'"{host}"')


def test_a_header_may_name_the_host_of_a_tenant(serve, settings):
    settings.ALLOWED_HOSTS = [".shop.example"]
    serve(view_of(("host", lazy(lambda request: request.get_host()))))
    told = figures("/", "--header", "Host: north.shop.example")
    assert told.parts["host"]["bytes"] == len('"north.shop.example"')


def test_a_project_that_redirects_to_https_is_walked_over_https(serve, settings):
    settings.SECURE_SSL_REDIRECT = True
    serve(view_of(("scheme", lazy(lambda request: request._request.scheme))))
    assert figures("/").parts["scheme"]["bytes"] == len('"https"')


def test_the_prefix_of_a_project_is_part_of_the_path(serve, settings):
    settings.FORCE_SCRIPT_NAME = "/shop"
    set_script_prefix("/shop/")  # as django.setup() does
    try:
        serve(path("api/", view_of(("path", lazy(lambda request: request.path))).as_view()))
        assert figures("/shop/api/").parts["path"]["bytes"] == len('"/shop/api/"')
    finally:
        set_script_prefix("/")


def test_a_walk_as_two_users_has_figures_of_both(ann, serve):
    User.objects.create_user("bob")
    serve(names_reader())
    told = figures("/", "--user", "ann", "--user", "bob", "--times", "3")
    assert told.json["readers"] == ["ann", "bob"]
    assert told.parts["me"]["walks"] == 6


def test_several_walks_are_told_one_by_one_and_the_parts_of_the_first(ann, serve):
    serve(names_reader())
    told = walk("/", "--user", "ann", "--times", "2").out
    assert told.count("me  ok") == 1
    assert "Walk 1 of 2 as ann: 1 part in " in told
    assert "Walk 2 of 2 as ann: 1 part in " in told
    assert "(median of 2 walks, worst " in told


def test_a_failure_of_a_later_walk_is_told_with_its_part(serve):
    fail = iter([False, True])
    serve(view_of(("orders", lazy(lambda request: 1 / 0 if next(fail) else 1))))
    told = walk("/", "--times", "2")
    assert (told.code, told.error) == (1, "orders ended error in 1 of 2 walks.")
    assert "  orders  error" in told.out


def test_twenty_walks_have_a_p95(serve):
    serve(view_of(("orders", lazy(value))))
    assert "p95" in walk("/", "--times", "20").out
    assert "p95" not in walk("/", "--times", "19").out


def test_figures_of_the_server_are_those_of_the_parts(serve):
    cached = cached_for(60, key="figures")(lambda request: User.objects.count())
    serve(view_of(("users", lazy(cached))))
    part = figures("/", "--times", "2").parts["users"]
    assert part["cached"] == {"hits": 1, "misses": 1}
    assert (part["queries"], part["ran"]) == (1, ["transaction"])


@BY
def test_an_unknown_path_is_exit_code_2(by, serve):
    serve(path("api/", view_of().as_view()))
    told = walk("/nothing/", *by)
    assert (told.code, told.error) == (2, "GET /nothing/: 404")
    assert told.out == ""


@pytest.mark.parametrize(
    ("view", "reason"),
    [
        (lambda request: HttpResponse("<html>"), "200 text/html is no page of parts."),
        (lambda request: JsonResponse([], safe=False), "200 application/json is no page of parts."),
        (lambda request: JsonResponse({"results": []}), "is no page of parts."),
        (lambda request: JsonResponse(alike(results=[1])), "is no page of parts."),
        (lambda request: JsonResponse(alike(results=None)), "is no page of parts."),
        (lambda request: JsonResponse(alike(meta=None)), "is no page of parts."),
    ],
)
def test_an_answer_without_parts_is_exit_code_2(view, reason, serve):
    serve(path("", view))
    told = walk("/")
    assert told.code == 2
    assert reason in told.error


@BY
def test_the_address_of_graphql_is_exit_code_2_and_the_field_is_asked_for(by, serve):
    answer = {"errors": [{"message": "Must provide query string."}]}  # as graphene-django has it
    serve(path("graphql/", lambda request: JsonResponse(answer, status=400)))
    told = walk("/graphql/", *by)
    assert told.code == 2
    assert "Name a field of its project, such as Query.dashboard." in told.error


def test_a_view_without_streams_is_exit_code_2(serve):
    serve(view_of(("a", 1), streams=False))
    told = walk("/", "--stream")
    assert told.code == 2
    assert "is no stream. Leave out --stream to walk pages." in told.error


@BY
@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_walk_is_exit_code_1(status, by, serve):
    kind = TokenAuthentication if status == 401 else SessionAuthentication
    serve(view_of(("a", 1), authentication_classes=[kind], permission_classes=[IsAuthenticated]))
    told = walk("/", *by)
    assert told.code == 1
    assert told.error == (
        f"GET /: {status}, Authentication credentials were not provided. Say who asks, by --user "
        "or a --header."
    )


@BY
def test_a_view_that_raises_is_exit_code_1(by, serve):
    def get_parts(self):
        raise LookupError("no shop")

    serve(view_of(get_parts=get_parts))
    told = walk("/", *by)
    assert (told.code, told.error) == (1, "GET /: 500, LookupError: no shop")


def test_a_view_that_raises_through_the_handler_is_exit_code_1(serve, settings):
    settings.DEBUG_PROPAGATE_EXCEPTIONS = True

    def get_parts(self):
        raise LookupError("no shop")

    serve(view_of(get_parts=get_parts))
    assert walk("/").error == "GET /: LookupError: no shop"


def test_a_walk_that_is_refused_on_its_way_is_exit_code_1(serve):
    answers = iter([None, Http404])

    def get_parts(self):
        if exc := next(answers):
            raise exc
        return [("a", 1), ("b", 2)]

    serve(view_of(get_parts=get_parts, chunk_size=1))
    told = walk("/")
    assert told.code == 1
    assert told.error.startswith("GET /: 404, N")
    assert "a  ok" in told.out


def test_a_redirect_is_told_with_its_address(serve, settings):
    serve(path("a/", view_of(("a", 1)).as_view()))
    told = walk("/a")
    assert told.code == 1
    assert told.error.startswith("GET /a: 301, a redirect to /a/. Walk that address; if readers")


def breaks(change):
    """A view whose first page is changed after the view has made it."""

    class View(ProgressiveView):
        def get_parts(self):
            return [("a", 1), ("b", 2)]

        def finalize_response(self, request, response, *args, **kwargs):
            response = super().finalize_response(request, response, *args, **kwargs)
            change(response.data["results"])
            return response

    return View


def test_a_part_that_is_lost_is_exit_code_1(serve):
    serve(breaks(lambda results: results.pop()))
    told = walk("/")
    assert (told.code, told.error) == (1, "1 part never came.")


def test_a_part_that_comes_twice_is_exit_code_1(serve):
    serve(breaks(lambda results: results.append(results[0])))
    told = walk("/")
    assert (told.code, told.error) == (1, "a came twice.")


def test_a_response_that_grows_meanwhile_has_lost_nothing(serve):
    plans = iter(["ab", "0ab"])

    def get_parts(self):
        return [(name, 1) for name in next(plans)]

    serve(view_of(get_parts=get_parts, chunk_size=1))
    assert walk("/").code == 0


def test_a_stream_that_breaks_off_is_exit_code_1(serve, monkeypatch):
    monkeypatch.setattr(Transcript, "end", lambda self: b"")
    serve(view_of(("a", 1)))
    told = walk("/", "--stream")
    assert (told.code, told.error) == (1, "GET /: the stream broke off before its end.")


def test_a_stream_goes_on_where_another_ended(serve, monkeypatch, at_once):
    monkeypatch.setattr(streams, "PATIENCE", 0.0)  # for pending parts
    serve(waiting({"slow": 3, "fast": 0}))
    told = figures("/", "--stream")
    assert told.code == 0
    assert told.json["pages"] > 1


def test_a_renderer_that_writes_camel_case_is_understood(serve, at_once):
    view = waiting({"slow_part": 2, "fast_part": 0}, renderer_classes=[CamelCaseJSONRenderer])
    serve(view)
    told = figures("/")
    assert told.code == 0
    assert told.parts.keys() == {"slowPart", "fastPart"}
    assert told.parts["slowPart"]["ms"] is not None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nothing"], "'nothing' is no URL and no Query.field."),
        (["/", "--arg", "a=1"], "--arg and --schema are for Query.field"),
        (["/", "--schema", "a.b"], "--arg and --schema are for Query.field"),
        (["/", "--user", "eve"], "No user has the username or primary key 'eve'."),
        (["http://127.0.0.1:9/", "--user", "ann"], "--user is for a path of this project."),
    ],
)
def test_arguments_that_do_not_suit_are_exit_code_2(arguments, reason, ann, serve):
    serve(view_of(("a", 1)))
    told = walk(*arguments)
    assert told.code == 2
    assert reason in told.error


@pytest.mark.parametrize(
    "arguments",
    [
        ["/", "--times", "0"],
        ["/", "--times", "x"],
        ["/", "--header", "Authorization"],
        ["/", "--header", ": ann"],
        ["/", "--header", "Authorization: é"],
        ["/", "--header", "Authorization: a\nb"],
        ["/", "--arg", "limit"],
        ["/", "--format", "xml"],
        [],
    ],
)
def test_arguments_of_another_form_are_refused_by_the_parser(arguments):
    error = walk(*arguments).error
    assert error.startswith("Error: ")
    assert " _" not in error  # no name of a function of ours


@pytest.mark.parametrize(("ended", "shown"), [(0, []), (2, ["a", "b"])])
def test_a_walk_that_is_interrupted_leaves_the_figures_of_those_before_it(ended, shown, serve):
    calls = iter(range(ended + 1))

    def interrupt(request):
        if next(calls) == ended:
            raise KeyboardInterrupt

    serve(view_of(("a", 1), ("b", lazy(interrupt)), chunk_size=1))
    out = Terminal()
    told = walk("/", "--times", "9", out=out)
    assert (told.code, told.error) == (130, f"Stopped in walk {ended + 1} of 9.")
    lines = [line.rpartition("\x1b[K")[2] for line in told.out.split("\n")]
    assert lines[-1] == ""  # no bar is left
    table = lines[lines.index("") : -1]
    assert [line.split()[0] for line in table[2:4]] == shown


def test_the_document_of_an_interrupted_walk_has_the_walks_before_it(serve):
    calls = iter(range(2))

    def interrupt(request):
        if next(calls) == 1:
            raise KeyboardInterrupt

    serve(view_of(("a", lazy(interrupt))))
    told = figures("/", "--times", "9")
    assert (told.code, told.json["walks"]) == (130, 1)


@BY
def test_a_response_that_never_ends_is_exit_code_1(by, serve):
    page = {"results": [{"a": 1}], "cursor": "x", "meta": {"total_parts": 2}}
    frame = 'event: part\nid: x\ndata: {"name": "a", "value": 1}\n\n'
    end = 'event: end\nid: x\ndata: {"has_more": true, "total_parts": 2}\n\n'
    answers = []

    def view(request):
        answers.append(request)
        assert len(answers) < 9, "the walk does not end"
        if by:
            return HttpResponse(frame + end, content_type="text/event-stream")
        return JsonResponse(page)

    serve(path("", view))
    told = walk("/", *by)
    assert told.code == 1
    assert told.error.startswith("a came twice. The last 3 answers brought nothing new")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_name_that_the_output_cannot_encode_is_written_nonetheless(form, serve):
    serve(view_of(("имя", 1)))
    raw = BytesIO()
    out = TextIOWrapper(raw, encoding="cp1252")
    call_command("partstream", "walk", "/", "--format", form, stdout=out)
    out.flush()
    assert rb"\u0438\u043c\u044f" in raw.getvalue()


def test_the_message_of_a_failure_stays_on_its_line_and_controls_no_terminal(serve, settings):
    def fails_in_lines(request):
        raise ValueError("one\ntwo\x1b[2J")

    settings.DEBUG = True
    serve(view_of(("a", lazy(fails_in_lines))))
    first = walk("/").out.splitlines()[0]
    assert first.endswith("part_failed: ValueError: one two [2J")


def test_the_place_on_a_page_of_a_browser_is_no_part_of_an_address(serve):
    serve(view_of(("a", 1), ("b", 1), chunk_size=1))
    told = figures("/#top")
    assert (told.code, told.json["target"], told.json["pages"]) == (0, "/", 2)


def test_a_part_computed_at_once_has_a_walk_without_waits(serve):
    serve(view_of(("forecast", lazy(lambda request: jobs.forecast(7)))))
    with background_now():
        told = figures("/")
    assert (told.json["waited_ms"], told.parts["forecast"]["pending_ms"]) == (0.0, None)
