"""Walks of pages and streams over parts that are pending now and then: each part comes once."""

from __future__ import annotations

from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_partstream import lazy
from django_partstream.delivery import streams
from django_partstream.endpoints import Endpoint
from django_partstream.parts import Plan
from tests.core.owed_walks import names
from tests.core.streaming import Left, Waiting, in_loop, in_thread, is_pending
from tests.properties import examples

pytestmark = pytest.mark.usefixtures("at_once")

#: How often a part is pending, and how often a walk is cut, at most; and then all its requests.
MOST, MAX_CUTS = 5, 4
MAX_REQUESTS = 8 * (MOST + 1) + MAX_CUTS + 1


class Owner:
    """The view of a walk, with its options."""

    cursor_ttl, concurrency, chunk_size = 3600, 1, 2


class Walker:
    """
    A client that walks over *parts*, by name, in requests that *request_of* makes.

    *random* decides on each request: its kind, the place where it is cut, and the patience of the
    server. Hypothesis draws no more than its seed, for the order in which parts end is not its own.
    """

    def __init__(self, random, parts, request_of):
        self.random, self.parts, self.request_of = random, parts, request_of
        self.token, self.had, self.ended, self.cuts = None, [], False, 0

    def run(self):
        for _ in range(MAX_REQUESTS):
            kind = self.random.choice([self.page, in_thread, in_loop])
            if kind == self.page:
                self.page()
            else:
                patience = self.random.choice([0.0, 3600.0])
                with mock.patch.object(streams, "PATIENCE", patience):
                    self.stream(kind)
            if self.ended:
                return self.had
        raise AssertionError("the walk did not end")

    def endpoint(self):
        owner = Owner()
        owner.concurrency = self.random.randint(1, 3)
        plan = Plan(self.parts.items())
        return Endpoint(owner, self.request_of(), address=["walk"], plan=lambda: plan)

    def taken(self, endpoint, size):
        after = None if self.token is None else endpoint.follow(self.token)
        page = endpoint.take(after=after, size=size)
        return page, endpoint.attempts(page, whole=lambda value: value)

    def page(self):
        """A page, which may be lost on its way."""
        endpoint = self.endpoint()
        page, attempts = self.taken(endpoint, self.random.randint(1, 4))
        outcomes = endpoint.resolve_now(attempts)
        sent = endpoint.sent(page, outcomes)
        token = endpoint.sign(sent) if sent.has_more else None
        if self.is_cut():
            return
        assert not {each.name for each in outcomes if each.pending} & {*sent.names}
        self.had += sent.names
        self.token, self.ended = token, token is None

    def stream(self, consume):
        """A stream, which is cut after any number of parts."""
        endpoint = self.endpoint()
        page, attempts = self.taken(endpoint, None)
        ledger, sign = endpoint.ledger(page), endpoint.signer()
        stream = endpoint.stream(attempts, may_begin=ledger.may_begin)
        cut = self.random.randint(0, len(page.names)) if self.is_cut() else None

        def deliver(end):
            if is_pending(end):
                return
            token = sign(ledger.deliver(end.outcome.name))
            if cut is not None and ledger.delivered > cut:
                raise Left
            self.had.append(end.outcome.name)
            self.token = token

        try:
            consume(lambda: stream, deliver)
        except Left:
            return
        assert {attempt.name for attempt in stream.pending} <= set(ledger.left)
        if consume is in_loop:
            assert ledger.is_complete
        ledger.owe_all({attempt.name for attempt in stream.pending})
        self.token, self.ended = sign(ledger.cursor), ledger.is_complete

    def is_cut(self):
        if self.cuts >= MAX_CUTS or self.random.random() < 0.5:
            return False
        self.cuts += 1
        return True


def kind_of(number, part):
    """A part of one of three kinds: plain, a coroutine, or plain with an awaitable left."""
    return lazy([part, part.awaited, lambda request: part.awaited(request)][number])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("limit", [2048, 400])
def test_each_part_comes_once_however_often_it_is_pending(request_of, settings, limit):
    settings.PARTSTREAM = {"MAX_CURSOR_LENGTH": limit}

    @examples(60)
    @given(st.data(), st.randoms(use_true_random=True), names)
    def walks(data, random, present):
        schedule = st.tuples(st.integers(0, 2), st.integers(0, MOST))
        parts = {
            name: kind_of(kind, Waiting(*range(tries)))
            for name in present
            for kind, tries in [data.draw(schedule, label=f"kind and waits of {name}")]
        }
        assert sorted(Walker(random, parts, request_of).run()) == sorted(present)

    walks()
