"""The text of an exception: it reaches the client only if it was raised for the client."""

import graphene
import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from graphql import GraphQLError

from partstream_graphql import Part, ProgressiveConnection
from partstream_graphql.http.views import ProgressiveGraphQLView
from tests.graphql.answers import nodes

AS_DATA = "{ dashboard { edges { node { name status error { code message } a } } } }"


def raising(exc):
    def resolve(root, info):
        raise exc

    return resolve


def raised_in_a_part(exc):
    return type(
        "Dashboard",
        (ProgressiveConnection,),
        {"a": Part(graphene.Int, resolver=raising(exc))},
    )


class TestAGraphQLErrorRoundAnotherException:
    """graphql-core makes it of an exception that a resolver of another schema raises."""

    @pytest.mark.parametrize(
        ("cause", "status", "code", "message"),
        [
            (ValueError("secret"), "ERROR", "part_failed", "This part could not be loaded."),
            (Http404("secret"), "ERROR", "not_found", "Not found."),
            (
                PermissionDenied("secret"),
                "DENIED",
                "permission_denied",
                "You do not have permission to see this.",
            ),
        ],
        ids=["ValueError", "Http404", "PermissionDenied"],
    )
    def test_the_text_of_the_exception_does_not_reach_the_client(
        self, ask, cause, status, code, message
    ):
        exc = GraphQLError("secret", original_error=cause, extensions={"code": "SECRET"})
        query = ask(raised_in_a_part(exc))
        answer = query(AS_DATA)
        assert nodes(answer)["a"]["status"] == status
        assert nodes(answer)["a"]["error"] == {"code": code, "message": message}
        (error,) = query("{ dashboard { a } }").errors
        assert (error["message"], error["extensions"]["code"]) == (message, code.upper())
        assert "secret" not in str(error).lower()

    def test_the_text_of_a_graphql_error_in_a_graphql_error_reaches_the_client(self, ask):
        inner = GraphQLError("Sold out.")
        exc = GraphQLError("Sold out.", original_error=inner, extensions={"code": "SOLD_OUT"})
        answer = ask(raised_in_a_part(exc))(AS_DATA)
        assert nodes(answer)["a"]["error"] == {"code": "sold_out", "message": "Sold out."}


class TestBelowAPart:
    @pytest.fixture
    def view_class(self):
        return ProgressiveGraphQLView

    def error(self, ask, resolver):
        class Below(graphene.ObjectType):
            number = graphene.Int(resolver=resolver)

        class Dashboard(ProgressiveConnection):
            below = Part(Below, resolver=lambda root, info: {})

        (error,) = ask(Dashboard)("{ dashboard { below { number } } }").errors
        assert error["path"] == ["dashboard", "below", "number"]
        return error["message"], error.get("extensions")

    @pytest.mark.parametrize(
        ("exc", "message", "code"),
        [
            (Http404("secret"), "Not found.", "NOT_FOUND"),
            (
                PermissionDenied("secret"),
                "You do not have permission to see this.",
                "FORBIDDEN",
            ),
        ],
        ids=["Http404", "PermissionDenied"],
    )
    def test_an_exception_that_has_a_meaning_is_told_by_its_code_and_not_logged(
        self, ask, caplog, exc, message, code
    ):
        assert self.error(ask, raising(exc)) == (message, {"code": code})
        assert not [one for one in caplog.records if one.name == "django_partstream"]

    def test_a_graphql_error_that_a_resolver_returns_is_told(self, ask):
        told = GraphQLError("Told.", extensions={"code": "OWN"})
        assert self.error(ask, lambda root, info: told) == ("Told.", {"code": "OWN"})
