"""Pages over a socket, from the threads of a real server, with committed rows."""

import json
import threading
import urllib.error
import urllib.request

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import path

from django_partstream import ProgressiveView, lazy, with_timeout
from django_partstream.testing import background_now
from example_schema.models import Customer
from tests.both.test_dashboard import QUERY

pytestmark = pytest.mark.django_db(transaction=True)


class Answers:
    """A client with only a socket and a session cookie."""

    def __init__(self, server, cookie=""):
        self.base, self.headers = server.url, {"Cookie": f"csrftoken={'c' * 32}; {cookie}"}

    def get(self, address):
        request = urllib.request.Request(self.base + address, headers=self.headers)
        return self.send(request)

    def post(self, address, body):
        headers = {**self.headers, "Content-Type": "application/json", "X-CSRFToken": "c" * 32}
        return self.send(
            urllib.request.Request(self.base + address, json.dumps(body).encode(), headers)
        )

    def send(self, request):
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as response:
            with response:
                return response.code, json.load(response)


@pytest.fixture
def staff(live_server):
    call_command("seed", customers=20, products=30, orders=60, verbosity=0)
    client = Client()
    client.force_login(User.objects.get(username="demo"))
    with background_now():
        yield Answers(live_server, f"sessionid={client.cookies['sessionid'].value}")


def test_a_rest_response_is_walked_to_its_end_over_http(staff):
    address, names = "/api/dashboard/", []
    while address:
        status, page = staff.get(address)
        assert status == 200
        names += [name for result in page["results"] for name in result]
        assert "errors" not in page
        address = page["cursor"] and f"/api/dashboard/?cursor={page['cursor']}"
    assert names == [
        "overview", "today_stats", "recent_orders", "inventory_alerts", "sales_analytics",
        "sales_forecast", "customer_insights",
    ]  # fmt: skip


def test_a_graphql_connection_is_walked_to_its_end_over_http(staff):
    after, names = "", []
    while after is not None:
        variables = {"first": 4, "after": after}
        status, body = staff.post("/graphql/", {"query": QUERY, "variables": variables})
        assert (status, body.get("errors")) == (200, None)
        page = body["data"]["dashboard"]
        names += [edge["node"]["name"] for edge in page["edges"]]
        assert all(edge["node"]["status"] == "OK" for edge in page["edges"])
        after = page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None
    assert len(names) == len(set(names)) == 7


def test_clients_without_a_session_are_refused_over_http(live_server):
    stranger = Answers(live_server)
    assert stranger.get("/api/dashboard/")[0] == 403
    status, body = stranger.post("/graphql/", {"query": QUERY})
    assert (status, body["data"]) == (200, None)


def test_a_late_part_ends_within_its_limit_in_a_thread_of_a_server(live_server, settings):
    gate = threading.Event()

    class Late(ProgressiveView):
        def get_parts(self):
            return [
                ("late", lazy(with_timeout(lambda request: gate.wait(30), 0.05))),
                ("count", lazy(with_timeout(lambda request: Customer.objects.count(), 30))),
            ]

    urls = type(threading)("served")
    urls.urlpatterns = [path("", Late.as_view())]
    settings.ROOT_URLCONF = urls
    Customer.objects.create(name="Ann", email="ann@example.com", city="Oslo")
    try:
        _, page = Answers(live_server).get("/")
    finally:
        gate.set()
    assert page["results"] == [{"late": None}, {"count": 1}]
    assert [error["code"] for error in page["errors"]] == ["part_timed_out"]


def test_parts_run_together_in_threads_of_a_server(live_server, settings):
    barrier = threading.Barrier(2)

    class Together(ProgressiveView):
        concurrency = 2

        def get_parts(self):
            return [("a", lazy(self.count)), ("b", lazy(self.count))]

        def count(self, request):
            barrier.wait(10)
            return Customer.objects.count()

    urls = type(threading)("served")
    urls.urlpatterns = [path("", Together.as_view())]
    settings.ROOT_URLCONF = urls
    Customer.objects.create(name="Ann", email="ann@example.com", city="Oslo")
    _, page = Answers(live_server).get("/")
    assert page["results"] == [{"a": 1}, {"b": 1}]
