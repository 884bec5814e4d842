"""A pending call in a part: under guards, in transactions, in coroutines."""

import asyncio
from functools import partial

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection, transaction
from django.test import AsyncClient

from django_partstream import cached_for, lazy, safe_call, with_timeout
from django_partstream.delivery import pacing
from example_schema.models import Customer
from tests.pending import Work, names_of, pending_of, waiting

#: The looks in vain at each pending part here.
IN_VAIN = 2


class Site:
    """A view with a part ``forecast`` that is pending for some looks, and its pages."""

    def __init__(self, serve, get):
        self._serve, self._get = serve, get
        self.work = Work({"forecast": IN_VAIN})

    @property
    def looks(self):
        return self.work.looks["forecast"]

    def look(self):
        return self.work.look("forecast", progress=0.5)

    def serves(self, forecast, *, before=(), after=()):
        """Serve the function *forecast* as a part, on a page with those *before* and *after*."""
        parts = [*before, ("forecast", lazy(forecast)), *after]
        self._serve(waiting(get_parts=lambda self: parts, chunk_size=len(parts)))
        return self

    def page(self, cursor=None):
        response = self._get("/", {"cursor": cursor} if cursor else None)
        assert response.status_code == 200
        return response.json()

    def pages(self):
        """The pages of a walk."""
        pages = [self.page()]
        while pages[-1]["cursor"]:
            assert len(pages) <= IN_VAIN
            pages.append(self.page(pages[-1]["cursor"]))
        return pages

    def walk(self):
        """The value of the part, which is pending on all pages but the last."""
        *pages, last = self.pages()
        assert [pending_of(page) for page in pages] == [["forecast"]] * IN_VAIN
        assert names_of(last) == ["forecast"]
        assert not {"pending", "errors"} & last.keys()
        return last["results"][0]["forecast"]


@pytest.fixture(params=["WSGI", "ASGI"])
def site(request, serve, client, monkeypatch):
    """The site behind a client of either kind."""
    monkeypatch.setattr(pacing, "LONGEST", 0)
    return Site(serve, client.get if request.param == "WSGI" else async_to_sync(AsyncClient().get))


class TestGuards:
    def test_safe_call_does_not_answer_for_a_pending_call(self, site, caplog):
        part = safe_call(lambda request: site.look(), fallback="fallback")
        assert site.serves(part).walk() == "forecast"
        assert not caplog.records

    def test_a_pending_call_passes_a_timeout(self, site):
        assert site.serves(with_timeout(lambda request: site.look(), 30)).walk() == "forecast"

    def test_a_pending_call_is_not_cached_and_the_value_is(self, site):
        site.serves(cached_for(60, key="forecast")(lambda request: site.look()))
        assert site.walk() == "forecast"
        assert names_of(site.page()) == ["forecast"]
        assert site.looks == IN_VAIN + 1

    def test_a_pending_call_passes_all_guards_together(self, site):
        guarded = cached_for(60, key="forecast")(with_timeout(lambda request: site.look(), 30))
        assert site.serves(safe_call(guarded, fallback="fallback")).walk() == "forecast"

    def test_a_pending_call_passes_all_guards_of_a_coroutine(self, site):
        async def part(request):
            await asyncio.sleep(0)
            return site.look()

        guarded = safe_call(
            cached_for(60, key="forecast")(with_timeout(part, 30)), fallback="fallback"
        )
        assert site.serves(guarded).walk() == "forecast"

    def test_a_failure_that_a_guard_caught_before_the_call_is_logged_once(self, site, caplog):
        def part(request):
            return safe_call(lambda request: 1 / 0, fallback="")(request) + site.look()

        assert site.serves(part).walk() == "forecast"
        assert [record.part for record in caplog.records] == ["forecast"]

    def test_a_gather_that_returns_exceptions_does_not_take_a_pending_call_for_a_value(self, site):
        async def look():
            return site.look()

        async def part(request):
            return await asyncio.gather(look(), asyncio.sleep(0), return_exceptions=True)

        assert site.serves(part).walk() == ["forecast", None]

    def test_a_broad_except_does_not_take_a_pending_call_for_a_failure(self, site):
        def part(request):
            try:
                return site.look()
            except Exception:
                return "failed"

        assert site.serves(part).walk() == "forecast"


class TestCoroutines:
    def test_a_coroutine_may_wait_for_work(self, site):
        async def part(request):
            return site.look()

        assert site.serves(part).walk() == "forecast"

    def test_a_task_of_a_group_may_wait_for_work(self, site):
        async def look():
            await asyncio.sleep(0)
            return site.look()

        async def part(request):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(asyncio.sleep(0))
                task = tasks.create_task(look())
            return task.result()

        assert site.serves(part).walk() == "forecast"

    def test_a_group_in_which_a_task_failed_beside_the_pending_call_is_pending(self, site):
        async def look():
            return site.look()

        async def fails():
            raise ValueError

        async def part(request):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(look())
                if site.looks < IN_VAIN:
                    tasks.create_task(fails())
            return "forecast"

        assert site.serves(part).walk() == "forecast"

    def test_a_plain_part_may_return_a_coroutine_that_waits_for_work(self, site):
        async def look():
            return site.look()

        assert site.serves(lambda request: look()).walk() == "forecast"

    def test_coroutines_beside_it_end_on_the_same_page(self, site):
        async def beside(request):
            return 1

        async def part(request):
            return site.look()

        page = site.serves(part, before=[("a", lazy(beside))], after=[("b", 2)]).page()
        assert (page["results"], pending_of(page)) == ([{"a": 1}, {"b": 2}], ["forecast"])

    def test_a_value_that_asks_for_work_as_it_is_written_is_pending(self, site):
        def part(request):
            yield site.look()

        assert site.serves(part).walk() == ["forecast"]


def saved(name):
    return Customer.objects.create(name=name, email=f"{name}@example.com", city="x").name


def names():
    return set(Customer.objects.values_list("name", flat=True))


@pytest.fixture
def atomic_requests(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)


class TestTransactions:
    """A pending try leaves nothing behind, and the parts beside it keep their work."""

    @pytest.fixture
    def site(self, serve, client):
        return Site(serve, client.get)

    def check(self, site, forecast):
        site.serves(
            forecast,
            before=[("before", lazy(lambda request: saved("before")))],
            after=[("after", lazy(lambda request: saved("after")))],
        )
        first = site.page()
        assert (names_of(first), pending_of(first)) == (["before", "after"], ["forecast"])
        assert names() == {"before", "after"}
        page = site.page(first["cursor"])
        assert pending_of(page) == ["forecast"]
        last = site.page(page["cursor"])
        assert (names_of(last), last["cursor"]) == (["forecast"], None)
        assert names() == {"before", "after", f"try {IN_VAIN}"}

    @pytest.fixture
    def writes(self, site):
        def part(request):
            saved(f"try {site.looks}")
            return site.look()

        return part

    @pytest.fixture
    def writes_atomically(self, writes):
        return transaction.atomic(writes)

    @pytest.mark.django_db
    def test_the_work_of_a_pending_try_is_undone_in_a_test_case(self, site, writes):
        self.check(site, writes)

    @pytest.mark.django_db(transaction=True)
    def test_the_parts_own_transaction_is_rolled_back(self, site, writes_atomically):
        self.check(site, writes_atomically)

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.usefixtures("atomic_requests")
    def test_the_parts_own_transaction_is_rolled_back_in_that_of_the_request(
        self, site, writes_atomically
    ):
        self.check(site, writes_atomically)

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.usefixtures("atomic_requests")
    def test_what_a_pending_try_wrote_in_the_transaction_of_the_request_is_undone(
        self, site, writes
    ):
        self.check(site, writes)

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.usefixtures("atomic_requests")
    @pytest.mark.parametrize(
        "guard", [partial(safe_call, fallback="fallback"), partial(with_timeout, seconds=30)]
    )
    def test_a_guarded_pending_try_is_undone_in_the_transaction_of_the_request(
        self, site, writes_atomically, guard
    ):
        self.check(site, guard(writes_atomically))

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.usefixtures("atomic_requests")
    def test_a_pending_coroutine_is_undone_in_the_transaction_of_the_request(self, site):
        async def part(request):
            await sync_to_async(saved)(f"try {site.looks}")
            return site.look()

        self.check(site, part)

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.usefixtures("atomic_requests")
    def test_a_hook_that_a_pending_try_registered_does_not_run(self, site):
        ran = []

        def part(request):
            transaction.on_commit(partial(ran.append, site.looks))
            return site.look()

        assert site.serves(part).walk() == "forecast"
        assert ran == [IN_VAIN]
