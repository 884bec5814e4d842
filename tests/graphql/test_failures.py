"""Exceptions shaped like DRF's ``APIException``, in parts of a connection."""

import graphene
import pytest
from graphql import GraphQLError

from django_partstream import Status, failures, lazy, safe_call
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


class TestADenialOfAnotherPackage:
    """A denial ends its part DENIED, whichever package raised it, and no fallback hides it."""

    @pytest.fixture(params=["login_required", "staff_member_required", "permission_required"])
    def decorate(self, request):
        decorators = pytest.importorskip("graphql_jwt.decorators")
        decorate = getattr(decorators, request.param)
        return decorate("shop.view") if request.param == "permission_required" else decorate

    @pytest.fixture
    def ends(self, ask, decorate, db):
        """The ends of parts that refuse an anonymous reader, alone and under ``safe_call``."""

        class Dashboard(ProgressiveConnection):
            chunk_size = 9
            alone = Part(graphene.Int)
            below = Part(graphene.List(graphene.Int))
            above = Part(graphene.List(graphene.Int))
            later = Part(graphene.List(graphene.Int))

            @decorate
            def resolve_alone(self, info):
                return 1

            @safe_call(fallback=[7])
            @decorate
            def resolve_below(self, info):
                return [1]

            @decorate
            @safe_call(fallback=[7])
            def resolve_above(self, info):
                return [1]

            @safe_call(fallback=[7])
            async def resolve_later(self, info):
                return decorate(lambda root, info: [1])(self, info)

        names = "alone below above later"
        answer = ask(Dashboard)(
            "{ dashboard { edges { node { name status error { code message retryable } "
            f"{names} }} }} }} }}"
        )
        return {edge["node"]["name"]: edge["node"] for edge in answer.data["dashboard"]["edges"]}

    def test_a_refusal_of_graphql_jwt_is_a_denial(self, ends):
        for name, node in ends.items():
            assert (node["status"], node[name]) == ("DENIED", None)
            assert node["error"] == {
                "code": "permission_denied",
                "message": "You do not have permission to perform this action",
                "retryable": False,
            }

    def test_a_refusal_of_graphql_jwt_in_place_of_a_connection_is_forbidden(self, ask):
        exceptions = pytest.importorskip("graphql_jwt.exceptions")

        class Dashboard(ProgressiveConnection):
            a = Part(graphene.Int)

            def get_parts(self):
                raise exceptions.PermissionDenied

        (error,) = ask(Dashboard)("{ dashboard { a } }").errors
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert error["message"] == "You do not have permission to perform this action"

    @pytest.mark.parametrize(
        ("name", "words"),
        [("JSONWebTokenError", "Error decoding signature"), ("JSONWebTokenExpired", None)],
    )
    def test_a_bad_token_of_graphql_jwt_is_a_denial(self, ask, name, words):
        kind = getattr(pytest.importorskip("graphql_jwt.exceptions"), name)
        node = nodes_of(ask, kind(words), lambda func: safe_call(func, fallback=7))["a"]
        assert (node["status"], node["a"]) == ("DENIED", None)
        assert node["error"]["code"] == "authentication_failed"
        assert node["error"]["message"] == (words or "Signature has expired")

    def test_a_bad_token_without_words_has_a_message(self, ask):
        kind = pytest.importorskip("graphql_jwt.exceptions").JSONWebTokenError
        error = nodes_of(ask, kind())["a"]["error"]
        assert error["message"] == "You do not have permission to see this."

    @pytest.mark.parametrize(
        "code",
        [
            "FORBIDDEN", "forbidden", "UNAUTHENTICATED", "Unauthenticated", "unauthorized",
            "PERMISSION_DENIED", "not_authenticated", "AUTHENTICATION_FAILED",
        ],
    )  # fmt: skip
    def test_a_graphql_error_with_the_code_of_a_denial_is_a_denial(self, ask, code):
        exc = GraphQLError("No.", extensions={"code": code})
        node = nodes_of(ask, exc, lambda func: safe_call(func, fallback=7))["a"]
        assert (node["status"], node["a"], node["error"]["code"]) == ("DENIED", None, code.lower())

    def test_a_class_that_only_has_the_name_of_a_denial_is_a_failure(self, ask):
        class PermissionDenied(Exception):  # of a service that refuses us, not the reader
            pass

        assert nodes_of(ask, PermissionDenied())["a"]["status"] == "ERROR"


def test_a_registered_denial_is_a_denial_in_graphql(ask):
    class NotYours(Exception):
        pass

    failures.register(NotYours, status=Status.DENIED, code="not_yours", message="Not yours.")
    node = nodes_of(ask, NotYours("secret"), lambda func: safe_call(func, fallback=7))["a"]
    assert (node["status"], node["error"]["message"]) == ("DENIED", "Not yours.")


def test_a_value_that_is_not_of_its_type_is_not_retryable(ask):
    class Dashboard(ProgressiveConnection):
        a = Part(graphene.Int)
        b = Part(graphene.List(graphene.Int))

        def get_parts(self):
            return [("a", lazy(lambda request: "one")), ("b", lazy(lambda request: 1))]

    answer = ask(Dashboard)(QUERY)
    errors = [edge["node"]["error"] for edge in answer.data["dashboard"]["edges"]]
    assert [error["retryable"] for error in errors] == [False, False]
