"""Parts inside a transaction: a failed part or helper is undone, and the others keep their work."""

import asyncio

import pytest
from django.db import transaction
from django.db.models.expressions import RawSQL

from django_partstream import lazy, safe_call
from django_partstream.outcomes import Status
from tests import services

pytestmark = pytest.mark.django_db(databases=services.DATABASES)


def broken(rows):
    """A query set that fails in the database, once it is evaluated."""
    return rows.annotate(x=RawSQL("no_such_column + 1", [])).values("x")


def test_on_commit_hooks_fire_for_kept_parts_and_not_for_undone_parts(
    deliver, customers, django_capture_on_commit_callbacks
):
    fired = []

    def writes(request, name, *, fails):
        transaction.on_commit(lambda: fired.append(name), using=customers.alias)
        with customers.atomic():
            transaction.on_commit(lambda: fired.append(f"{name}, within"), using=customers.alias)
        if fails:
            raise ValueError

    with django_capture_on_commit_callbacks(using=customers.alias, execute=True):
        deliver(
            a=lazy(writes, "kept", fails=False),
            b=lazy(writes, "undone", fails=True),
            c=lazy(writes, "kept too", fails=False),
        )
    assert fired == ["kept", "kept, within", "kept too", "kept too, within"]


def test_on_commit_hooks_of_a_helper_that_safe_call_undid_do_not_fire(
    deliver, customers, django_capture_on_commit_callbacks
):
    fired = []

    @safe_call(fallback=None)
    def helper(request):
        transaction.on_commit(lambda: fired.append("helper"), using=customers.alias)
        raise ValueError

    def part(request):
        transaction.on_commit(lambda: fired.append("part"), using=customers.alias)
        helper(request)
        return "done"

    with django_capture_on_commit_callbacks(using=customers.alias, execute=True):
        assert deliver(a=lazy(part))["a"].value == "done"
    assert fired == ["part"]


@pytest.mark.django_db(transaction=True, databases=services.DATABASES)
def test_on_commit_hooks_of_a_page_in_one_transaction_fire_at_its_end(deliver, customers):
    fired = []

    def writes(request, name, *, fails=False):
        customers.create(name)
        transaction.on_commit(lambda: fired.append(name), using=customers.alias)
        if fails:
            raise ValueError

    with customers.atomic():
        deliver(a=lazy(writes, "kept"), b=lazy(writes, "undone", fails=True))
        assert fired == []
    assert fired == ["kept"]
    assert customers.names() == {"kept"}


@pytest.mark.parametrize("options", [{}, {"fallback": None}, {"fallback": 0}], ids=str)
def test_a_part_with_a_helper_that_fell_back_keeps_its_own_rows(deliver, customers, options):
    @safe_call(**options)
    def helper(request):
        customers.create("lost")
        raise ValueError

    def part(request):
        customers.create("before")
        helper(request)
        customers.create("after")
        return "wrote"

    outcome = deliver(a=lazy(part))["a"]
    assert (outcome.status, outcome.value) == (Status.FALLBACK, "wrote")
    assert customers.names() == {"before", "after"}


def test_rows_of_a_failed_coroutine_helper_are_kept_with_its_part(deliver, customers):
    @safe_call(fallback=None)
    async def helper(request):
        await customers.acreate("lost")
        raise ValueError

    async def part(request):
        await customers.acreate("before")
        await helper(request)
        return await customers.all.acount()

    outcome = deliver(a=lazy(part))["a"]
    assert (outcome.status, outcome.value) == (Status.FALLBACK, 2)
    assert customers.names() == {"before", "lost"}


def test_coroutine_helpers_that_run_at_once_do_not_undo_each_other(deliver, customers):
    @safe_call(fallback=None)
    async def helper(request, name):
        await customers.acreate(name)
        if name == "b":
            raise ValueError
        return name

    async def part(request):
        return await asyncio.gather(helper(request, "a"), helper(request, "b"))

    outcomes = deliver(a=lazy(part), b=lazy(customers.count))
    assert outcomes["a"].value == ["a", None]
    assert outcomes["b"].status is Status.OK


def test_a_coroutine_part_that_falls_back_is_undone(deliver, customers):
    async def part(request):
        await customers.acreate("lost")
        raise ValueError

    outcomes = deliver(a=lazy(safe_call(part, fallback=0)))
    assert outcomes["a"].status is Status.FALLBACK
    assert customers.names() == set()


def test_a_part_can_still_query_after_its_helper_failed_in_the_database(deliver, customers):
    customers.create("there")

    @safe_call(fallback=[])
    def helper(request):
        return list(broken(customers.all))

    outcomes = deliver(
        a=lazy(lambda request: [helper(request), customers.count()]), b=lazy(customers.count)
    )
    assert [one.value for one in outcomes.values()] == [[[], 1], 1]
    assert [one.status for one in outcomes.values()] == ["fallback", "ok"]
    assert not customers.connection.needs_rollback


def test_a_lazy_query_set_that_fails_in_the_database_does_not_fail_later_parts(deliver, customers):
    customers.create("there")
    outcomes = deliver(
        whole=lambda value: value if isinstance(value, int) else list(value),
        a=lazy(lambda request: broken(customers.all)),
        b=lazy(customers.count),
    )
    assert [one.status for one in outcomes.values()] == ["error", "ok"]
    assert outcomes["b"].value == 1


def test_rows_of_helpers_are_undone_with_their_part(deliver, customers):
    def part(request):
        safe_call(customers.create)("helper")
        raise ValueError

    deliver(a=lazy(part))
    assert customers.names() == set()
