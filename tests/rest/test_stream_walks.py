"""Walks that mix streams and pages, cut anywhere, lose and repeat no part, and end."""

import asyncio
from unittest import mock

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from django_partstream import ProgressiveView, lazy
from django_partstream.delivery import streams
from django_partstream.received import READERS
from django_partstream.testing import walk, walk_stream
from django_partstream.testing.streams import opened
from tests.core.streaming import Waiting
from tests.properties import examples

#: The longest walk: each part may be cut off a few times.
STEPS = 120


def plain(request):
    return "plain"


def failing(request):
    raise ValueError


def after(turns):
    """A coroutine that ends after so many *turns* of its loop: these decide on the order."""

    async def coroutine(request):
        for _ in range(turns):
            await asyncio.sleep(0)
        return turns

    return coroutine


class Changing(ProgressiveView):
    response = []

    def get_parts(self):
        return list(self.response)


kinds = st.one_of(
    st.just("immediate"),
    st.just(lazy(plain)),
    st.just(lazy(failing)),
    st.integers(0, 6).map(lambda turns: lazy(after(turns))),
)
#: Parts that are pending up to four times: plain, or a coroutine.
waiting = st.builds(
    lambda tries, kind: lazy(kind(Waiting(*range(tries)))),
    st.integers(0, 4),
    st.sampled_from([lambda part: part, lambda part: part.awaited]),
)
names = st.text("abcdefghäö☃", min_size=1, max_size=30)


def plans_of(kinds):
    """Plans of parts of these *kinds*."""
    return st.lists(st.tuples(names, kinds), unique_by=lambda part: part[0], max_size=9)


plans = plans_of(kinds)
requests = st.tuples(
    st.sampled_from(["page", *READERS]),
    st.one_of(st.none(), st.integers(0, 3)),
    st.sampled_from(["cursor", "Last-Event-ID"]),
)


class Walker:
    """A client that takes each step of a walk as a page or as a stream, and may cut a stream."""

    def __init__(self, client: Client) -> None:
        self.client, self.delivered, self.cursor, self.ended = client, [], None, False

    def step(self, accept, cut_after, by):
        """Take a step. A step that is cut before its first part changes nothing."""
        url, headers = "/", {}
        if self.cursor and by == "cursor":
            url = f"/?cursor={self.cursor}"
        elif self.cursor:
            headers["Last-Event-ID"] = self.cursor
        if accept == "page":
            self.take_page(self.client.get(url, headers=headers))
        else:
            self.take_stream(url, {**headers, "Accept": accept}, cut_after)

    def take_page(self, response):
        page = response.json()
        self.delivered += [name for result in page["results"] for name in result]
        self.ended, self.cursor = page["cursor"] is None, page["cursor"]

    def take_stream(self, url, headers, cut_after):
        with opened(self.client, url, headers=headers) as frames:
            for count, frame in enumerate(frames):
                if count == cut_after:
                    return
                if frame.kind == "part":
                    self.delivered.append(frame.data["name"])
                self.cursor = frame.cursor or self.cursor
                if frame.kind == "end":
                    self.ended = not frame.data["has_more"]
                    return
        raise AssertionError("The stream broke off.")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@examples(80)
@given(
    plans,
    st.integers(1, 4),
    st.lists(requests, min_size=1, max_size=8),
    st.randoms(use_true_random=True),
)
def test_a_walk_of_streams_and_pages_delivers_each_part_that_stays_once(
    serve, parts, size, steps, random
):
    walker = Walker(serve(type("View", (Changing,), {"chunk_size": size, "concurrency": size})))
    Changing.response = parts
    steady = (
        {part[0] for part in parts if random.random() < 0.5} | {parts[-1][0]} if parts else set()
    )
    for number in range(STEPS):
        accept, cut_after, by = steps[number % len(steps)]
        cut_after = None if number > STEPS // 2 else cut_after
        fronts = set(walker.delivered)
        walker.step(accept, cut_after, by)
        if walker.ended:
            break
        # What was delivered stays, so that no cursor is stale; of the rest some may go.
        Changing.response = [
            part
            for part in Changing.response
            if part[0] in steady or part[0] in walker.delivered or random.random() < 0.5
        ]
        assert fronts <= set(walker.delivered)
    assert walker.ended
    assert len(walker.delivered) == len(set(walker.delivered))
    assert steady <= set(walker.delivered) <= {name for name, _ in parts}


@pytest.mark.usefixtures("at_once")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@examples(80)
@given(
    plans_of(kinds | waiting),
    st.integers(1, 4),
    st.lists(requests, min_size=1, max_size=8),
    st.sampled_from([0.0, 3600.0]),
)
def test_a_walk_delivers_each_part_once_however_often_it_is_pending(
    serve, parts, size, steps, patience
):
    walker = Walker(serve(type("View", (Changing,), {"chunk_size": size, "concurrency": size})))
    Changing.response = parts
    with mock.patch.object(streams, "PATIENCE", patience):
        for number in range(STEPS):
            accept, cut_after, by = steps[number % len(steps)]
            walker.step(accept, None if number > STEPS // 2 else cut_after, by)
            if walker.ended:
                break
    assert walker.ended
    assert sorted(walker.delivered) == sorted(name for name, _ in parts)


@examples(30)
@given(plans, st.integers(1, 3), st.sampled_from([*READERS]))
def test_walk_stream_gives_the_parts_of_walk_however_it_is_cut(serve, parts, cut_after, accept):
    Changing.response = parts
    client = serve(Changing)
    paged = walk(client, "/")
    for options in [
        {},
        {"cut_after": cut_after},
        {"cut_after": cut_after, "then": "pages"},
    ]:
        walked = walk_stream(client, "/", accept=accept, **options)
        assert walked.parts == paged.parts
        assert sorted(error["part"] for error in walked.errors) == sorted(
            error["part"] for error in paged.errors
        )


@pytest.mark.parametrize("accept", READERS)
def test_long_names_keep_a_walk_within_the_length_of_a_cursor(serve, settings, accept):
    settings.PARTSTREAM = {"MAX_CURSOR_LENGTH": 600}
    Changing.response = [
        (f"{letter}{'n' * 100}", lazy(after(turns)))
        for letter, turns in zip("abcdefgh", [9, 8, 7, 6, 0, 0, 0, 0], strict=True)
    ]
    client = serve(Changing)
    walked = walk_stream(client, "/", accept=accept, cut_after=1)
    assert sorted(walked.names) == [name for name, _ in Changing.response]
