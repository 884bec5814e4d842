"""A view behind ASGI: Django runs it in a thread, and its coroutines in the event loop."""

import asyncio

from asgiref.sync import async_to_sync
from django.test import AsyncClient

from django_partstream import ProgressiveView, lazy


class Mixed(ProgressiveView):
    chunk_size = 3

    def get_parts(self):
        self.meet = []
        return [
            ("first", lazy(self.first)),
            ("plain", lazy(lambda request: "plain")),
            ("second", lazy(self.second)),
        ]

    async def first(self, request):
        self.meet.append(asyncio.Event())
        await asyncio.wait_for(self.meet[0].wait(), 5)
        return 1

    async def second(self, request):
        self.meet[0].set()
        return 2


def test_coroutines_of_a_page_run_together_under_asgi(serve):
    serve(Mixed)
    page = async_to_sync(AsyncClient().get)("/").json()
    assert page["results"] == [{"first": 1}, {"plain": "plain"}, {"second": 2}]
    assert "errors" not in page


def test_a_walk_is_followed_under_asgi(serve):
    serve(type("One", (Mixed,), {"chunk_size": 2, "first": lambda self, request: 1}))
    get = async_to_sync(AsyncClient().get)
    cursor = get("/?a=1").json()["cursor"]
    assert get(f"/?a=1?cursor={cursor}").json()["meta"]["has_more"] is False
