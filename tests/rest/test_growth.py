"""
A page costs the parts that it carries, whatever the length of the response or of the walk.

The lines of Python that a page runs in this library are counted, rather than seconds.
"""

import sys
from pathlib import Path

import pytest

import django_partstream
import partstream_rest
from django_partstream import ProgressiveView, lazy
from django_partstream.parts import Plan

FOLDERS = tuple(
    str(Path(package.__file__).parent) for package in (django_partstream, partstream_rest)
)


def lines_of(ask):
    """How many lines of the library *ask* runs; each turn of a loop counts."""
    lines = 0

    def inside(frame, event, argument):
        nonlocal lines
        lines += event == "line"
        return inside

    def entered(frame, event, argument):
        return inside if frame.f_code.co_filename.startswith(FOLDERS) else None

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        ask()
    finally:
        sys.settrace(before)
    return lines


def parts_of(count):
    return [(f"part_{number:05}", lazy(lambda request: {"a": 1})) for number in range(count)]


@pytest.fixture
def ask(serve):
    """A function that asks a view with *count* parts for a page: ``ask(count, query)``."""
    views = {}

    def asked(count, query="", chunk_size=2, made=list):
        key = count, chunk_size, made
        if key not in views:
            parts = made(parts_of(count))
            views[key] = type(
                "View",
                (ProgressiveView,),
                {"get_parts": lambda self: parts, "chunk_size": chunk_size},
            )
        response = serve(views[key]).get("/" + query)
        assert response.status_code == 200
        return response.json()

    return asked


def lines_of_page(ask, *args, **options):
    for _ in range(2):  # the first page also does the work that is done once
        page = ask(*args, **options)
    return lines_of(lambda: ask(*args, **options)), page


@pytest.mark.parametrize("made", [list, Plan, iter], ids=["list", "plan", "generator"])
@pytest.mark.parametrize("count", [1_000, 10_000])
def test_the_first_page_runs_as_many_lines_for_thousands_of_parts_as_for_ten(ask, made, count):
    if made is iter:
        made = lambda parts: type("Each", (), {"__iter__": lambda self: iter(parts)})()  # noqa: E731
    few, _ = lines_of_page(ask, 10, made=made)
    many, page = lines_of_page(ask, count, made=made)
    assert page["meta"]["total_parts"] == count
    assert many == few


def test_the_hundredth_page_of_a_walk_runs_as_many_lines_as_the_second(ask):
    first = ask(10_000)
    second, page = lines_of_page(ask, 10_000, f"?cursor={first['cursor']}")
    for _ in range(97):
        page = ask(10_000, f"?cursor={page['cursor']}")
    hundredth, _ = lines_of_page(ask, 10_000, f"?cursor={page['cursor']}")
    assert hundredth == second


def test_a_page_of_chosen_parts_runs_as_many_lines_of_thousands_as_of_ten(ask):
    query = "?parts=part_00001,part_00007"
    few, _ = lines_of_page(ask, 10, query)
    many, page = lines_of_page(ask, 10_000, query)
    assert page["meta"]["total_parts"] == 2
    assert many == few


def test_a_page_of_many_parts_runs_no_more_lines_for_each_than_a_page_of_few(ask):
    lines = {size: lines_of_page(ask, 400, chunk_size=size)[0] for size in (50, 100, 200, 400)}
    for_each = [(lines[size] - lines[50]) / (size - 50) for size in (100, 200, 400)]
    assert max(for_each) <= for_each[0] * 1.01
