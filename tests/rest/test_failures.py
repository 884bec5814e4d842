"""Odd exceptions and values fail only their own part, inside and outside of transactions."""

import pytest
from django.db import connection, transaction
from django.db.models.expressions import RawSQL
from django.http import Http404
from django.utils.safestring import SafeString
from rest_framework.exceptions import APIException, Throttled

from django_partstream import ProgressiveView, Status, failures, lazy, safe_call
from example_schema.models import Customer


class HandMade(APIException):
    """An ``APIException`` with a detail that DRF would not have made."""

    def __init__(self, detail):
        self.detail = detail


class Unspeakable(Exception):
    def __str__(self):
        raise ValueError("no text")


def raising(exc):
    def part(request):
        raise exc

    return part


def view_of(*parts):
    """A view with these parts on a single page."""
    return type("View", (ProgressiveView,), {"chunk_size": 9, "get_parts": lambda self: [*parts]})


ODD = [
    HandMade({"message": "x"}),
    HandMade([]),
    HandMade(None),
    APIException("caf\udce9"),
    APIException({"caf\udce9": ["x"]}),
    ValueError("caf\udce9"),
    FileNotFoundError(2, "No such file", "caf\udce9.csv"),
    Unspeakable(),
]


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("exc", ODD, ids=lambda exc: type(exc).__name__)
def test_an_odd_exception_fails_its_own_part_only(serve, settings, debug, exc):
    settings.DEBUG = debug
    view = view_of(
        ("odd", lazy(raising(exc))),
        ("caught", lazy(safe_call(raising(exc), fallback=[]))),
        ("good", 1),
    )
    page = serve(view).get("/").json()
    assert page["results"] == [{"odd": None}, {"caught": []}, {"good": 1}]
    assert [error["part"] for error in page["errors"]] == ["odd"]


def test_a_value_with_a_key_that_cannot_be_encoded_fails_its_own_part_only(serve):
    view = view_of(("bad", lazy(lambda request: {SafeString("caf\udce9"): 1})), ("good", 1))
    assert serve(view).get("/").json()["results"] == [{"bad": None}, {"good": 1}]


def test_a_not_found_or_api_exception_of_a_part_is_logged_as_a_warning(serve, caplog):
    exceptions = [Http404(), Throttled(3), APIException(), ValueError()]
    parts = [(f"p{number}", lazy(raising(exc))) for number, exc in enumerate(exceptions)]
    serve(view_of(*parts)).get("/")
    levels = [one.levelname for one in caplog.records if one.name == "django_partstream"]
    assert levels == ["WARNING", "WARNING", "WARNING", "ERROR"]


def broken_rows(request=None):
    return Customer.objects.annotate(x=RawSQL("no_such_column + 1", [])).values("x")


@pytest.mark.django_db
@pytest.mark.parametrize("part", [broken_rows, lazy(broken_rows)], ids=["at once", "lazy"])
def test_a_query_set_that_fails_in_the_database_does_not_fail_later_parts(serve, part):
    rows = part() if part is broken_rows else part
    view = view_of(
        ("bad", rows),
        ("after", lazy(lambda request: Customer.objects.count())),
        ("names", Customer.objects.values_list("name")),
    )
    page = serve(view).get("/").json()
    assert page["results"] == [{"bad": None}, {"after": 0}, {"names": []}]
    assert [error["part"] for error in page["errors"]] == ["bad"]


@pytest.mark.django_db(transaction=True)
def test_kept_parts_of_an_atomic_request_are_committed_and_their_hooks_fire(serve, monkeypatch):
    fired = []

    def writes(request, name):
        Customer.objects.create(name=name, email=f"{name}@example.com", city="x")
        transaction.on_commit(lambda: fired.append(name))
        return name

    def writes_and_fails(request):
        writes(request, "undone")
        raise ValueError

    def writes_with_a_helper_that_fails(request):
        writes(request, "kept too")
        assert safe_call(writes_and_fails, fallback=None)(request) is None
        assert safe_call(lambda request: list(broken_rows()), fallback=[])(request) == []
        return Customer.objects.count()

    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    view = view_of(
        ("a", lazy(writes, "kept")),
        ("b", lazy(writes_and_fails)),
        ("c", lazy(writes_with_a_helper_that_fails)),
    )
    assert serve(view).get("/").json()["results"] == [{"a": "kept"}, {"b": None}, {"c": 2}]
    assert fired == ["kept", "kept too"]
    assert set(Customer.objects.values_list("name", flat=True)) == {"kept", "kept too"}


@pytest.mark.django_db
def test_on_commit_hooks_of_a_kept_part_fire_in_a_test_case(
    serve, django_capture_on_commit_callbacks
):
    fired = []

    def hooks(request, name, fails):
        transaction.on_commit(lambda: fired.append(name))
        return 1 / (not fails)

    client = serve(view_of(("a", lazy(hooks, "kept", False)), ("b", lazy(hooks, "undone", True))))
    with django_capture_on_commit_callbacks(execute=True):
        client.get("/")
    assert fired == ["kept"]


@pytest.mark.parametrize("value", [object(), {1: object()}, [b"x"], 2**70, len, "caf\udce9"])
def test_a_value_that_json_has_no_form_for_is_not_retryable(serve, value):
    page = serve(view_of(("bad", lazy(lambda request: value)), ("at once", value))).get("/").json()
    assert [error["retryable"] for error in page["errors"]] == [False, False]


def test_a_row_that_fails_while_it_is_made_is_retryable(serve):
    def rows(request):
        yield 1
        raise ValueError

    (error,) = serve(view_of(("rows", lazy(rows)))).get("/").json()["errors"]
    assert error["retryable"] is True


def test_a_registered_exception_wins_over_the_meaning_that_drf_gives_it(serve):
    class SoldOut(APIException):
        status_code = 503

    failures.register(SoldOut, status=Status.DENIED, code="sold_out", message="Sold out.")
    (error,) = serve(view_of(("a", lazy(raising(SoldOut()))))).get("/").json()["errors"]
    assert (error["code"], error["retryable"]) == ("sold_out", False)


def test_the_place_of_a_failed_part_holds_if_a_renderer_renames_keys(serve):
    camel = pytest.importorskip("djangorestframework_camel_case.render")

    class View(ProgressiveView):
        chunk_size = 4
        renderer_classes = [camel.CamelCaseJSONRenderer]

        def get_parts(self):
            return [
                ("the_first", 1),
                ("the_second", lazy(raising(ValueError()))),
                ("third", 3),
                ("the_last", lazy(raising(Http404()))),
            ]

    client = serve(View)
    page = client.get("/").json()
    assert [list(result) for result in page["results"]] == [
        ["theFirst"], ["theSecond"], ["third"], ["theLast"],
    ]  # fmt: skip
    assert [(error["part"], error["index"]) for error in page["errors"]] == [
        ("the_second", 1),
        ("the_last", 3),
    ]
    (error,) = client.get("/?parts=third,the_last").json()["errors"]
    assert error["index"] == 1
