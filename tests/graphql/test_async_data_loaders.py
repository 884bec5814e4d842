"""A data loader of ``async def`` resolvers whose function calls a background function."""

import asyncio

import graphene
import pytest

from django_partstream import background, safe_call
from django_partstream.testing import background_fails, background_never, background_now
from partstream_graphql import Part, ProgressiveConnection
from tests.graphql.answers import ends


@background(keep=60)
def doubles(keys):
    return [2 * key for key in keys]


@background(keep=60)
async def adoubles(keys):
    return [2 * key for key in keys]


class Loader:
    """
    A loader that loads a batch in a task of its own, as aiodataloader and strawberry do.

    Nothing waits for the task. It hands an ``Exception`` on to the futures of the batch.
    """

    def __init__(self, load):
        self._load, self._batch, self._tasks = load, [], set()

    def load(self, key):
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._batch.append((key, future))
        if len(self._batch) == 1:
            loop.call_soon(self._begin)
        return future

    def _begin(self):
        self._tasks.add(asyncio.ensure_future(self._run()))

    async def _run(self):
        batch, self._batch = self._batch, []
        try:
            values = await self._load([key for key, _ in batch])
        except Exception as exc:
            for _, future in batch:
                future.set_exception(exc)
        else:
            for (_, future), value in zip(batch, values, strict=True):
                future.set_result(value)


async def plainly(keys):
    return doubles(keys)


async def awaited(keys):
    return await adoubles(keys)


QUERY = """{ dashboard { pending { name } edges { node {
    name status error { code } one two saved other
} } } }"""


@pytest.fixture
def query(ask, load):
    """Ask a connection of three parts that share a loader, and a part without one."""
    loader = Loader(load)

    class Dashboard(ProgressiveConnection):
        chunk_size = 5
        one, two, saved, other = (Part(graphene.Int) for _ in range(4))

        async def resolve_one(self, info):
            return await loader.load(1)

        async def resolve_two(self, info):
            return await loader.load(2)

        @safe_call(fallback=7)
        async def resolve_saved(self, info):
            return await loader.load(3)

        def resolve_other(self, info):
            return 4

    return lambda: ask(Dashboard)(QUERY)


@pytest.mark.parametrize("load", [plainly, awaited])
@pytest.mark.django_db(transaction=True)
class TestAPartThatWaitsForABatch:
    def test_is_pending_as_long_as_the_batch_is(self, query):
        with background_never():
            answer = query()
        assert ends(answer) == {"other": ("OK", None)}
        names = [entry["name"] for entry in answer.data["dashboard"]["pending"]]
        assert names == ["one", "two", "saved"]

    def test_has_its_value_once_the_batch_has_been_computed(self, query):
        with background_now():
            for _ in range(3):  # a part that asked tries again alone, in a batch of its own
                answer = query()
        assert answer.data["dashboard"]["pending"] == []
        nodes = [edge["node"] for edge in answer.data["dashboard"]["edges"]]
        assert [node[node["name"]] for node in nodes] == [2, 4, 6, 4]

    def test_fails_with_the_batch(self, query):
        with background_fails():
            for _ in range(3):
                answer = query()
        assert ends(answer) == {
            "one": ("ERROR", "part_failed"),
            "two": ("ERROR", "part_failed"),
            "saved": ("FALLBACK", None),
            "other": ("OK", None),
        }
