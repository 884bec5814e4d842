"""Exceptions that a project registers, and failures that another attempt cannot mend."""

import asyncio
import json

import pytest
from django.core.exceptions import (
    BadRequest,
    DisallowedHost,
    PermissionDenied,
    SuspiciousOperation,
)
from django.utils.translation import gettext_lazy

from django_partstream import Status, failures, lazy, safe_call, with_timeout
from django_partstream.testing import part_fails


class OutOfStock(Exception):
    pass


class Embargoed(OutOfStock):
    pass


@pytest.fixture(autouse=True)
def _registered_for_the_test(monkeypatch):
    """Forget after the test what it has registered."""
    before = dict(failures._translate.registry)
    monkeypatch.setattr(failures, "_registered", set())
    yield
    for kind in failures._translate.registry.keys() - before.keys():
        failures._translate.register(kind, failures._translate.dispatch(Exception))
    for kind, translator in before.items():
        failures._translate.register(kind, translator)


def raising(exc):
    def part(request):
        raise exc

    return part


def test_a_registered_exception_ends_its_part_as_registered(deliver, caplog):
    failures.register(
        OutOfStock, status=Status.ERROR, code="sold_out", message="Sold out.", retryable=True
    )
    for exc in (OutOfStock("secret"), Embargoed("secret")):
        outcome = deliver(a=lazy(raising(exc)))["a"]
        assert outcome.status is Status.ERROR
        error = outcome.error
        assert (error.code, error.message, error.retryable) == ("sold_out", "Sold out.", True)
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_a_registered_denial_passes_through_safe_call(deliver):
    failures.register(OutOfStock, status=Status.DENIED, code="embargo", message="Not for you.")

    async def later(request):
        raise Embargoed

    outcomes = deliver(
        a=lazy(safe_call(raising(OutOfStock()), fallback=[])),
        b=lazy(safe_call(later, fallback=[])),
    )
    assert [one.status for one in outcomes.values()] == ["denied", "denied"]
    assert [one.error.retryable for one in outcomes.values()] == [False, False]


def test_the_nearest_registered_class_and_the_last_registration_count(deliver):
    for code in ("first", "second"):
        failures.register(OutOfStock, status=Status.ERROR, code=code, message="Sold out.")
    failures.register(Embargoed, status=Status.DENIED, code="embargo", message="Not for you.")
    outcomes = deliver(a=lazy(raising(OutOfStock())), b=lazy(raising(Embargoed())))
    assert [one.error.code for one in outcomes.values()] == ["second", "embargo"]


def test_the_word_of_a_project_counts_although_a_front_is_imported_later(deliver):
    failures.register(OutOfStock, status=Status.DENIED, code="ours", message="Ours.")
    failures.translates(OutOfStock)(lambda exc: failures.Failure(code="front"))
    assert deliver(a=lazy(raising(OutOfStock())))["a"].error.code == "ours"


def test_a_registered_message_is_translated_when_it_is_sent(deliver):
    message = gettext_lazy("Permission denied")
    failures.register(OutOfStock, status=Status.DENIED, code="no", message=message)
    assert deliver(a=lazy(raising(OutOfStock())))["a"].error.message == "Permission denied"


GOOD = {"status": Status.ERROR, "code": "no", "message": "No."}


@pytest.mark.parametrize(
    ("kind", "change", "error", "words"),
    [
        (Exception, {}, ValueError, "every failure"),
        (BaseException, {}, ValueError, "every failure"),
        (KeyboardInterrupt, {}, TypeError, "ends the whole page"),
        (asyncio.CancelledError, {}, TypeError, "ends the whole page"),
        (OutOfStock(), {}, TypeError, "a class of exceptions"),
        (int, {}, TypeError, "a class of exceptions"),
        ("OutOfStock", {}, TypeError, "a class of exceptions"),
        (OutOfStock, {"status": "error"}, TypeError, "Status.ERROR or Status.DENIED"),
        (OutOfStock, {"status": Status.OK}, ValueError, "got Status.OK"),
        (OutOfStock, {"status": Status.TIMEOUT}, ValueError, "got Status.TIMEOUT"),
        (OutOfStock, {"status": Status.FALLBACK}, ValueError, "got Status.FALLBACK"),
        (OutOfStock, {"code": 7}, TypeError, "code must be a str"),
        (OutOfStock, {"code": ""}, ValueError, "code must be a line"),
        (OutOfStock, {"message": None}, TypeError, "message must be a str"),
        (OutOfStock, {"message": "two\nlines"}, ValueError, "message must be a line"),
        (OutOfStock, {"retryable": 1}, TypeError, "retryable must be True or False"),
    ],
)
def test_a_wrong_registration_is_refused_with_the_reason(kind, change, error, words):
    with pytest.raises(error, match=words):
        failures.register(kind, **{**GOOD, **change})
    assert failures._registered == set()


def test_a_subclass_of_djangos_permission_denied_is_a_denial(deliver):
    class NotYours(PermissionDenied):  # as those of guardian and rules
        pass

    outcome = deliver(a=lazy(safe_call(raising(NotYours()), fallback=[])))["a"]
    assert (outcome.status, outcome.error.code) == (Status.DENIED, "permission_denied")


@pytest.mark.parametrize("exc", [BadRequest(), SuspiciousOperation(), DisallowedHost()])
def test_a_bad_request_of_django_is_not_retryable(deliver, exc):
    error = deliver(a=lazy(raising(exc)))["a"].error
    assert (error.code, error.retryable) == ("bad_request", False)


def takes_nothing():
    return 1


async def takes_nothing_async():
    return 1


class TestAFaultOfTheCode:
    @pytest.mark.parametrize(
        "func",
        [
            takes_nothing,
            takes_nothing_async,
            safe_call(takes_nothing),
            with_timeout(takes_nothing, 5),
            with_timeout(safe_call(takes_nothing_async), 5),
        ],
    )
    def test_a_function_with_a_wrong_signature_is_not_retryable(self, deliver, func):
        error = deliver(a=lazy(func))["a"].error
        assert (error.code, error.retryable) == ("part_failed", False)

    @pytest.mark.parametrize("exc", [TypeError("why"), ValueError("why")])
    def test_an_exception_of_the_functions_own_code_is_retryable(self, deliver, exc):
        def inner(request):
            raise exc

        async def later(request):
            raise exc

        outcomes = deliver(
            a=lazy(inner),
            b=lazy(with_timeout(inner, 5)),
            c=lazy(later),
            d=lazy(lambda request: takes_nothing(request)),
        )
        assert [one.error.retryable for one in outcomes.values()] == [True] * 4

    def test_an_exception_that_a_test_puts_in_place_of_a_function_is_retryable(self, deliver):
        with part_fails("a", TypeError()):
            assert deliver(a=lazy(lambda request: 1))["a"].error.retryable


def test_a_code_that_is_translated_lazily_is_text_in_the_error(deliver):
    code = gettext_lazy("sold_out")
    failures.register(OutOfStock, status=Status.ERROR, code=code, message="Sold out.")
    error = deliver(a=lazy(raising(OutOfStock())))["a"].error
    assert json.loads(json.dumps(error.as_dict()))["code"] == "sold_out"


async def _denied_in_a_task(request):
    async def ask():
        raise PermissionDenied

    async with asyncio.TaskGroup() as group:
        group.create_task(ask())


@pytest.mark.parametrize(
    "part",
    [
        _denied_in_a_task,
        raising(ExceptionGroup("both", [ValueError(), PermissionDenied()])),
        raising(ExceptionGroup("outer", [ExceptionGroup("inner", [PermissionDenied()])])),
    ],
    ids=["task", "mixed", "nested"],
)
def test_a_denial_in_a_group_of_exceptions_passes_through_safe_call(deliver, part):
    outcome = deliver(a=lazy(safe_call(part, fallback="secret")))["a"]
    assert (outcome.status, outcome.value) == (Status.DENIED, None)
    assert outcome.error.code == "permission_denied"


def test_a_group_of_exceptions_without_a_denial_is_a_failed_part(deliver):
    outcome = deliver(a=lazy(raising(ExceptionGroup("all", [ValueError("secret")]))))["a"]
    assert (outcome.status, outcome.error.code) == (Status.ERROR, "part_failed")
    assert outcome.error.retryable
