"""A connection asks its throttles before a page; the throttles here are no classes of DRF."""

import graphene
import pytest

from partstream_graphql import Part, ProgressiveConnection

RAN = []


class Limited:
    """Allows two pages to each test."""

    seconds = 12.3

    def allow_request(self, request, connection):
        RAN.append((request.method, type(connection).__name__))
        return len(RAN) <= 2

    def wait(self):
        return self.seconds


class Dashboard(ProgressiveConnection):
    throttle_classes = [Limited]
    chunk_size = 1
    a = Part(graphene.String)
    b = Part(graphene.String)
    c = Part(graphene.String)

    def resolve_a(self, info):
        return "A"

    def resolve_b(self, info):
        return "B"

    def resolve_c(self, info):
        return "C"


@pytest.fixture(autouse=True)
def _nothing_ran():
    RAN.clear()


WALK = (
    "query ($after: String) { dashboard(after: $after)"
    " { pageInfo { endCursor } edges { node { name a b c } } } }"
)


def name_of(answer):
    (edge,) = answer.data["dashboard"]["edges"]
    return edge["node"]["name"]


def refusal(answer):
    (error,) = answer.errors
    assert answer.data is None
    return error["message"], error["extensions"]


def test_each_page_of_a_walk_counts_and_a_refused_page_leaves_the_cursor_valid(ask):
    query = ask(Dashboard)
    first = query(WALK)
    after = first.data["dashboard"]["pageInfo"]["endCursor"]
    assert (name_of(first), name_of(query(WALK, after=after))) == ("a", "b")
    assert refusal(query(WALK, after=after)) == (
        "Too many requests. Try again in 13 seconds.",
        {"code": "THROTTLED", "retryAfter": 13},
    )
    RAN.clear()
    assert name_of(query(WALK, after=after)) == "b"


def test_each_selection_of_a_connection_counts(ask):
    text = "{ x: dashboard { a } y: dashboard { a } z: dashboard { a } }"
    assert refusal(ask(Dashboard)(text))[1]["code"] == "THROTTLED"


def test_a_throttle_sees_a_read_and_the_connection(ask):
    ask(Dashboard)("{ dashboard { a } }")
    assert RAN == [("GET", "Dashboard")]


def test_every_throttle_is_asked_and_the_longest_wait_is_told(ask):
    class Never(Limited):
        def allow_request(self, request, connection):
            RAN.append(type(self).__name__)
            return False

    class Long(Never):
        seconds = 100

    class Unknown(Never):
        seconds = None

    class Busy(Dashboard):
        throttle_classes = [Never, Long, Unknown]

    assert refusal(ask(Busy)("{ dashboard { a } }"))[1]["retryAfter"] == 100
    assert RAN == ["Never", "Long", "Unknown"]

    class Silent(Dashboard):
        throttle_classes = [Unknown]

    told = ("Too many requests. Try again later.", {"code": "THROTTLED"})
    assert refusal(ask(Silent)("{ dashboard { a } }")) == told


def test_a_client_without_permission_does_not_use_up_its_requests(ask):
    class Guarded(Dashboard):
        def has_permission(self, info):
            return False

    assert refusal(ask(Guarded)("{ dashboard { a } }"))[1]["code"] == "FORBIDDEN"
    assert RAN == []


@pytest.mark.parametrize("verdict", [True, False])
def test_an_async_throttle_admits_no_request(ask, verdict):
    class Async:
        async def allow_request(self, request, connection):
            return verdict

    class Open(Dashboard):
        throttle_classes = [Async]

    assert refusal(ask(Open)("{ dashboard { a } }"))[1]["code"] == "INTERNAL_SERVER_ERROR"


def test_a_connection_may_choose_its_throttles(ask):
    class Chosen(Dashboard):
        throttle_classes = []

        def get_throttles(self):
            return [Limited()]

    query = ask(Chosen)
    answers = [query("{ dashboard { a } }") for _ in range(3)]
    assert [answer.errors is None for answer in answers] == [True, True, False]


@pytest.mark.parametrize("name", ["throttle_classes", "get_throttles", "check_throttles"])
def test_the_throttles_of_a_mixin_behind_the_base_are_refused(name):
    value = [Limited] if name == "throttle_classes" else lambda self, *arguments: []
    mixin = type("Mixin", (), {name: value})
    with pytest.raises(TypeError, match=f"{name} would be ignored"):
        type("Late", (ProgressiveConnection, mixin), {"a": Part(graphene.String)})
