"""Parts inside a transaction: what they undo, what they keep, and what they leave to the others."""

import asyncio

import pytest
from django.db import connection, transaction
from django.db.models.expressions import RawSQL

from django_partstream import lazy, safe_call
from django_partstream.outcomes import Status
from example_schema.models import Customer

pytestmark = pytest.mark.django_db


def write(name):
    Customer.objects.create(name=name, email=f"{name}@example.com", city="x")


def names():
    return set(Customer.objects.values_list("name", flat=True))


def broken_rows(request=None):
    """A query set that fails in the database, once it is evaluated."""
    return Customer.objects.annotate(x=RawSQL("no_such_column + 1", [])).values("x")


def count(request):
    return Customer.objects.count()


def test_hooks_of_an_undone_part_do_not_fire_and_those_of_a_kept_one_do(
    deliver, django_capture_on_commit_callbacks
):
    fired = []

    def writes(request, name, *, fails):
        transaction.on_commit(lambda: fired.append(name))
        with transaction.atomic():
            transaction.on_commit(lambda: fired.append(f"{name}, within"))
        if fails:
            raise ValueError

    with django_capture_on_commit_callbacks(execute=True):
        deliver(
            a=lazy(writes, "kept", fails=False),
            b=lazy(writes, "undone", fails=True),
            c=lazy(writes, "kept too", fails=False),
        )
    assert fired == ["kept", "kept, within", "kept too", "kept too, within"]


def test_hooks_of_a_helper_that_safe_call_undid_do_not_fire(
    deliver, django_capture_on_commit_callbacks
):
    fired = []

    @safe_call(fallback=None)
    def helper(request):
        transaction.on_commit(lambda: fired.append("helper"))
        raise ValueError

    def part(request):
        transaction.on_commit(lambda: fired.append("part"))
        helper(request)
        return "done"

    with django_capture_on_commit_callbacks(execute=True):
        assert deliver(a=lazy(part))["a"].value == "done"
    assert fired == ["part"]


@pytest.mark.django_db(transaction=True)
def test_when_the_page_is_one_transaction_its_kept_hooks_fire_at_its_end(deliver):
    fired = []

    def writes(request, name, *, fails=False):
        write(name)
        transaction.on_commit(lambda: fired.append(name))
        if fails:
            raise ValueError

    with transaction.atomic():
        deliver(a=lazy(writes, "kept"), b=lazy(writes, "undone", fails=True))
        assert fired == []
    assert fired == ["kept"]
    assert names() == {"kept"}


@pytest.mark.parametrize("options", [{}, {"fallback": None}, {"fallback": 0}], ids=str)
def test_a_part_whose_helper_fell_back_keeps_what_it_wrote(deliver, options):
    @safe_call(**options)
    def helper(request):
        write("lost")
        raise ValueError

    def part(request):
        write("before")
        helper(request)
        write("after")
        return "wrote"

    outcome = deliver(a=lazy(part))["a"]
    assert (outcome.status, outcome.value) == (Status.FALLBACK, "wrote")
    assert names() == {"before", "after"}


def test_what_a_coroutine_helper_did_is_its_parts_to_keep(deliver):
    @safe_call(fallback=None)
    async def helper(request):
        await Customer.objects.acreate(name="lost", email="lost@example.com", city="x")
        raise ValueError

    async def part(request):
        await Customer.objects.acreate(name="before", email="before@example.com", city="x")
        await helper(request)
        return await Customer.objects.acount()

    outcome = deliver(a=lazy(part))["a"]
    assert (outcome.status, outcome.value) == (Status.FALLBACK, 2)
    assert names() == {"before", "lost"}


def test_coroutine_helpers_that_run_at_once_do_not_undo_each_other(deliver):
    @safe_call(fallback=None)
    async def helper(request, name):
        await Customer.objects.acreate(name=name, email=f"{name}@example.com", city="x")
        if name == "b":
            raise ValueError
        return name

    async def part(request):
        return await asyncio.gather(helper(request, "a"), helper(request, "b"))

    outcomes = deliver(a=lazy(part), b=lazy(lambda request: Customer.objects.count()))
    assert outcomes["a"].value == ["a", None]
    assert outcomes["b"].status is Status.OK


def test_a_coroutine_part_that_falls_back_is_undone(deliver):
    async def part(request):
        await Customer.objects.acreate(name="lost", email="lost@example.com", city="x")
        raise ValueError

    outcomes = deliver(a=lazy(safe_call(part, fallback=0)))
    assert outcomes["a"].status is Status.FALLBACK
    assert names() == set()


def test_after_a_helper_failed_in_the_database_its_part_can_still_query(deliver):
    write("there")

    @safe_call(fallback=[])
    def helper(request):
        return list(broken_rows())

    outcomes = deliver(a=lazy(lambda request: [helper(request), count(request)]), b=lazy(count))
    assert [one.value for one in outcomes.values()] == [[[], 1], 1]
    assert [one.status for one in outcomes.values()] == ["fallback", "ok"]
    assert not connection.needs_rollback


def test_a_lazy_query_set_that_fails_in_the_database_does_not_cost_later_parts(deliver):
    write("there")
    outcomes = deliver(
        whole=lambda value: value if isinstance(value, int) else list(value),
        a=lazy(broken_rows),
        b=lazy(count),
    )
    assert [one.status for one in outcomes.values()] == ["error", "ok"]
    assert outcomes["b"].value == 1


def test_in_a_part_that_is_undone_so_is_what_its_helpers_did(deliver):
    def part(request):
        safe_call(write)("helper")
        raise ValueError

    deliver(a=lazy(part))
    assert names() == set()
