"""Pages of a REST walk that owes parts."""

import pytest

from django_partstream import ProgressiveView, lazy
from django_partstream.cursors import read
from tests.owing import owing


class Letters(ProgressiveView):
    def get_parts(self):
        return [(name, lazy(self.value, name)) for name in "abcdef"]

    def value(self, request, name):
        if name == "b":
            raise ValueError(name)
        return request.query_params.get("q", name)


@pytest.fixture
def letters(serve):
    """Take a page of letters: ``letters("?q=1", cursor=...)``."""
    client = serve(Letters)

    def page(query="?", **params):
        response = client.get(f"/{query}", params)
        assert response.status_code == 200
        return response.json()

    page.client = client
    return page


def names_of(page):
    return [name for result in page["results"] for name in result]


def test_a_page_carries_owed_parts_beside_its_chunk_and_counts_them_all(letters):
    place = letters()["cursor"]
    page = letters(cursor=owing(place, "a"))
    assert names_of(page) == ["a", "c", "d"]
    assert page["meta"] == {"total_parts": 6, "current_chunk_size": 3, "has_more": True}
    last = letters(cursor=page["cursor"])
    assert (names_of(last), last["cursor"]) == (["e", "f"], None)
    assert read(page["cursor"]).owed == {}


def test_a_page_of_owed_parts_alone_ends_the_walk(letters):
    page = letters(cursor=owing(letters()["cursor"], "a", "f", front=("f", 5)))
    assert (names_of(page), page["cursor"]) == (["a", "f"], None)
    assert page["meta"] == {"total_parts": 6, "current_chunk_size": 2, "has_more": False}


def test_a_cursor_that_names_no_part_leads_to_the_first_page(letters):
    page = letters(cursor=owing(letters()["cursor"], front=("", -1)))
    assert (names_of(page), page["meta"]["has_more"]) == (["a", "b"], True)


def test_the_error_of_an_owed_part_has_its_index_in_the_results(letters):
    page = letters(cursor=owing(letters()["cursor"], "a", "b"))
    assert names_of(page) == ["a", "b", "c", "d"]
    assert [(error["part"], error["index"]) for error in page["errors"]] == [("b", 1)]


def test_a_walk_that_owes_parts_keeps_the_query_of_its_first_request(letters):
    place = letters("?q=asked")["cursor"]
    page = letters(cursor=owing(place, "a"))
    assert page["results"] == [{"a": "asked"}, {"c": "asked"}, {"d": "asked"}]


def test_a_walk_of_chosen_parts_ends_though_another_part_is_owed(letters):
    place = owing(letters()["cursor"], "a", "b")
    page = letters(cursor=place, parts="b,c,d,e")
    assert (names_of(page), page["meta"]["has_more"]) == (["b", "c", "d"], True)
    assert set(read(page["cursor"]).owed) == {"a"}
    last = letters(cursor=page["cursor"])
    assert (names_of(last), last["cursor"]) == (["e"], None)


def test_a_cursor_that_owes_only_parts_that_are_not_chosen_is_followed_to_an_empty_last_page(
    letters,
):
    page = letters(cursor=owing(letters()["cursor"], "a"), parts="b")
    assert page["results"] == []
    assert page["cursor"] is None
    assert page["meta"] == {"total_parts": 1, "current_chunk_size": 0, "has_more": False}


def test_a_head_of_a_walk_that_owes_parts_links_to_the_page_that_its_get_links_to(letters):
    token = owing(letters()["cursor"], "a")
    head = letters.client.head("/", {"cursor": token})
    cursor = head["Link"].partition("cursor=")[2].partition(">")[0]
    assert names_of(letters(cursor=cursor)) == ["e", "f"]
    assert read(cursor).owed == {}
