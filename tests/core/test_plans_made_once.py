"""A plan that was made once is not made again on each page."""

import pytest

from django_partstream import lazy
from django_partstream.exceptions import PlanError
from django_partstream.parts import Plan, plan_of

PLAN = Plan([(f"part_{number}", lazy(lambda request: None)) for number in range(1_000)])


class Owner:
    def get_parts(self):
        return PLAN


def test_a_plan_returned_by_get_parts_is_used_unchanged_for_every_page():
    assert plan_of(Owner()) is PLAN is plan_of(Owner())


def test_pages_of_a_plan_made_once_follow_one_another():
    page = PLAN.page(after=None, size=2)
    following = PLAN.page(after=page.cursor(), size=2)
    assert (page.names, following.names) == (("part_0", "part_1"), ("part_2", "part_3"))
    assert following.total == 1_000


def test_a_bad_plan_is_refused_when_it_is_made():
    with pytest.raises(PlanError, match="twice"):
        Plan([("a", 1), ("a", 2)])
