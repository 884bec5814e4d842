"""The setting ``TENANCY``: its methods, their mistakes, and the tenant in cursors and keys."""

import asyncio
import threading
from contextlib import contextmanager, nullcontext, suppress
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured, PermissionDenied

from django_partstream import cached_for, lazy, with_timeout
from django_partstream.endpoints import Endpoint
from django_partstream.exceptions import CursorInvalid
from django_partstream.outcomes import Status
from django_partstream.parts import Plan
from django_partstream.tenancy import capture

current = threading.local()


class Tenancy:
    """The tenant is the ``tenant`` of the request, else that of this thread."""

    asked = 0

    def capture(self, request):
        type(self).asked += 1
        return getattr(request, "tenant", None) or getattr(current, "tenant", None)

    @contextmanager
    def thread(self, tenant):
        current.tenant = tenant
        yield
        del current.tenant


class Empty:
    pass


@pytest.fixture
def tenancy(settings):
    """Use a class, an object or a path as the setting."""

    def use(value=f"{__name__}.Tenancy"):
        settings.PARTSTREAM = {"TENANCY": value}

    return use


@pytest.fixture
def of(request_of):
    """Make a request of a tenant."""

    def made(tenant, **options):
        request = request_of(**options)
        request.tenant = tenant
        return request

    return made


def make(**methods):
    return type("Made", (), {name: staticmethod(method) for name, method in methods.items()})


class TestTheSetting:
    def test_without_the_setting_there_is_no_tenant(self, of):
        assert capture(of("ann")) is None

    @pytest.mark.parametrize(
        "value", [f"{__name__}.Tenancy", Tenancy, Tenancy()], ids=["path", "class", "object"]
    )
    def test_a_path_a_class_and_an_object_are_accepted(self, tenancy, of, value):
        tenancy(value)
        assert capture(of("ann")) == "ann"

    def test_the_setting_is_read_on_each_use(self, tenancy, of):
        tenancy()
        assert capture(of("ann")) == "ann"
        tenancy(make(capture=lambda request: 7))
        assert capture(of("ann")) == 7
        tenancy(None)
        assert capture(of("ann")) is None

    @pytest.mark.parametrize("path", ["no.such.module", f"{__name__}.Missing"])
    def test_a_path_that_cannot_be_imported_is_named_with_the_remedy(self, tenancy, of, path):
        tenancy(path)
        with pytest.raises(ImproperlyConfigured, match=rf"TENANCY.*{path}.*Name an object"):
            capture(of("ann"))

    def test_a_class_without_a_method_is_refused(self, tenancy, of):
        tenancy(Empty)
        with pytest.raises(ImproperlyConfigured, match=r"Empty.* none of the methods capture"):
            capture(of("ann"))


class TestCapture:
    @pytest.mark.parametrize("value", [None, "ann", 7, True, 1.5, ["a", 1], {"org": 1}])
    def test_a_json_value_is_a_tenant(self, tenancy, of, value):
        tenancy(make(capture=lambda request: value))
        assert capture(of(None)) == value

    def test_a_tuple_is_a_list_as_it_would_be_in_a_worker(self, tenancy, of):
        tenancy(make(capture=lambda request: ("a", 1)))
        assert capture(of(None)) == ["a", 1]

    @pytest.mark.parametrize(
        ("value", "remedy"),
        [
            (UUID(int=1), "str(tenant.uuid)"),
            (float("nan"), "tenant.pk"),
            (User(pk=1), "tenant.pk"),
            (nullcontext(), "thread() makes the context manager"),
        ],
    )
    def test_an_object_is_refused_with_the_remedy(self, tenancy, of, value, remedy):
        tenancy(make(capture=lambda request: value))
        with pytest.raises(ImproperlyConfigured, match="is no JSON value") as caught:
            capture(of(None))
        assert remedy in str(caught.value)

    def test_a_context_manager_in_place_of_capture_is_refused(self, tenancy, of):
        """It would run in the other thread, where the thread-locals of this thread are empty."""

        @contextmanager
        def entered(request):
            yield

        tenancy(make(capture=entered))
        with pytest.raises(ImproperlyConfigured, match="runs in the other thread"):
            capture(of(None))

    def test_a_coroutine_and_a_generator_in_place_of_capture_are_refused(self, tenancy, of):
        async def awaited(request):
            return 1

        def generated(request):
            yield 1

        for function in (awaited, generated):
            tenancy(make(capture=function))
            with pytest.raises(ImproperlyConfigured, match="is no JSON value"):
                capture(of(None))

    def test_an_error_for_a_guard_called_by_hand_says_that_there_was_no_request(self, tenancy):
        tenancy(make(capture=lambda request: request.tenant))
        with pytest.raises(AttributeError) as caught:
            with_timeout(lambda request: 1, 30)(None)
        assert "called by hand" in caught.value.__notes__[0]


class TestThreads:
    def see(self, request):
        return getattr(current, "tenant", "none")

    def test_a_part_in_another_thread_runs_inside_thread(self, tenancy, deliver, of):
        tenancy()
        timed = deliver(a=lazy(with_timeout(self.see, 30)), request=of("ann"))["a"]
        assert timed.value == "ann"

    def test_each_part_of_the_pool_runs_inside_thread_of_its_own(self, tenancy, deliver, of):
        entered, barrier = [], threading.Barrier(2)

        @contextmanager
        def thread(tenant):
            entered.append((tenant, threading.current_thread()))
            yield
            entered.append("left")

        def part(request):
            barrier.wait(30)

        tenancy(make(capture=lambda request: "ann", thread=thread))
        parts = {name: lazy(part) for name in "abcd"}
        outcomes = deliver(concurrency=2, **parts)
        assert {one.status for one in outcomes.values()} == {Status.OK}
        begun = [each for each in entered if each != "left"]
        assert entered == [each for one in begun for each in (one, "left")]
        assert 1 <= len(begun) < 4
        assert threading.current_thread() not in [thread for _, thread in begun]

    def test_thread_is_called_with_none_where_there_is_no_tenant(self, tenancy):
        tenancy()
        assert with_timeout(lambda request: current.tenant, 30)(None) is None

    def test_a_nested_timed_call_has_the_tenant_to_which_its_part_switched(
        self, tenancy, deliver, of
    ):
        def part(request):
            request.tenant, current.tenant = None, "bob"
            return with_timeout(self.see, 30)(request)

        tenancy()
        outcome = deliver(a=lazy(with_timeout(part, 30)), request=of("ann"))["a"]
        assert outcome.value == "bob"

    def test_an_error_while_entering_thread_fails_the_part(self, tenancy, deliver, of):
        def thread(tenant):
            raise PermissionDenied

        tenancy(make(thread=thread))
        assert deliver(a=lazy(with_timeout(self.see, 30)))["a"].status is Status.DENIED

    def test_an_error_while_entering_thread_fails_the_parts_of_the_pool_alone(
        self, tenancy, deliver
    ):
        here, tried = threading.current_thread(), threading.Event()

        def thread(tenant):
            tried.set()
            raise PermissionDenied

        def part(request):
            return tried.wait(30) and threading.current_thread() is here

        tenancy(make(thread=thread))
        outcomes = deliver(concurrency=2, **{name: lazy(part) for name in "abc"}).values()
        ends = [(one.status, one.value) for one in outcomes]
        assert set(ends) == {(Status.DENIED, None), (Status.OK, True)}

    def test_an_error_while_leaving_thread_fails_the_part(self, tenancy, deliver):
        @contextmanager
        def thread(tenant):
            yield
            raise PermissionDenied

        tenancy(make(thread=thread))
        assert deliver(a=lazy(with_timeout(self.see, 30)))["a"].status is Status.DENIED

    def test_thread_cannot_swallow_the_failure_of_a_part(self, tenancy, deliver):
        @contextmanager
        def thread(tenant):
            with suppress(ValueError):
                yield

        def part(request):
            raise ValueError

        tenancy(make(thread=thread))
        assert deliver(a=lazy(with_timeout(part, 30)))["a"].status is Status.ERROR

    @pytest.mark.parametrize(
        ("made", "remedy"),
        [
            (None, "contextlib.nullcontext()"),
            ((number for number in "a"), "Decorate it with contextlib.contextmanager"),
            (asyncio.sleep(0), "plain function"),
        ],
        ids=["none", "generator", "coroutine"],
    )
    def test_an_answer_of_thread_that_is_no_context_manager_is_refused(self, tenancy, made, remedy):
        tenancy(make(thread=lambda tenant: made))
        with pytest.raises(ImproperlyConfigured) as caught:
            with_timeout(self.see, 30)(None)
        assert remedy in str(caught.value)


class TestCursors:
    @pytest.fixture
    def endpoint(self, tenancy, of):
        tenancy()

        def made(tenant, **options):
            return Endpoint(SimpleNamespace(), of(tenant, **options), address=["a"])

        return made

    def sign(self, endpoint):
        return endpoint.sign(Plan({"a": 1, "b": 2}.items()).page(after=None, size=1))

    def test_a_cursor_of_a_tenant_is_invalid_in_another_tenant_and_without(self, endpoint):
        token = self.sign(endpoint("ann"))
        assert endpoint("ann").follow(token).after == "a"
        for other in ("bob", None, ["ann"]):
            with pytest.raises(CursorInvalid):
                endpoint(other).follow(token)

    def test_the_tenant_is_added_to_the_user(self, endpoint):
        token = self.sign(endpoint("ann", user=User(pk=1)))
        with pytest.raises(CursorInvalid):
            endpoint("ann", user=User(pk=2)).follow(token)

    def test_a_cursor_without_a_tenant_is_that_of_a_project_without_tenancy(
        self, endpoint, tenancy
    ):
        token = self.sign(endpoint(None))
        tenancy(None)
        assert endpoint(None).follow(token).after == "a"

    def test_the_tenant_is_captured_once_for_a_page(self, endpoint):
        page = endpoint("ann")
        Tenancy.asked = 0
        page.follow(self.sign(page))
        page.resolve(page.attempts(page_of(a=lazy(lambda request: 1)), whole=lambda value: value))
        assert Tenancy.asked == 1

    def test_a_part_that_switches_the_tenant_does_not_change_the_tenant_of_its_page(self, endpoint):
        page = endpoint("ann")

        def part(request):
            request.tenant = "bob"

        page.resolve(page.attempts(page_of(a=lazy(part)), whole=lambda value: value))
        assert page.tenant == "ann"

    def test_a_response_with_a_tenant_is_personal(self, endpoint):
        assert endpoint("ann").is_personal
        assert not endpoint(None).is_personal


def page_of(**parts):
    return Plan(parts.items()).page(after=None, size=None)


class TestCachedValues:
    @pytest.fixture(params=[True, False], ids=["per user", "shared"])
    def get(self, request, tenancy):
        """A cached function that returns how often it ran."""
        tenancy()
        runs = []
        return cached_for(60, key="counted", per_user=request.param)(
            lambda request: runs.append(1) or len(runs)
        )

    def test_a_value_is_never_shared_among_tenants(self, get, of):
        asked = [get(of(tenant)) for tenant in ("ann", "bob", None, "ann", "bob", None)]
        assert asked == [1, 2, 3, 1, 2, 3]

    def test_a_value_of_a_part_is_never_shared_among_tenants(self, get, of, deliver):
        ask = lambda tenant: deliver(a=lazy(get), request=of(tenant))["a"].value  # noqa: E731
        assert [ask(tenant) for tenant in ("ann", "bob", "ann", "bob")] == [1, 2, 1, 2]

    def test_a_helper_is_cached_for_the_tenant_to_which_its_part_switched(self, get, of, deliver):
        def part(request):
            values = []
            for tenant in ("ann", "bob", "ann"):
                request.tenant = tenant
                values.append(get(request))
            return values

        assert deliver(a=lazy(part), request=of("ann"))["a"].value == [1, 2, 1]

    @pytest.mark.parametrize("where", ["timed", "task", "thread"])
    def test_a_helper_is_not_shared_among_pages_where_the_thread_local_of_the_tenant_is_empty(
        self, tenancy, deliver, where
    ):
        runs = []

        @cached_for(60, key="counted in a page", per_user=False)
        def get(request):
            runs.append(1)
            return len(runs)

        async def in_task(request):
            async def task():
                return get(request)

            return await asyncio.create_task(task())

        async def in_thread(request):
            return await asyncio.to_thread(get, request)

        def timed(request):
            return get(request)

        part = {"timed": with_timeout(timed, 30), "task": in_task, "thread": in_thread}[where]
        tenancy(make(capture=lambda request: getattr(current, "tenant", None)))
        seen = []
        for current.tenant in ("ann", "bob", "ann"):
            seen.append(deliver(a=lazy(part))["a"].value)
        del current.tenant
        assert seen == [1, 2, 1]

    def test_a_helper_of_a_part_that_left_the_tenant_of_its_page_has_a_value_of_its_own(
        self, tenancy, deliver, of
    ):
        @cached_for(60, key="tenant of a helper", per_user=False)
        def get(request):
            return str(request.tenant)

        def part(request):
            request.tenant = None
            none = get(request)
            request.tenant = "ann"
            return none, get(request)

        tenancy()
        assert deliver(a=lazy(part), request=of("ann"))["a"].value == ("None", "ann")

    def test_readers_share_within_a_tenant_only_what_is_shared(self, get, of):
        asked = [get(of("ann", user=User(pk=pk))) for pk in (1, 2, 1)]
        assert asked in ([1, 2, 1], [1, 1, 1])


def counted(tenancy, **options):
    tenancy()
    runs = []
    return cached_for(60, key="counted", **options)(lambda request: runs.append(1) or len(runs))


class TestInvalidation:
    def test_a_user_is_invalidated_in_all_tenants(self, tenancy, of):
        get = counted(tenancy)
        ann, bob = User(pk=1), User(pk=2)
        requests = [of(tenant, user=user) for tenant in ("a", "b") for user in (ann, bob)]
        assert [get(request) for request in requests] == [1, 2, 3, 4]
        get.invalidate(ann)
        assert [get(request) for request in requests] == [5, 2, 6, 4]

    def test_a_request_invalidates_a_shared_value_in_its_own_tenant(self, tenancy, of):
        get = counted(tenancy, per_user=False)
        requests = [of("a"), of("b"), of(None)]
        assert [get(request) for request in requests] == [1, 2, 3]
        get.invalidate(of("a", user=User(pk=1)))
        assert [get(request) for request in requests] == [4, 2, 3]

    def test_a_request_without_a_tenant_invalidates_a_shared_value_in_all_tenants(
        self, tenancy, of
    ):
        get = counted(tenancy, per_user=False)
        assert [get(of(tenant)) for tenant in ("a", None)] == [1, 2]
        get.invalidate(of(None))
        assert [get(of(tenant)) for tenant in ("a", None)] == [3, 4]

    def test_invalidation_without_a_reader_drops_the_values_of_all_tenants(self, tenancy, of):
        get = counted(tenancy)
        assert [get(of(tenant)) for tenant in ("a", "b")] == [1, 2]
        get.invalidate()
        assert [get(of(tenant)) for tenant in ("a", "b")] == [3, 4]


class TestATenantThatIsNotSeenInOtherThreads:
    """``capture()`` reads a thread-local that nothing carries, and ``connection()`` is all."""

    @pytest.fixture
    def seen(self, tenancy):
        tenants = []

        @contextmanager
        def thread(tenant):
            tenants.append(tenant)
            yield

        tenancy(make(capture=lambda request: getattr(current, "tenant", None), thread=thread))
        current.tenant = "ann"
        yield tenants
        vars(current).clear()

    def test_a_nested_call_has_the_tenant_that_was_carried(self, seen):
        nested = with_timeout(lambda request: capture(request), 30)
        assert with_timeout(lambda request: nested(request), 30)(None) == "ann"
        assert seen == ["ann", "ann"]

    def test_parts_of_the_pool_hand_the_tenant_on(self, seen, deliver):
        both = threading.Barrier(2)

        def part(request):
            both.wait(30)
            return with_timeout(lambda request: capture(request), 30)(request)

        outcomes = deliver(concurrency=2, a=lazy(part), b=lazy(part))
        assert [outcome.value for outcome in outcomes.values()] == ["ann", "ann"]

    def test_a_part_that_leaves_its_tenant_on_purpose_hands_none_on(self, tenancy):
        tenancy()
        current.tenant = "ann"

        def part(request):
            current.tenant = None
            return with_timeout(lambda request: capture(request), 30)(request)

        try:
            assert with_timeout(part, 30)(None) is None
        finally:
            vars(current).clear()
