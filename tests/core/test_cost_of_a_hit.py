"""
The cost of a hit of ``cached_for``, as a number of function calls: a busy machine does not change it.

Each bound is a little above the number of calls in Python 3.11, where a comprehension is a call,
with both fronts imported.
"""

import sys
from collections import Counter
from pathlib import Path
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.core.handlers.wsgi import WSGIRequest

import django_partstream
from django_partstream import cached_for, lazy, recorders
from django_partstream.canonical import SHORT, digest
from django_partstream.delivery import attempts
from django_partstream.endpoints import Endpoint

OURS = str(Path(django_partstream.__file__).parent)


@cached_for(60, key="cost of a hit")
def get(request, *args):
    return [1]


class View:
    """A stand-in for a view."""

    get_parts = None

    @cached_for(60, key="cost of a hit of a method")
    def get_rows(self, request):
        return [1]


def calls_of(func):
    """How often *func* calls functions of this library, and methods of the cache."""
    counts = Counter()

    def count(frame, event, arg):
        if event == "call":
            code = frame.f_code
            # The methods of a dataclass are in no file.
            if code.co_filename.startswith(OURS) or code.co_filename == "<string>":
                counts["ours"] += 1
            if code.co_name == "get_many":
                counts["get_many"] += 1

    func()
    sys.setprofile(count)
    try:
        func()
    finally:
        sys.setprofile(None)
    return counts


@pytest.fixture
def endpoint(request_of):
    """Make the endpoint of a page of a view."""

    def made(view=None, request=None, **options):
        request = request or request_of("/?a=1", user=User(pk=1))
        made = Endpoint(view or View(), request, address=["view", (), {"pk": 1}], **options)
        assert made.tenant is None
        return made

    return made


def part_of(endpoint):
    """A function that resolves the cached method of a view as a part."""
    rows, request = endpoint.owner.get_rows, endpoint.request

    def part():
        attempt = attempts.Attempt(
            endpoint, "rows", lambda: rows(request), whole=lambda value: value, guarded=rows
        )
        with recorders.recording(attempt):
            assert attempt.begin() == [1]

    return part


def test_a_hit_on_a_page_that_has_asked_before(endpoint):
    counts = calls_of(part_of(endpoint()))
    assert counts["get_many"] == 1
    assert counts["ours"] <= 66


def test_a_hit_on_a_new_page(endpoint):
    counts = calls_of(lambda: part_of(endpoint())())
    assert counts["get_many"] == 1
    assert counts["ours"] <= 87


def test_a_hit_of_a_call_by_hand(request_of):
    request = request_of("/?a=1", user=User(pk=1))
    counts = calls_of(lambda: get(request, "EUR"))
    assert counts["get_many"] == 1
    assert counts["ours"] <= 84


def test_a_hit_writes_nothing(request_of):
    get(request_of())
    writing = dict.fromkeys(("add", "set", "delete", "touch"))
    with mock.patch.multiple(LocMemCache, **writing):
        assert get(request_of()) == [1]


def test_a_page_writes_once_what_all_of_its_parts_depend_on(endpoint, request_of):
    page = endpoint(varies_on=lambda: ["v1"])
    parts = {f"part {n}": lazy(get, n) for n in range(100)}
    page_of = django_partstream.Plan(parts.items()).page(after=None, size=None)
    with mock.patch.object(WSGIRequest, "get_host", return_value="a.example") as get_host:
        outcomes = page.resolve(page.attempts(page_of, whole=lambda value: value))
    assert [outcome.value for outcome in outcomes] == [[1]] * 100
    assert get_host.call_count == 1


@pytest.mark.parametrize("size", [10, 1000])
def test_a_part_of_a_page_of_many_costs_no_more(endpoint, size, monkeypatch):
    monkeypatch.setattr(caches["default"], "_max_entries", 5000)
    page = endpoint()
    page_of = django_partstream.Plan((f"p{n}", lazy(get, n)) for n in range(size)).page(
        after=None, size=None
    )

    def resolve():
        for attempt in page.attempts(page_of, whole=lambda value: value):
            with recorders.recording(attempt):
                attempt.begin()

    assert calls_of(resolve)["ours"] / size <= 66


@pytest.mark.parametrize("argument", [list(range(10_000)), "x" * 10**6], ids=["list", "text"])
def test_a_long_argument_is_read_once_and_not_remembered(request_of, argument):
    request = request_of()
    items = len(argument) if isinstance(argument, list) else 0
    few, many = (
        calls_of(lambda given=given: get(request, given))["ours"]
        for given in (argument[:1], argument)
    )
    assert many - few <= items + 1


def test_a_long_value_costs_no_call_of_ours(request_of):
    sized = cached_for(60, key="rows of a hit")(lambda request, count: [{"id": 1}] * count)
    request = request_of()
    few, many = (calls_of(lambda count=count: sized(request, count))["ours"] for count in (1, 1000))
    assert few == many


def test_digests_of_long_texts_are_not_remembered_and_those_of_short_ones_are_bounded():
    from django_partstream.canonical import _digest_of_short as remembered

    remembered.cache_clear()
    digest("x" * SHORT)
    assert remembered.cache_info().currsize == 0
    assert len({digest(str(n)) for n in range(3000)}) == 3000
    assert remembered.cache_info().currsize == remembered.cache_info().maxsize < 3000
