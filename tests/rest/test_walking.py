"""``walk()`` with a query of its own, and parts that are made to fail or hang in a test."""

from contextlib import nullcontext

import pytest
from rest_framework.test import APIClient

from django_partstream import ProgressiveView, cached_for, lazy, safe_call, with_timeout
from django_partstream.testing import part_fails, part_hangs, walk


def get_forecast(request):
    return [1]


async def aget_forecast(request):
    return [1]


def endless(wrong, guarded):
    """Expect the error of ``part_hangs()`` for a function that has no limit."""
    if wrong is part_fails or hasattr(guarded, "partstream_limit"):
        return nullcontext()
    return pytest.raises(AssertionError, match="'forecast' has no with_timeout")


def view_of(*parts):
    return type("View", (ProgressiveView,), {"get_parts": lambda self: [*parts]})


@pytest.mark.parametrize("make", [type(APIClient()), None], ids=["DRF's client", "Django's"])
def test_walk_sends_its_data_once_and_the_cursor_carries_it(serve, make):
    class Echo(ProgressiveView):
        chunk_size = 1

        def get_parts(self):
            return [(name, self.request.GET.getlist("a")) for name in "abc"]

    client = serve(Echo)
    walked = walk(make() if make else client, "/", data={"a": ["1", "2"]})
    assert walked.parts == {name: ["1", "2"] for name in "abc"}


@pytest.mark.parametrize(
    "guarded",
    [
        safe_call(get_forecast, fallback=[]),
        safe_call(aget_forecast, fallback=[]),
        safe_call(with_timeout(get_forecast, 30), fallback=[]),
        safe_call(with_timeout(aget_forecast, 30), fallback=[]),
        with_timeout(safe_call(get_forecast, fallback=[]), 30),
        cached_for(60, key="forecast")(safe_call(get_forecast, fallback=[])),
    ],
)
@pytest.mark.parametrize("wrong", [part_fails, part_hangs])
def test_part_fails_and_part_hangs_on_a_guarded_part_end_in_its_fallback(serve, guarded, wrong):
    client = serve(view_of(("forecast", lazy(guarded)), ("other", 1)))
    with endless(wrong, guarded), wrong("forecast"):
        walked = walk(client, "/")
    assert (walked.parts, walked.errors) == ({"forecast": [], "other": 1}, [])
    assert walk(client, "/").parts["forecast"] == [1]


@pytest.mark.parametrize("wrong", [part_fails, part_hangs])
def test_part_fails_and_part_hangs_raise_for_a_name_that_no_page_had(serve, wrong):
    client = serve(view_of(("forecast", lazy(get_forecast))))
    with pytest.raises(AssertionError, match="'forcast'"), wrong("forcast"):
        walk(client, "/")


@pytest.mark.parametrize("wrong", [part_fails, part_hangs])
def test_part_fails_and_part_hangs_let_an_exception_of_the_with_block_through(wrong):
    with pytest.raises(ZeroDivisionError), wrong("nothing"):
        raise ZeroDivisionError
