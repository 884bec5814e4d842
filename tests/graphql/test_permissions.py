"""A client that is refused a connection gets no data of it, and the reason."""

import graphene
import pytest
from graphql import GraphQLError

from django_partstream.testing import expired
from partstream_graphql import Part, ProgressiveConnection


class TestAnAsyncPermission:
    ran = []

    @pytest.fixture(autouse=True)
    def _nothing_ran(self):
        self.ran.clear()

    def refused(self, answer):
        (error,) = answer.errors
        assert error["message"] == "Something went wrong."
        assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert answer.data is None
        assert self.ran == []

    @pytest.fixture
    def parts(self):
        def load(root, info):
            self.ran.append("part")
            return 1

        class Parts:
            a = Part(graphene.Int, resolver=load)

            def get_parts(self):
                TestAnAsyncPermission.ran.append("get_parts")
                return super().get_parts()

        return Parts

    @pytest.mark.parametrize("verdict", [True, False])
    def test_an_async_has_permission_of_a_connection_admits_no_request(self, ask, parts, verdict):
        class Dashboard(parts, ProgressiveConnection):
            async def has_permission(self, info):
                return verdict

        self.refused(ask(Dashboard)("{ dashboard { a } }"))

    @pytest.mark.parametrize("verdict", [True, False])
    def test_an_async_permission_class_admits_no_request(self, ask, parts, verdict):
        class Async:
            async def has_permission(self, request, connection):
                return verdict

        class Allow:
            def has_permission(self, request, connection):
                return True

        class Dashboard(parts, ProgressiveConnection):
            permission_classes = [Allow, Async]

        self.refused(ask(Dashboard)("{ dashboard { edges { node { name status } } } }"))


class TestTheMessageOfARefusal:
    def refusal(self, ask, permission):
        class Dashboard(ProgressiveConnection):
            permission_classes = [permission]
            a = Part(graphene.Int, resolver=lambda root, info: 1)

        (error,) = ask(Dashboard)("{ dashboard { a } }").errors
        return error["message"], error["extensions"]

    def test_a_refusal_has_the_message_of_the_drf_permission(self, ask):
        permissions = pytest.importorskip("rest_framework.permissions")

        class Pro(permissions.BasePermission):
            message = "Buy the pro plan."

            def has_permission(self, request, view):
                return False

        told = ("Buy the pro plan.", {"code": "FORBIDDEN"})
        assert self.refusal(ask, Pro) == told

    def test_a_refusal_by_a_permission_without_message_has_the_default_message(self, ask):
        class No:
            def has_permission(self, request, view):
                return False

        told = ("You do not have permission to see this.", {"code": "FORBIDDEN"})
        assert self.refusal(ask, No) == told

    def test_a_graphql_error_raised_by_a_permission_is_passed_on_unchanged(self, ask):
        class Own:
            def has_permission(self, request, view):
                raise GraphQLError("Told.", extensions={"code": "OwnCode"})

        assert self.refusal(ask, Own) == ("Told.", {"code": "OwnCode"})


def test_an_async_permission_inside_a_composed_permission_admits_no_request(ask):
    class Never:
        async def has_permission(self, request, connection):
            return False

    class Both:
        """A composed ``A & B`` of DRF, which tests A's answer for truth before the connection sees it."""

        op1 = Never()

        def has_permission(self, request, connection):
            raise AssertionError("asked, though it is known not to be awaited")

    class Guarded(ProgressiveConnection):
        permission_classes = [Both]
        a = Part(graphene.Int, resolver=lambda root, info: 1)

    answer = ask(Guarded)("{ dashboard { a } }")
    assert answer.data is None
    assert answer.errors[0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"


def test_a_refusal_may_have_extensions_without_json_form(ask):
    class Guarded(ProgressiveConnection):
        a = Part(graphene.Int, resolver=lambda root, info: 1)

        def has_permission(self, info):
            raise GraphQLError("No.", extensions={"who": object, "x": float("nan")})

    (error,) = ask(Guarded)("{ dashboard { a } }").errors
    assert (error["message"], error["extensions"]["x"]) == ("No.", "NaN")


@pytest.mark.django_db
def test_a_walk_whose_session_ended_is_told_so_and_not_that_its_cursor_is_invalid(
    ask, django_user_model
):
    class SignedIn:
        def has_permission(self, request, connection):
            return request.user.is_authenticated

    class Dashboard(ProgressiveConnection):
        permission_classes = [SignedIn]
        a = Part(graphene.Int)
        b = Part(graphene.Int)
        c = Part(graphene.Int)

        def get_parts(self):
            return [("a", 1), ("b", 2), ("c", 3)]

    query = ask(Dashboard)
    text = "query ($after: String) { dashboard(after: $after) { pageInfo { endCursor } a b c } }"
    query.client.force_login(django_user_model.objects.create_user("ann"))
    cursor = query(text).data["dashboard"]["pageInfo"]["endCursor"]
    query.client.logout()
    for after in (cursor, expired(cursor), "garbage"):
        (error,) = query(text, after=after).errors
        assert error["extensions"]["code"] == "FORBIDDEN"
