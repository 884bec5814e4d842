"""What a walk notes of the parts in its process: statements, limits, calls of ``get_parts()``."""

from types import SimpleNamespace

import pytest
from django.db import connection

from django_partstream import ProgressiveView, lazy, safe_call, with_timeout
from django_partstream.endpoints import Endpoint
from django_partstream.signals import part_resolved
from django_partstream.walking.hints import parts
from django_partstream.walking.watching import Watch
from example_schema.models import Customer
from tests.commands import figures, walk
from tests.rest.streaming import view_of

pytestmark = pytest.mark.django_db


def customers(request, number=30):
    return [Customer.objects.filter(pk=pk).count() for pk in range(number)]


def same(request):
    return [Customer.objects.filter(pk=1).count() for _ in range(2)]


async def asame(request):
    return [await Customer.objects.filter(pk=1).acount() for _ in range(2)]


BY = pytest.mark.parametrize("by", [(), ("--stream",)], ids=["pages", "stream"])


@BY
def test_a_part_with_a_query_for_each_row_is_told(by, serve):
    serve(view_of(("orders", lazy(customers)), ("few", lazy(customers, 9))))
    text = figures("/", *by).hints["rows"]
    assert text.startswith("orders runs a statement with 30 sets of parameters: SELECT COUNT(*)")


@BY
@pytest.mark.parametrize("other", [same, asame, with_timeout(same, 30)])
def test_parts_that_ask_the_same_are_told_wherever_they_run(other, by, serve):
    serve(view_of(("a", lazy(same)), ("b", lazy(other)), chunk_size=1))
    text = figures("/", *by).hints["equal_statements"]
    assert text.startswith("a and b run a statement 4 times in a walk, with the same parameters")


@pytest.mark.django_db(transaction=True)
@BY
def test_statements_of_parts_in_threads_are_noted(by, serve):
    serve(view_of(("a", lazy(with_timeout(customers, 30))), ("b", lazy(customers)), concurrency=2))
    hints = [hint["text"] for hint in figures("/", *by).json["hints"] if hint["kind"] == "rows"]
    assert sorted(text.split()[0] for text in hints) == ["a", "b"]


def test_the_savepoints_of_parts_are_no_statements(serve):
    parts = [(name, lazy(lambda request: 1)) for name in "abcdefghijkl"]
    serve(view_of(*parts, chunk_size=12))
    assert not {"rows", "equal_statements"} & figures("/").hints.keys()


class Immediate(ProgressiveView):
    chunk_size = 1

    def get_parts(self):
        return [
            ("overview", Customer.objects.count()),
            ("later", lazy(lambda request: 1)),
            ("nothing", None),
        ]


def test_an_immediate_part_that_asks_the_database_on_each_page_is_told(serve):
    serve(Immediate)
    text = figures("/").hints["planning"]
    assert "makes 1 query, on each page. overview is not lazy:" in text


def test_the_statements_of_an_immediate_part_count_for_no_part(serve):
    class Many(Immediate):
        def get_parts(self):
            return [("numbers", customers(None))]

    serve(Many)
    hints = figures("/").hints
    assert "planning" in hints
    assert "rows" not in hints


@pytest.mark.parametrize("guard", [lambda func: func, safe_call])
def test_a_part_near_its_limit_is_told(guard, serve, monkeypatch):
    monkeypatch.setattr(parts, "NEAR", 0.0)
    serve(view_of(("a", lazy(guard(with_timeout(same, 30)))), ("b", lazy(lambda request: 1))))
    text = figures("/").hints["near_limit"]
    assert text.startswith("a took up to ")
    assert "its limit is 30 s" in text


def test_nothing_is_left_of_a_watch(serve):
    plan, receivers = vars(Endpoint)["plan"], [*part_resolved.receivers]
    wrappers = [*connection.execute_wrappers]
    serve(view_of(("a", lazy(same))))
    assert walk("/").code == 0
    assert vars(Endpoint)["plan"] is plan
    assert part_resolved.receivers == receivers
    assert connection.execute_wrappers == wrappers


@pytest.mark.parametrize(("aliases", "number"), [(["a", "a"], 1), (["a", "b"], 2)])
def test_the_parameters_of_a_statement_are_equal_on_the_same_database_alone(aliases, number):
    watch = Watch(lambda owner, name, value: None)
    for alias in aliases:
        context = {"connection": SimpleNamespace(alias=alias)}
        watch._note(lambda *told: None, "SELECT 1", (), False, context)
    assert len({each.params for each in watch.statements}) == number
