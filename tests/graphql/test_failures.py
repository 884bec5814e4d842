"""Exceptions shaped like DRF's ``APIException``, in parts of a connection."""

import graphene
import pytest

from django_partstream import lazy, safe_call
from partstream_graphql import Part, ProgressiveConnection

QUERY = "{ dashboard { edges { node { name status error { code message retryable } a b } } } }"


class FromRest(Exception):
    """An exception shaped like DRF's ``APIException``, whose class is not DRF's."""

    status_code = 400
    default_code = "error"

    def __init__(self, detail="", codes=None):
        self.detail, self.codes = detail, codes

    def get_codes(self):
        return self.codes or self.detail.code  # an attribute that hand-made detail lacks


def nodes_of(ask, exc, wrap=lambda func: func):
    def failing(request):
        raise exc

    class Dashboard(ProgressiveConnection):
        a = Part(graphene.Int)
        b = Part(graphene.Int)

        def get_parts(self):
            return [("a", lazy(wrap(failing))), ("b", 2)]

    answer = ask(Dashboard)(QUERY)
    assert answer.errors is None
    return {edge["node"]["name"]: edge["node"] for edge in answer.data["dashboard"]["edges"]}


def levels(caplog):
    return [record.levelname for record in caplog.records if record.name == "django_partstream"]


def test_an_exception_shaped_like_an_api_exception_keeps_its_code_and_detail(ask, caplog):
    nodes = nodes_of(ask, FromRest({"day": ["Told."]}, codes="sold_out"))
    assert nodes["a"]["error"] == {"code": "sold_out", "message": "day: Told.", "retryable": False}
    assert nodes["b"]["b"] == 2
    assert levels(caplog) == ["WARNING"]


@pytest.mark.parametrize("status", [401, 403])
def test_an_exception_with_the_status_401_or_403_denies_its_part(ask, caplog, status):
    caplog.set_level("INFO")
    exc = FromRest("No.", codes="not_yours")
    exc.status_code = status
    assert nodes_of(ask, exc)["a"]["status"] == "DENIED"
    assert levels(caplog) == ["INFO"]


@pytest.mark.parametrize(("status", "retryable"), [(404, False), (429, True), (503, True)])
def test_the_status_of_an_api_exception_says_whether_to_try_again(ask, status, retryable):
    exc = FromRest("Later.", codes="later")
    exc.status_code = status
    assert nodes_of(ask, exc)["a"]["error"]["retryable"] is retryable


@pytest.mark.parametrize("detail", [{"message": "x"}, "text"])
@pytest.mark.parametrize("debug", [False, True])
def test_an_api_exception_with_broken_codes_fails_its_own_part_only(
    ask, caplog, settings, debug, detail
):
    settings.DEBUG = debug
    nodes = nodes_of(ask, FromRest(detail))
    assert (nodes["a"]["status"], nodes["a"]["error"]["code"]) == ("ERROR", "part_failed")
    assert nodes["b"]["b"] == 2
    assert levels(caplog) == ["ERROR"]


def test_safe_call_answers_an_api_exception_with_broken_codes(ask):
    nodes = nodes_of(ask, FromRest("text"), lambda func: safe_call(func, fallback=7))
    assert (nodes["a"]["status"], nodes["a"]["a"]) == ("FALLBACK", 7)


@pytest.mark.parametrize("odd", [{"status_code": "400"}, {"get_codes": "sold_out"}])
def test_an_exception_with_half_the_shape_is_an_unexpected_failure(ask, caplog, odd):
    exc = FromRest("Secret.", codes="sold_out")
    vars(exc).update(odd)
    assert nodes_of(ask, exc)["a"]["error"] == {
        "code": "part_failed",
        "message": "This part could not be loaded.",
        "retryable": True,
    }
    assert levels(caplog) == ["ERROR"]
