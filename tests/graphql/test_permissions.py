"""Who is refused a connection gets nothing of it, and is told why."""

import graphene
import pytest
from graphql import GraphQLError

from partstream_graphql import Part, ProgressiveConnection


class TestAnAsyncPermissionLetsNobodyIn:
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
                TestAnAsyncPermissionLetsNobodyIn.ran.append("get_parts")
                return super().get_parts()

        return Parts

    @pytest.mark.parametrize("verdict", [True, False])
    def test_of_the_connection(self, ask, parts, verdict):
        class Dashboard(parts, ProgressiveConnection):
            async def has_permission(self, info):
                return verdict

        self.refused(ask(Dashboard)("{ dashboard { a } }"))

    @pytest.mark.parametrize("verdict", [True, False])
    def test_of_a_class(self, ask, parts, verdict):
        class Async:
            async def has_permission(self, request, connection):
                return verdict

        class Allow:
            def has_permission(self, request, connection):
                return True

        class Dashboard(parts, ProgressiveConnection):
            permission_classes = [Allow, Async]

        self.refused(ask(Dashboard)("{ dashboard { edges { node { name status } } } }"))


class TestWhatARefusalTells:
    def refusal(self, ask, permission):
        class Dashboard(ProgressiveConnection):
            permission_classes = [permission]
            a = Part(graphene.Int, resolver=lambda root, info: 1)

        (error,) = ask(Dashboard)("{ dashboard { a } }").errors
        return error["message"], error["extensions"]

    def test_the_message_of_a_permission_of_drf(self, ask):
        permissions = pytest.importorskip("rest_framework.permissions")

        class Pro(permissions.BasePermission):
            message = "Buy the pro plan."

            def has_permission(self, request, view):
                return False

        told = ("Buy the pro plan.", {"code": "FORBIDDEN"})
        assert self.refusal(ask, Pro) == told

    def test_without_one_a_message_of_ours(self, ask):
        class No:
            def has_permission(self, request, view):
                return False

        told = ("You do not have permission to see this.", {"code": "FORBIDDEN"})
        assert self.refusal(ask, No) == told

    def test_a_graphql_error_is_told_as_it_is(self, ask):
        class Own:
            def has_permission(self, request, view):
                raise GraphQLError("Told.", extensions={"code": "OwnCode"})

        assert self.refusal(ask, Own) == ("Told.", {"code": "OwnCode"})


def test_an_async_permission_inside_a_composed_one_lets_nobody_in(ask):
    class Never:
        async def has_permission(self, request, connection):
            return False

    class Both:
        """As DRF composes ``A & B``: the first answer is tested for truth before we see it."""

        op1 = Never()

        def has_permission(self, request, connection):
            raise AssertionError("asked, though it is known not to be awaited")

    class Guarded(ProgressiveConnection):
        permission_classes = [Both]
        a = Part(graphene.Int, resolver=lambda root, info: 1)

    answer = ask(Guarded)("{ dashboard { a } }")
    assert answer.data is None
    assert answer.errors[0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"


def test_a_refusal_may_bring_what_json_has_no_form_for(ask):
    class Guarded(ProgressiveConnection):
        a = Part(graphene.Int, resolver=lambda root, info: 1)

        def has_permission(self, info):
            raise GraphQLError("No.", extensions={"who": object, "x": float("nan")})

    (error,) = ask(Guarded)("{ dashboard { a } }").errors
    assert (error["message"], error["extensions"]["x"]) == ("No.", "NaN")
