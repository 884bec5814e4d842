"""Walks over GraphQL requests lose and repeat no part, though parts come, go and fail between pages."""

import graphene
import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_partstream import lazy
from partstream_graphql import Part, ProgressiveConnection
from tests.properties import examples

NAMES = [f"part{number}" for number in range(8)]


class Parts:
    order: list[str] = []
    failing: set[str] = set()

    def get_parts(self):
        return [(name, lazy(self.value, name)) for name in self.order]

    def value(self, request, name):
        if name in self.failing:
            raise ValueError(name)
        return name


Changing = type(
    "Changing", (Parts, ProgressiveConnection), {name: Part(graphene.String) for name in NAMES}
)

FIELDS = " ".join(NAMES)
QUERY = f"""
query ($first: Int, $after: String) {{ dashboard(first: $first, after: $after) {{
  totalCount pageInfo {{ hasNextPage endCursor }}
  edges {{ node {{ name status error {{ code }} {FIELDS} }} }}
}} }}
"""


@examples(40)
@given(st.permutations(NAMES), st.sets(st.sampled_from(NAMES)), st.integers(1, 5), st.data())
def test_a_graphql_walk_delivers_each_part_that_stays_once_and_ends(
    ask, order, steady, first, data
):
    query = ask(Changing)
    Changing.order = list(order)
    delivered, after = [], None
    for _ in range(30):
        Changing.failing = data.draw(st.sets(st.sampled_from(NAMES)))
        answer = query(QUERY, first=first, after=after)
        if answer.errors:
            assert [error["extensions"]["code"] for error in answer.errors] == ["CURSOR_STALE"]
            return
        page = answer.data["dashboard"]
        assert page["totalCount"] == len(Changing.order)
        assert len(page["edges"]) <= first
        for edge in page["edges"]:
            node = edge["node"]
            name = node["name"]
            delivered.append(name)
            failed = name in Changing.failing
            assert node["status"] == ("ERROR" if failed else "OK")
            assert node["error"] == ({"code": "part_failed"} if failed else None)
            assert {other: node[other] for other in NAMES if node[other]} == (
                {} if failed else {name: name}
            )
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
        # Any part that is not steady may go, and a part that is gone may come back on a later page.
        Changing.order = [name for name in order if name in steady or data.draw(st.booleans())]
    else:
        pytest.fail("the walk did not end")
    assert len(delivered) == len(set(delivered))
    assert [name for name in delivered if name in steady] == [
        name for name in order if name in steady
    ]
