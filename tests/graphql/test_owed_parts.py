"""Pages of a connection whose walk owes parts."""

import graphene
import pytest

from django_partstream.cursors import read
from partstream_graphql import Part, ProgressiveConnection
from tests.owing import owing


def resolver(name):
    return lambda connection, info: name


class Letters(ProgressiveConnection):
    a, b, c, d, e, f = (Part(graphene.String) for _ in range(6))
    resolve_a, resolve_b, resolve_c = map(resolver, "abc")
    resolve_d, resolve_e, resolve_f = map(resolver, "def")


@pytest.fixture
def letters(ask):
    """Take a page of letters: ``letters("a b c", first=2, after=...)``."""
    query = ask(Letters)

    def page(selected, **variables):
        text = f"""query ($first: Int, $after: String) {{
          dashboard(first: $first, after: $after) {{
            totalCount pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
            edges {{ cursor node {{ name {selected} }} }}
        }} }}"""
        answer = query(text, **variables)
        assert answer.errors is None
        return answer.data["dashboard"]

    return page


def names_of(page):
    return [edge["node"]["name"] for edge in page["edges"]]


def owed_by(cursor):
    return "".join(read(cursor).owed)


ALL = "a b c d e f"


def test_the_edges_of_owed_parts_come_first_and_do_not_count_towards_first(letters):
    place = letters(ALL, first=3)["pageInfo"]["endCursor"]
    page = letters(ALL, first=2, after=owing(place, "a", "c"))
    assert names_of(page) == ["a", "c", "d", "e"]
    assert [edge["node"][edge["node"]["name"]] for edge in page["edges"]] == list("acde")
    assert [owed_by(edge["cursor"]) for edge in page["edges"]] == ["c", "", "", ""]
    info = page["pageInfo"]
    assert info["startCursor"] == page["edges"][0]["cursor"]
    assert info["endCursor"] == page["edges"][-1]["cursor"]
    assert (info["hasNextPage"], info["hasPreviousPage"]) == (True, True)


def test_a_walk_goes_on_from_each_edge_without_loss_or_repetition(letters):
    place = letters(ALL, first=3)["pageInfo"]["endCursor"]
    page = letters(ALL, first=2, after=owing(place, "a", "c"))
    for number, edge in enumerate(page["edges"], 1):
        rest = names_of(letters(ALL, first=9, after=edge["cursor"]))
        assert names_of(page)[:number] + rest == list("acdef")


def test_an_owed_part_that_is_not_selected_stays_owed_and_makes_no_next_page(letters):
    place = letters(ALL, first=3)["pageInfo"]["endCursor"]
    page = letters("b e", first=9, after=owing(place, "a", "b", "c"))
    assert (names_of(page), page["totalCount"]) == (["b", "e"], 2)
    assert page["pageInfo"]["hasNextPage"] is False
    assert owed_by(page["pageInfo"]["endCursor"]) == "ac"
    wider = letters(ALL, first=9, after=page["pageInfo"]["endCursor"])
    assert names_of(wider) == ["a", "c", "f"]


def test_the_end_cursor_of_a_page_without_edges_keeps_what_is_owed(letters):
    place = letters(ALL, first=3)["pageInfo"]["endCursor"]
    page = letters("b", first=9, after=owing(place, "a"))
    assert (page["edges"], page["pageInfo"]["hasNextPage"]) == ([], False)
    assert page["pageInfo"]["startCursor"] is None
    assert names_of(letters(ALL, first=1, after=page["pageInfo"]["endCursor"])) == ["a", "d"]
    nothing = letters("b", first=9, after=place)
    assert nothing["pageInfo"]["endCursor"] is None
