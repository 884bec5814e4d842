"""
Whatever happens between two questions to the cache: a reader or worker is interrupted at each.

Between two questions another worker may do the same work, the values may be dropped, or the cache
may forget any key. The work is then done once, and no value is had that was dropped before.
"""

from itertools import count

import pytest
from django.core.cache.backends.locmem import LocMemCache

from django_partstream import lazy
from django_partstream.failures import Failure
from django_partstream.jobs import states, work
from django_partstream.jobs.asking import place_of
from django_partstream.jobs.messages import Message
from django_partstream.jobs.states import Deadly, Kept
from django_partstream.jobs.work import run_message
from django_partstream.outcomes import Status
from tests.core import jobs

pytestmark = pytest.mark.usefixtures("fresh_jobs")

QUESTIONS = ("get", "set", "add", "touch", "delete", "has_key")

#: The keys of a job, by what is added to the key of its value; and the mark.
SIGNS = ("", ":asked", ":lease", ":tries", ":progress")


class InterruptedCache(LocMemCache):
    """A cache that calls *interruption* before the question with the number *at*."""

    def __init__(self, name):
        super().__init__(name, {})
        self.clear()
        self.at, self.asked, self.interruption = None, 0, None

    def interrupt(self, interruption, *, at):
        self.interruption, self.at, self.asked = interruption, at, 0

    @property
    def is_over(self):
        """Whether all questions were asked without an interruption."""
        return self.interruption is not None

    def question(self):
        number, self.asked = self.asked, self.asked + 1
        if self.interruption is not None and number == self.at:
            interruption, self.interruption = self.interruption, None
            interruption()


def _asking(name):
    def asked(self, *args, **kwargs):
        self.question()
        return getattr(LocMemCache, name)(self, *args, **kwargs)

    return asked


for _name in QUESTIONS:
    setattr(InterruptedCache, _name, _asking(_name))


class World:
    """A cache, a job, and the rows that its value depends on."""

    def __init__(self, monkeypatch, settings, deliver):
        self.cache, self.deliver = InterruptedCache("races"), deliver
        self.version, self.computed = 1, 0
        settings.PARTSTREAM = {"BACKGROUND": "tests.core.jobs.take"}
        monkeypatch.setattr(states, "stand_in", self.cache)
        monkeypatch.setattr(states, "LOOKS", ())
        monkeypatch.setattr(work, "stand_in", self._compute)
        self.message = Message.of(jobs.forecast.path, [1], {}, tenant=None)
        self.place = place_of(jobs.forecast, self.message)

    def _compute(self):
        self.computed += 1
        return self.version

    def reader(self):
        """The outcome of a part that asks for the value."""
        return self.deliver(part=lazy(lambda request: jobs.forecast(1)))["part"]

    def worker(self):
        """A worker gets the message."""
        run_message(self.message.as_json())

    def workers(self):
        """Workers get all messages."""
        while jobs.messages:
            run_message(jobs.messages.pop())

    def change(self):
        """The rows change, and the values are dropped."""
        self.version += 1
        jobs.forecast.invalidate()

    def forget(self, sign):
        """A function with which the cache forgets a key."""
        key = self.place.mark if sign == "mark" else f"{self.place.key}{sign}"
        return lambda: LocMemCache.delete(self.cache, key)


@pytest.fixture
def worlds(monkeypatch, settings, deliver):
    """Worlds, in each of which *action* is interrupted a question later: ``worlds(action, by)``."""

    def each(action, interruption):
        for at in count():
            jobs.forget()
            world = World(monkeypatch, settings, deliver)
            world.cache.interrupt(interruption(world), at=at)
            action(world)
            if world.cache.is_over:
                assert at > 3
                return
            yield world

    return each


def test_a_duplicate_of_a_message_has_the_work_done_once(worlds):
    for world in worlds(World.worker, lambda world: world.worker):
        assert world.computed == 1
        assert world.place.look() == Kept(1)


def test_a_worker_keeps_no_value_that_was_dropped_meanwhile(worlds):
    for world in worlds(World.worker, lambda world: world.change):
        assert world.place.look() in (None, Kept(2))
        assert world.computed == 1


def test_a_worker_that_is_overtaken_by_a_dropped_value_holds_up_no_reader(worlds):
    for world in worlds(World.worker, lambda world: world.change):
        world.reader()
        world.workers()
        assert world.reader().value == 2


def test_readers_and_workers_do_the_work_once(worlds):
    for world in worlds(World.worker, lambda world: world.reader):
        world.workers()
        assert world.reader().value == 1
        assert world.computed == 1


def test_a_reader_that_is_overtaken_by_a_worker_has_the_value_at_the_next_look(worlds):
    for world in worlds(World.reader, lambda world: world.worker):
        world.workers()
        assert world.reader().value == 1
        assert world.computed == 1


def test_a_reader_that_is_overtaken_by_another_asks_for_the_work_once(worlds):
    for world in worlds(World.reader, lambda world: world.reader):
        assert len(jobs.messages) == 1
        assert world.reader().status is Status.PENDING


@pytest.mark.parametrize("sign", [*SIGNS, "mark"])
@pytest.mark.parametrize("action", [World.worker, World.reader, World.workers])
def test_a_cache_that_forgets_any_key_at_any_moment_costs_a_computation_at_most(
    worlds, action, sign
):
    def once(world):
        world.reader()
        action(world)

    for world in worlds(once, lambda world: world.forget(sign)):
        for _ in range(2):
            world.reader()
            world.workers()
        assert world.reader().value == 1
        assert world.computed <= 2


@pytest.mark.parametrize("sign", [*SIGNS])
def test_a_cache_that_forgets_any_key_but_the_mark_brings_back_no_dropped_value(worlds, sign):
    def forget_and_change(world):
        def both():
            world.change()
            world.forget(sign)()

        return both

    for world in worlds(World.worker, forget_and_change):
        assert world.place.look() in (None, Kept(2))


def test_a_value_is_never_replaced_by_a_failure_that_comes_late(worlds):
    def refuse(world):
        world.place.refuse(Failure())

    for world in worlds(refuse, lambda world: world.worker):
        world.workers()
        state = world.place.look()
        # In the moment between the last look and the failure the value is lost, as if evicted.
        assert isinstance(state, (Kept, states.Failed))
        assert world.computed == 1


def test_three_deaths_are_counted_at_whatever_question_the_worker_dies(worlds):
    class Death(BaseException):
        pass

    def die(world):
        def dies():
            raise Death

        return dies

    def begin(world):
        try:
            world.place.begin()
        except Death:
            world.place.lose()

    for world in worlds(begin, die):
        deaths = 0
        while world.place.look() != Deadly():
            assert world.place.begin() is not None
            world.place.lose()
            deaths += 1
        assert deaths in (states.DEATHS, states.DEATHS - 1)  # the first may have been counted
