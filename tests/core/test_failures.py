"""Odd exceptions fail only their own part, and exceptions of the library can be pickled."""

import asyncio
import pickle

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404

from django_partstream import lazy, safe_call
from django_partstream.exceptions import CursorExpired, PartTimeout, PlanError, UnknownParts
from django_partstream.outcomes import Status
from django_partstream.parts import plan_of


class FromRest(Exception):
    """An exception shaped like DRF's ``APIException``, where DRF is not installed."""

    status_code = 400
    default_code = "error"

    def __init__(self, detail):
        self.detail = detail

    def get_codes(self):
        return self.detail.code  # an attribute that hand-made detail lacks


class Unspeakable(Exception):
    def __str__(self):
        raise ValueError("no text")

    __repr__ = __str__


ODD = [FromRest({"message": "x"}), FromRest("text"), Unspeakable(), ValueError("caf\udce9")]


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("exc", ODD, ids=lambda exc: type(exc).__name__)
class TestAnOddException:
    def test_an_odd_exception_fails_its_own_part_only(self, deliver, settings, debug, exc):
        settings.DEBUG = debug

        def odd(request):
            raise exc

        outcomes = deliver(a=lazy(odd), b=lazy(lambda request: 2))
        assert (outcomes["a"].status, outcomes["b"].value) == (Status.ERROR, 2)
        assert outcomes["a"].error.code == "part_failed"
        assert outcomes["a"].error.message.encode()  # the message can be sent

    def test_a_fallback_replaces_an_odd_exception(self, deliver, settings, debug, exc):
        settings.DEBUG = debug

        def odd(request):
            raise exc

        async def aodd(request):
            raise exc

        outcomes = deliver(
            a=lazy(safe_call(odd, fallback=[])), b=lazy(safe_call(aodd, fallback=[]))
        )
        assert [(one.status, one.value) for one in outcomes.values()] == [("fallback", [])] * 2


@pytest.mark.parametrize("exc", [PartTimeout(2.5), CursorExpired(), UnknownParts(["a", "b"])])
def test_an_exception_survives_pickling(exc):
    again = pickle.loads(pickle.dumps(exc))
    assert type(again) is type(exc)
    assert str(again) == str(exc)
    assert vars(again) == vars(exc)


def test_a_not_found_is_logged_as_a_warning(deliver, caplog):
    for exc in [Http404(), ValueError(), PartTimeout(1)]:

        def failing(request, exc=exc):
            raise exc

        deliver(a=lazy(failing))
    levels = [one.levelname for one in caplog.records if one.name == "django_partstream"]
    assert levels == ["WARNING", "ERROR", "ERROR"]


def test_a_denial_is_logged_in_a_line_and_another_failure_with_its_traceback(deliver, caplog):
    def failing(request, kind):
        raise kind("no") from LookupError("a row")

    caplog.set_level("INFO", "django_partstream")
    deliver(
        denied=lazy(lambda request: failing(request, PermissionDenied)),
        late=lazy(lambda request: failing(request, PartTimeout)),
        lost=lazy(lambda request: failing(request, Http404)),
    )
    records = {one.part: one for one in caplog.records if one.name == "django_partstream"}
    of_denied = records.pop("denied")
    assert (of_denied.levelname, of_denied.exc_info) == ("INFO", None)
    assert of_denied.error_code == "permission_denied"
    assert [one.exc_info[0] for one in records.values()] == [PartTimeout, Http404]
    assert all(one.exc_info[2] for one in records.values())


@pytest.mark.parametrize("last", ["value", "raises"])
def test_each_failed_helper_of_a_part_is_logged(deliver, caplog, last):
    def failing(request, exc):
        raise exc

    def part(request):
        safe_call(failing, fallback=1)(request, KeyError("one"))
        safe_call(failing)(request, OSError("two"))
        if last == "raises":
            raise RuntimeError
        return 3

    deliver(a=lazy(part))
    kinds = [one.exc_info[0] for one in caplog.records if one.name == "django_partstream"]
    assert kinds == [KeyError, OSError] + [RuntimeError] * (last == "raises")


def test_a_part_that_awaits_a_cancelled_task_fails_alone(deliver):
    async def part(request):
        task = asyncio.create_task(asyncio.Event().wait())
        task.cancel()
        await task

    async def other(request):
        return 2

    outcomes = deliver(a=lazy(part), b=lazy(other))
    assert (outcomes["a"].status, outcomes["b"].value) == (Status.ERROR, 2)


def test_the_error_of_a_bad_plan_notes_the_class_it_is_from():
    class Dashboard:
        def get_parts(self):
            return [("a", 1), ("a", 2)]

    with pytest.raises(PlanError, match="'a' twice") as caught:
        plan_of(Dashboard())
    assert caught.value.__notes__ == [f"In {__name__}.{Dashboard.__qualname__}.get_parts()."]
