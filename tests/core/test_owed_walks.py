"""Each part arrives exactly once, in whatever order parts end and wherever a walk is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_partstream.cursors import Cursor
from django_partstream.parts import Plan
from tests.core.owed_walks import Simulation, names, walked
from tests.properties import examples

subsets = st.sets(st.integers(0, 7))

simulated = examples(60)


@simulated
@given(st.data(), names)
def test_a_walk_of_pages_and_streams_delivers_each_part_once_and_ends(data, present):
    had = Simulation(data, list(present)).run().had
    assert len(had) == len(set(had))
    assert set(had) == set(present)


@simulated
@given(st.data(), names, subsets)
def test_a_walk_of_chosen_parts_delivers_each_of_them_once_and_ends(data, present, indices):
    only = {name for index, name in enumerate(present) if index in indices}
    had = Simulation(data, list(present), only=only).run().had
    assert sorted(had) == sorted(only)


@simulated
@given(st.data(), names, subsets)
def test_parts_that_stay_arrive_once_while_others_come_and_go_and_move(data, present, indices):
    steady = {name for index, name in enumerate(present) if index in indices}
    had = walked(Simulation(data, list(present)), steady)
    assert had is None or sorted(had) == sorted(steady)


@simulated
@given(st.data(), names, subsets)
def test_chosen_parts_that_stay_arrive_once_while_others_come_and_go(data, present, indices):
    only = {name for index, name in enumerate(present) if index in indices}
    had = walked(Simulation(data, list(present), only=set(only)), only)
    assert had is None or sorted(had) == sorted(only)


@pytest.mark.parametrize("limit", [400, 512])
def test_no_cursor_of_a_walk_is_longer_than_the_limit(settings, limit):
    settings.PARTSTREAM = {"MAX_CURSOR_LENGTH": limit}

    @simulated
    @given(st.data(), names, st.integers(0, 600))
    def walks(data, present, length):
        simulation = Simulation(data, list(present), limit=limit, query="q" * length)
        assert sorted(simulation.run().had) == sorted(present)  # sign() looks at each cursor

    walks()


@simulated
@given(st.data(), names)
def test_a_part_that_is_owed_and_not_selected_stays_owed(data, present):
    """A selection may narrow, and widen again, between any two pages of a walk."""
    plan, after, had = Plan([(name, None) for name in present]), None, []
    wanted = st.none() | st.sets(st.sampled_from(present)) if present else st.none()
    for _ in range(20):
        only = data.draw(wanted, label="only")
        page = plan.page(after=after, size=data.draw(st.integers(1, 3), label="size"), only=only)
        pending = data.draw(st.sets(st.sampled_from(page.names)) if page.names else st.just(set()))
        if pending:
            page = page.without(pending, limit=2048)
        before = set() if after is None else set(after.owed)
        had += page.names
        if not (page.names or pending or before):
            continue
        after = page.cursor()
        assert set(after.owed) == (before | pending) - set(page.names)
    assert len(had) == len(set(had))


@given(names, subsets, st.integers(0, 8))
def test_the_cursor_of_each_edge_is_the_walk_as_if_the_page_had_ended_there(present, owed, front):
    """Followed from any edge, the rest of the walk is the same."""
    plan = Plan([(name, None) for name in present])
    if front >= len(present):
        return
    debts = {present[index]: 7 for index in owed if index <= front}
    after = Cursor(after=present[front], position=front, owed=debts)
    page = plan.page(after=after, size=3)
    every = plan.page(after=after, size=None).names
    for index in range(len(page.names)):
        rest = plan.page(after=page.cursor(index), size=None)
        assert page.names[: index + 1] + rest.names == every
