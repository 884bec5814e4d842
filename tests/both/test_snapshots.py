"""Snapshots of the wire formats: any change is a change for every client."""

from datetime import UTC, datetime
from unittest import mock

import pytest
from django.contrib.auth.models import User

from django_partstream.testing import background_now, part_fails, walk, walk_connection
from example_schema.models import Customer, DailyVisits, Order, Product
from tests.both.test_dashboard import QUERY
from tests.masking import claims, masked

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def staff(client, db):
    """A member of staff in a shop of a few rows, at a fixed time."""
    ann = Customer.objects.create(pk=1, name="Ann", email="a@example.com", city="Oslo")
    Customer.objects.create(pk=2, name="Bob", email="b@example.com", city="Rome")
    Customer.objects.update(created_at=NOW)
    for pk, total in [(1, "10.50"), (2, "20.25")]:
        Order.objects.create(pk=pk, customer=ann, total=total, status="paid", created_at=NOW)
    Product.objects.create(pk=1, name="Teapot", sku="T-1", category="Home", price="9.90", stock=3)
    DailyVisits.objects.create(date=NOW.date(), visitors=40)
    client.force_login(User.objects.create_user("ann", is_staff=True))
    with background_now(), mock.patch("django.utils.timezone.now", return_value=NOW):
        yield client


def test_graphql_pages(staff, snapshot):
    with part_fails("inventory_alerts"):
        walked = walk_connection(staff, QUERY, variables={"first": 3})
    snapshot.assert_match([masked(page) for page in walked.pages])


def test_graphql_errors(staff, snapshot):
    with part_fails("today_stats"):
        response = staff.post(
            "/graphql/",
            {"query": "{ dashboard { overview { admin } todayStats { ordersToday } } }"},
            content_type="application/json",
        )
    snapshot.assert_match(masked(response.json()))


def test_graphql_list_of_parts(staff, snapshot):
    text = "{ dashboard { totalCount edges { node { name status } } } }"
    response = staff.post("/graphql/", {"query": text}, content_type="application/json")
    snapshot.assert_match(response.json())


def test_rest_pages(staff, snapshot):
    with part_fails("inventory_alerts"):
        walked = walk(staff, "/api/dashboard/")
    snapshot.assert_match([masked(page) for page in walked.pages])


def test_rest_options(staff, snapshot):
    snapshot.assert_match(staff.options("/api/dashboard/").json())


def test_cursor_claims(staff, snapshot):
    with mock.patch("time.time", return_value=NOW.timestamp()):
        token = staff.get("/api/dashboard/?year=2024").json()["cursor"]
    snapshot.assert_match(claims(token))
