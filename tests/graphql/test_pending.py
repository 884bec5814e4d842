"""Parts that are pending: no edge and no error, but an entry of ``pending`` and a later page."""

from collections import Counter
from types import SimpleNamespace

import graphene
import pytest
import time_machine
from graphene_django import DjangoConnectionField, DjangoListField, DjangoObjectType

from django_partstream import cached_for, lazy, safe_call, signals, with_timeout
from django_partstream.cursors import read
from django_partstream.delivery import pacing
from django_partstream.exceptions import PartPending
from example_schema.models import Customer
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField

ALL = "a b c d"

#: The waits for parts that are not there yet, by the name of the part or run.
WAITS = {}
RAN = Counter()


@pytest.fixture(autouse=True)
def _nothing_waits():
    WAITS.clear()
    RAN.clear()


def pend(*names, age=0.0, progress=None):
    for name in names:
        WAITS[name] = SimpleNamespace(age=age, progress=progress)


def value_of(name):
    """The value of a part, as from a background function: it is there, or the part is pending."""
    RAN[name] += 1
    if name in WAITS:
        raise PartPending(name, limit=600, **vars(WAITS[name]))
    return name.upper()


def resolver(name):
    return lambda connection, info: value_of(name)


class Letters(ProgressiveConnection):
    a, b, c, d = (Part(graphene.String) for _ in range(4))
    resolve_a, resolve_b, resolve_c, resolve_d = map(resolver, ALL.split())


def page_query(selected, field="dashboard"):
    return f"""query ($first: Int, $after: String) {{
      {field}(first: $first, after: $after) {{
        totalCount pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
        pending {{ name retryAfter progress }}
        edges {{ cursor node {{ name {selected} }} }}
    }} }}"""


@pytest.fixture
def page(ask):
    """Take a page: ``page("a b c", first=2, after=...)``, of letters or of ``page.kind``."""

    def taken(selected=ALL, **variables):
        answer = ask(taken.kind)(page_query(selected), **variables)
        assert answer.errors is None, answer.errors
        return answer.data["dashboard"]

    taken.kind = Letters
    return taken


def names_of(page):
    return [edge["node"]["name"] for edge in page["edges"]]


def pending_in(page):
    return [entry["name"] for entry in page["pending"]]


def owed_by(cursor):
    return list(read(cursor).owed)


def test_a_page_with_nothing_pending_says_so_with_an_empty_list(page):
    assert page(first=2)["pending"] == []
    assert page("", first=2)["pending"] == []  # nothing is selected, so nothing is resolved


def test_a_pending_part_is_no_edge_and_is_owed_by_the_end_cursor(page):
    pend("b", age=20.0, progress=0.3)
    first = page(first=3)
    assert (names_of(first), first["totalCount"]) == (["a", "c"], 4)
    (entry,) = first["pending"]
    assert (entry["name"], entry["progress"]) == ("b", 0.3)
    assert 4.25 <= entry["retryAfter"] <= 5.75
    assert owed_by(first["pageInfo"]["endCursor"]) == ["b"]
    assert first["pageInfo"]["hasNextPage"] is True


def test_a_part_that_is_there_comes_before_the_next_chunk(page):
    pend("b")
    after = page(first=3)["pageInfo"]["endCursor"]
    WAITS.clear()
    last = page(first=1, after=after)
    assert (names_of(last), last["pending"]) == (["b", "d"], [])
    assert last["edges"][0]["node"] == {"name": "b", "a": None, "b": "B", "c": None, "d": None}
    assert last["pageInfo"]["hasNextPage"] is False
    assert RAN == {"a": 1, "b": 2, "c": 1, "d": 1}


def test_a_page_on_which_every_part_is_pending_has_an_end_cursor_and_a_next_page(page):
    pend("d")
    after = page(first=3)["pageInfo"]["endCursor"]
    waiting = page(first=1, after=after)
    assert (waiting["edges"], pending_in(waiting)) == ([], ["d"])
    info = waiting["pageInfo"]
    assert (info["hasNextPage"], info["hasPreviousPage"]) == (True, True)
    assert info["startCursor"] is None
    again = page(first=1, after=info["endCursor"])
    assert (again["edges"], pending_in(again)) == ([], ["d"])
    WAITS.clear()
    last = page(first=1, after=again["pageInfo"]["endCursor"])
    assert (names_of(last), last["pageInfo"]["hasNextPage"]) == (["d"], False)


def test_pages_of_a_single_part_go_on_while_a_part_is_pending(page):
    pend("a")
    found, after = [], None
    for _ in range(4):
        taken = page(first=1, after=after)
        found.append((names_of(taken), pending_in(taken)))
        after = taken["pageInfo"]["endCursor"]
    assert found == [([], ["a"]), (["b"], ["a"]), (["c"], ["a"]), (["d"], ["a"])]
    assert taken["pageInfo"]["hasNextPage"] is True


def test_a_page_on_which_nothing_ends_is_held_and_looks_again(page, client, monkeypatch):
    held = []

    def end_meanwhile(seconds):
        held.append(seconds)
        WAITS.clear()

    monkeypatch.setattr(pacing.time, "sleep", end_meanwhile)
    client.defaults["wsgi.multithread"] = True
    pend("a")
    after = page("a", first=1)["pageInfo"]["endCursor"]
    assert held == []
    last = page("a", first=1, after=after)
    assert (names_of(last), last["pending"]) == (["a"], [])
    (seconds,) = held
    assert 0.4 < seconds < 0.6


@pytest.mark.parametrize(
    ("edge", "then"), [(0, ["b", "c", "d"]), (1, ["b", "d"]), (-1, ["b"])], ids=["a", "c", "d"]
)
def test_a_walk_goes_on_from_each_edge_round_a_pending_part(page, edge, then):
    pend("b")
    place = page(first=4)["edges"][edge]["cursor"]
    WAITS.clear()
    assert names_of(page(first=4, after=place)) == then


def test_a_pending_part_that_the_next_query_does_not_select_stays_owed_and_makes_no_next_page(page):
    pend("b")
    after = page(first=2)["pageInfo"]["endCursor"]
    others = page("a c d", first=4, after=after)
    assert (names_of(others), others["pending"]) == (["c", "d"], [])
    assert others["pageInfo"]["hasNextPage"] is False
    assert owed_by(others["pageInfo"]["endCursor"]) == ["b"]
    assert pending_in(page(first=4, after=others["pageInfo"]["endCursor"])) == ["b"]


def test_the_field_of_a_pending_part_on_the_connection_is_null(ask):
    pend("b")
    answer = ask(Letters)(
        "{ dashboard(first: 2) { a b pending { name } edges { node { name b } } } }"
    )
    assert (answer.errors, answer.data["dashboard"]) == (
        None,
        {
            "a": "A",
            "b": None,
            "pending": [{"name": "b"}],
            "edges": [{"node": {"name": "a", "b": None}}],
        },
    )


@pytest.mark.parametrize("error", ["", "error { code }"])
def test_a_pending_part_is_no_error(page, error):
    pend("a")
    taken = page(f"status {error} a b", first=2)
    assert [edge["node"]["status"] for edge in taken["edges"]] == ["OK"]
    assert pending_in(taken) == ["a"]


class Runs(ProgressiveConnection):
    part_of_runs = Part(graphene.String, key=graphene.String())
    other = Part(graphene.String)
    resolve_other = resolver("other")

    def resolve_part_of_runs(self, info, key):
        if key == "bad":
            raise ValueError(key)
        return value_of(key)


class TestAPartWithTwoRuns:
    SELECTED = 'one: partOfRuns(key: "one") two: partOfRuns(key: "%s") other'

    @pytest.mark.parametrize("second", ["two", "bad"])
    @pytest.mark.parametrize("error", ["", "error { code }"])
    def test_is_pending_whole_where_one_of_them_is(self, ask, second, error):
        pend("one")
        selected = self.SELECTED % second
        answer = ask(Runs)(
            f"{{ dashboard {{ {selected} pending {{ name }}"
            f" edges {{ node {{ name {selected} {error} }} }} }} }}"
        )
        assert answer.errors is None
        found = answer.data["dashboard"]
        assert [found["one"], found["two"], found["other"]] == [None, None, "OTHER"]
        assert found["pending"] == [{"name": "partOfRuns"}]
        assert names_of(found) == ["other"]

    @pytest.mark.parametrize("ages", [(4.0, 40.0), (40.0, 4.0)])
    def test_has_the_longest_of_their_waits(self, page, ages):
        page.kind = Runs
        for name, age in zip(("one", "two"), ages, strict=True):
            pend(name, age=age, progress=age / 100)
        (entry,) = page(self.SELECTED % "two")["pending"]
        assert entry["retryAfter"] > 8
        assert entry["progress"] == 0.4

    def test_is_delivered_whole_once_both_are_there(self, page):
        page.kind = Runs
        pend("two")
        after = page(self.SELECTED % "two")["pageInfo"]["endCursor"]
        WAITS.clear()
        (edge,) = page(self.SELECTED % "two", after=after)["edges"]
        assert edge["node"] == {"name": "partOfRuns", "one": "ONE", "two": "TWO", "other": None}


def test_a_walk_that_waits_for_longer_than_the_limit_ends_with_a_timeout(page):
    pend("a")
    selected = f"status error {{ code retryable }} {ALL}"
    with time_machine.travel(1_700_000_000, tick=False) as clock:
        after = page(selected, first=4)["pageInfo"]["endCursor"]
        clock.shift(599)
        waiting = page(selected, first=4, after=after)
        assert pending_in(waiting) == ["a"]
        clock.shift(2)
        ended = page(selected, first=4, after=waiting["pageInfo"]["endCursor"])
    (edge,) = ended["edges"]
    assert (edge["node"]["name"], edge["node"]["status"]) == ("a", "TIMEOUT")
    assert edge["node"]["error"] == {"code": "part_timed_out", "retryable": True}
    assert (ended["pending"], ended["pageInfo"]["hasNextPage"]) == ([], False)


def test_the_signal_tells_of_a_pending_part_only_once_it_has_ended(page):
    heard = []

    def hear(sender, name, **_):
        heard.append(name)

    signals.part_resolved.connect(hear)
    try:
        pend("a")
        after = page(first=2)["pageInfo"]["endCursor"]
        assert heard == ["b"]
        WAITS.clear()
        page(first=1, after=after)
        assert heard == ["b", "a", "c"]
    finally:
        signals.part_resolved.disconnect(hear)


def under_guards(func):
    return safe_call(with_timeout(cached_for(60, key="guarded")(func), 30), fallback="fallback")


class Shapes(ProgressiveConnection):
    """A part of each shape, which is pending while it waits for its name."""

    chunk_size = 20

    plain = Part(graphene.String)
    coroutine = Part(graphene.String)
    awaited = Part(graphene.String)
    grouped = Part(graphene.String)
    guarded = Part(graphene.String)
    generated = Part(graphene.List(graphene.String))
    method = Part(graphene.String)
    resolve_plain = resolver("plain")

    async def resolve_coroutine(self, info):
        return value_of("coroutine")

    def resolve_awaited(self, info):
        async def later():
            return value_of("awaited")

        return later()

    async def resolve_grouped(self, info):
        try:
            return value_of("grouped")
        except PartPending as exc:
            raise BaseExceptionGroup("of a group of tasks", [exc]) from None

    @under_guards
    def resolve_guarded(self, info):
        return value_of("guarded")

    def resolve_generated(self, info):
        return (value_of(name) for name in ["generated"])

    def get_parts(self):
        return [*super().get_parts()[:-1], ("method", lazy(self.get_method))]

    def get_method(self, request):
        return value_of("method")


SHAPES = [*Shapes._parts]


@pytest.mark.usefixtures("transacted")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_part_of_any_shape_may_be_pending(page, monkeypatch, shape, concurrency):
    monkeypatch.setattr(Shapes, "concurrency", concurrency)
    page.kind = Shapes
    pend(shape)
    first = page(" ".join(SHAPES))
    assert names_of(first) == [name for name in SHAPES if name != shape]
    assert pending_in(first) == [shape]
    WAITS.clear()
    last = page(" ".join(SHAPES), after=first["pageInfo"]["endCursor"])
    (edge,) = last["edges"]
    made = shape.upper()
    assert edge["node"][shape] == ([made] if shape == "generated" else made)


class PendingCustomer(DjangoObjectType):
    class Meta:
        model = Customer
        interfaces = (graphene.relay.Node,)
        fields = ("name",)


class Wrapped(ProgressiveConnection):
    listed = Part(DjangoListField(PendingCustomer))
    paged = Part(DjangoConnectionField(PendingCustomer))

    def resolve_listed(self, info):
        value_of("listed")
        return Customer.objects.all()

    def resolve_paged(self, info, **arguments):
        value_of("paged")
        return Customer.objects.all()


@pytest.mark.usefixtures("transacted")
@pytest.mark.parametrize("name", ["listed", "paged"])
def test_a_part_that_wraps_a_field_of_graphene_django_may_be_pending(page, name):
    Customer.objects.create(name="ann", email="ann@example.com", city="x")
    page.kind = Wrapped
    selected = "listed { name } paged(first: 1) { edges { node { name } } }"
    pend(name)
    first = page(selected)
    assert (names_of(first), pending_in(first)) == (
        [other for other in ("listed", "paged") if other != name],
        [name],
    )
    WAITS.clear()
    (edge,) = page(selected, after=first["pageInfo"]["endCursor"])["edges"]
    ann = {"name": "ann"}
    assert edge["node"][name] == ([ann] if name == "listed" else {"edges": [{"node": ann}]})


class Item(graphene.ObjectType):
    letters = ProgressiveConnectionField(Letters)


class Outer(ProgressiveConnection):
    item = Part(Item)

    def resolve_item(self, info):
        return Item()


def test_a_part_of_a_connection_below_a_part_may_be_pending(ask):
    pend("a")
    query = "{ dashboard { pending { name } pageInfo { hasNextPage } item { letters(first: 2) {%s} } } }"
    inside = "pending { name } pageInfo { hasNextPage endCursor } a b"
    found = ask(Outer)(query % inside).data["dashboard"]
    assert (found["pending"], found["pageInfo"]["hasNextPage"]) == ([], False)
    letters = found["item"]["letters"]
    assert (letters["pending"], letters["a"], letters["b"]) == ([{"name": "a"}], None, "B")
    assert owed_by(letters["pageInfo"]["endCursor"]) == ["a"]


def test_pages_that_wait_keep_the_time_since_which_they_owe_a_part(page):
    pend("a")
    with time_machine.travel(1_700_000_000, tick=False) as clock:
        first = page(first=1)["pageInfo"]["endCursor"]
        clock.shift(60)
        second = page(first=1, after=first)["pageInfo"]["endCursor"]
        assert read(second).owed == {"a": 1_700_000_000}
