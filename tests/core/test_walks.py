"""Parts that are there throughout a walk arrive exactly once, though others come and go."""

from hypothesis import given
from hypothesis import strategies as st

from django_partstream.exceptions import CursorStale
from django_partstream.parts import Plan

names = st.lists(
    st.text(
        st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters=","),
        min_size=1,
        max_size=4,
    ),
    unique=True,
    max_size=12,
)


def plan_of(present):
    return Plan([(name, None) for name in present])


@given(names, st.integers(1, 15))
def test_a_walk_delivers_each_part_once_and_ends(present, size):
    plan, after, delivered = plan_of(present), None, []
    for _ in range(len(present) + 1):
        page = plan.page(after=after, size=size)
        delivered += page.names
        assert len(page.names) <= size
        if not page.has_more:
            break
        after = page.cursor()
    assert delivered == present


@given(names, st.sets(st.integers(0, 11)), st.integers(1, 4))
def test_a_walk_of_chosen_parts_delivers_them_in_order(present, indices, size):
    chosen = [name for index, name in enumerate(present) if index in indices]
    plan, after, delivered = plan_of(present), None, []
    while True:
        page = plan.page(after=after, size=size, only=chosen)
        delivered += page.names
        assert page.total == len(chosen)
        if not page.has_more:
            break
        after = page.cursor()
    assert delivered == chosen


@given(names, st.integers(1, 4), st.data())
def test_parts_that_stay_throughout_a_walk_arrive_once_while_others_come_and_go(
    present, size, data
):
    steady = data.draw(st.sets(st.sampled_from(present) if present else st.nothing()))
    response, after, delivered, fresh = list(present), None, [], 0
    for _ in range(200):
        try:
            page = plan_of(response).page(after=after, size=size)
        except CursorStale:
            assert after.after not in response
            return  # the walk ended: the client is told to start again
        delivered += page.names
        if not page.has_more:
            break
        after = page.cursor()
        # Between two pages any part that is not steady may go, and new parts may come anywhere.
        response = [
            name for name in response if name in steady or data.draw(st.booleans(), label="stays")
        ]
        for _ in range(data.draw(st.integers(0, 2), label="come") if fresh < 10 else 0):
            fresh += 1
            response.insert(data.draw(st.integers(0, len(response))), f"new-{fresh}")
    else:
        raise AssertionError("the walk did not end")
    assert len(delivered) == len(set(delivered))
    assert [name for name in delivered if name in steady] == [
        name for name in present if name in steady
    ]
