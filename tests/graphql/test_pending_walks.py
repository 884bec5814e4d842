"""Walks of a connection whose parts are there at random: each part once, and the walk ends."""

import graphene
import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_partstream import lazy
from django_partstream.exceptions import PartPending
from partstream_graphql import Part, ProgressiveConnection
from tests.properties import examples

NAMES = [f"part{number}" for number in range(7)]


class Parts:
    #: How many more tries find each part pending.
    tries: dict[str, int] = {}

    def get_parts(self):
        return [(name, lazy(self.value, name)) for name in NAMES]

    def value(self, request, name, run=""):
        left = self.tries.get(name + run, 0)
        if left:
            self.tries[name + run] = left - 1
            raise PartPending(name, limit=600)
        return name + run


class Walked(Parts, ProgressiveConnection):
    part0, part1, part2, part3, part4, part5, part6 = (
        Part(graphene.String, run=graphene.String()) for _ in NAMES
    )


def query_for(selected):
    return f"""query ($first: Int, $after: String) {{ dashboard(first: $first, after: $after) {{
      totalCount pageInfo {{ hasNextPage endCursor }} pending {{ name retryAfter }}
      edges {{ cursor node {{ name status error {{ code }} {selected} }} }}
    }} }}"""


@pytest.fixture
def walk(ask):
    """Walk to the end, from page to page or from edges: the names of the edges, in order."""
    query = ask(Walked)

    def walked(selected, *, chosen, first, cut):
        names, after = [], None
        for _ in range(200):
            answer = query(query_for(selected), first=first, after=after)
            assert answer.errors is None
            page = answer.data["dashboard"]
            edges = page["edges"]
            waiting = {entry["name"] for entry in page["pending"]}
            assert page["totalCount"] == len(chosen)
            assert waiting.isdisjoint(edge["node"]["name"] for edge in edges)
            keep = cut(len(edges)) if edges else 0
            if keep:
                names += [edge["node"] for edge in edges[:keep]]
                after = edges[keep - 1]["cursor"]
                continue
            names += [edge["node"] for edge in edges]
            if not page["pageInfo"]["hasNextPage"]:
                assert not waiting
                return names
            after = page["pageInfo"]["endCursor"]
            assert after
        raise AssertionError("The walk did not end.")

    return walked


SCHEDULES = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 4))


@examples(60)
@given(SCHEDULES, st.sets(st.sampled_from(NAMES), min_size=1), st.integers(1, 8), st.data())
def test_a_walk_delivers_each_selected_part_once_whenever_it_is_there(
    walk, schedule, chosen, first, data
):
    Parts.tries = dict(schedule)

    def cut(edges):
        """A client may go on behind an edge rather than behind the page; 0 for the page."""
        return data.draw(st.integers(0, edges)) if data.draw(st.booleans()) else 0

    found = walk(" ".join(sorted(chosen)), chosen=chosen, first=first, cut=cut)
    assert sorted(node["name"] for node in found) == sorted(chosen)
    assert {node["name"]: node[node["name"]] for node in found} == {name: name for name in chosen}
    assert {node["status"] for node in found} == {"OK"}


@examples(30)
@given(
    st.dictionaries(
        st.sampled_from([f"{name}{run}" for name in NAMES for run in "xy"]), st.integers(1, 3)
    ),
    st.integers(1, 8),
)
def test_a_part_with_two_runs_is_delivered_once_with_both(walk, schedule, first):
    Parts.tries = dict(schedule)
    selected = " ".join(f'{run}{name}: {name}(run: "{run}")' for name in NAMES for run in "xy")
    found = walk(selected, chosen=NAMES, first=first, cut=lambda edges: 0)
    assert sorted(node["name"] for node in found) == NAMES
    for node in found:
        name = node["name"]
        values = {key: value for key, value in node.items() if key[0] in "xy" and value}
        assert values == {f"x{name}": f"{name}x", f"y{name}": f"{name}y"}
