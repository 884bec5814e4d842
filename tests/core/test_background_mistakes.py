"""Mistakes with background functions are named, with the remedy, where the developer looks."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from uuid import UUID

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import QueryDict
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy

from django_partstream import background, lazy, progress
from django_partstream.outcomes import Status
from example_schema.models import Customer
from tests.core import jobs

pytestmark = pytest.mark.usefixtures("fresh_jobs")


class Shop:
    def forecast(self):
        raise AssertionError("Nothing calls a method in the background.")


class Kind(Enum):
    SHOP = "shop"


# Mistakes of the developer.


def test_a_function_that_a_worker_cannot_import_is_refused():
    def local():
        return None

    for func in (
        local,
        lambda: None,
        Shop.forecast,
        int,
        3,
    ):
        with pytest.raises(TypeError, match=r"background\(\) needs a function"):
            background(func)


@pytest.mark.parametrize(
    "options",
    [
        {"limit": 0},
        {"limit": 0.5},
        {"limit": True},
        {"limit": float("nan")},
        {"limit": float("inf")},
        {"limit": "10"},
        {"keep": 0},
        {"keep": -1},
        {"keep": None},
        {"keep": float("nan")},
        {"keep": float("inf")},
    ],
)
def test_a_time_that_is_none_is_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        background(**options)


@pytest.mark.parametrize("options", [{"cache": None}, {"cache": 3}, {"queue": 3}])
def test_a_name_that_is_none_is_refused(options):
    with pytest.raises(TypeError, match=next(iter(options))):
        background(**options)


def test_no_request_can_be_passed(deliver, caplog):
    assert deliver(part=lazy(jobs.forecast))["part"].status is Status.ERROR
    assert "request.user.pk" in str(caplog.records[-1].exc_info[1])


@pytest.mark.parametrize(
    ("argument", "remedy"),
    [
        (Customer(pk=1), "primary key"),
        ((1, 2), "Pass a list"),
        ({1, 2}, "Pass a list"),
        ((number for number in (1, 2)), "Pass a list"),
        ({1: "a"}, "text as its keys"),
        ([float("nan")], "Pass None"),
        (float("inf"), "Pass None"),
        ({"a": [object()]}, "Pass text, numbers"),
        (b"a", "decode()"),
        (Customer.objects.all(), "Pass primary keys"),
        (Customer.objects, "Pass primary keys"),
        (Customer.objects.values_list("pk", flat=True), "Pass primary keys"),
        (AnonymousUser(), "user.pk"),
        (SimpleLazyObject(AnonymousUser), "user.pk"),
        ({"since": date(2024, 1, 1)}, "isoformat()"),
        (datetime(2024, 1, 1), "isoformat()"),
        (timedelta(days=1), "total_seconds()"),
        (Decimal("1.5"), "str()"),
        (UUID(int=3), "str()"),
        (gettext_lazy("Yes"), "str()"),
        (Kind.SHOP, "its value"),
        (QueryDict("a=1&a=2"), "its dict()"),
    ],
)
def test_an_argument_without_json_form_fails_the_part_with_the_remedy(
    deliver, caplog, argument, remedy
):
    outcome = deliver(part=lazy(lambda request: jobs.forecast(argument)))["part"]
    assert (outcome.status, outcome.error.retryable) == (Status.ERROR, False)
    assert remedy in str(caplog.records[-1].exc_info[1])


def test_a_message_about_an_argument_fetches_no_rows_and_is_short(deliver, caplog):
    deliver(part=lazy(lambda request: jobs.forecast([Customer.objects.all()])))  # no database
    assert "got a query set of Customer in a list" in str(caplog.records[-1].exc_info[1])
    deliver(part=lazy(lambda request: jobs.forecast(tuple(range(10_000)))))
    assert len(str(caplog.records[-1].exc_info[1])) < 400


def test_arguments_that_the_function_does_not_take_fail_the_part(deliver, caplog):
    outcome = deliver(part=lazy(lambda request: jobs.forecast(1, 2, 3)))["part"]
    assert (outcome.status, outcome.error.retryable) == (Status.ERROR, False)


def test_get_parts_cannot_wait(attempts_of):
    endpoint, _ = attempts_of()
    endpoint._make_plan = lambda: [("part", jobs.forecast(1))]
    with pytest.raises(RuntimeError, match=r"get_parts\(\), where nothing can wait"):
        endpoint.plan  # noqa: B018
    assert jobs.calls == []


def test_progress_outside_of_work_does_nothing():
    progress(0.5)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), None, "0.5", True])
def test_progress_is_a_number_from_0_to_1(share):
    with pytest.raises(ValueError, match="from 0 to 1"):
        progress(share)
