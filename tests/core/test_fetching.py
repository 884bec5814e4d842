"""
The fetch modes of query sets, and the facts about Django that ``_fetching`` relies on.

A red test here means that a release of Django has changed such a fact. The message names the
function of the adapter to look at.
"""

import pickle
from importlib.metadata import version

import pytest
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from django_partstream import _fetching
from example_schema.models import Customer, Order
from tests.orders import create_orders

has_modes = hasattr(models, "FETCH_PEERS")
needs_modes = pytest.mark.skipif(not has_modes, reason="Django has fetch modes since 6.1.")

RAW = "SELECT * FROM example_schema_order ORDER BY id"


def relies(function):
    return f"{function.__name__}() of _fetching relied on this before Django {version('Django')}."


@pytest.fixture(autouse=True)
def _orders(db):
    create_orders(4)


@pytest.fixture
def count():
    """``count(rows)``: the queries to fetch *rows*, and then the customer of each."""

    def counted(rows):
        with CaptureQueriesContext(connection) as queries:
            assert len([order.customer.name for order in rows]) == 4
        return len(queries)

    return counted


ROWS = {
    "a query set": lambda: Order.objects.order_by("id"),
    "a manager": lambda: Order.objects,
    "a raw query set": lambda: Order.objects.raw(RAW),
}


@pytest.mark.parametrize("make", ROWS.values(), ids=ROWS)
def test_the_customers_of_orders_are_fetched_together_or_as_ever(count, make):
    rows = _fetching.with_peers(make())
    assert count(rows.all() if hasattr(rows, "all") else rows) == (2 if has_modes else 5)


def test_the_manager_of_a_model_is_left_as_it_is(count):
    _fetching.with_peers(Order.objects)
    assert count(Order.objects.all()) == 5


@needs_modes
class TestWhatIsFetchedWithPeers:
    def test_a_manager_makes_each_query_set_so(self):
        manager = _fetching.with_peers(Order.objects)
        for rows in (manager.all(), manager.filter(pk__gt=0), manager.get_queryset()):
            assert rows._fetch_mode is models.FETCH_PEERS, relies(_fetching.with_peers)

    def test_a_related_manager_makes_each_query_set_so_and_keeps_to_its_rows(self):
        manager = _fetching.with_peers(Order.objects.order_by("id")[1].customer.orders)
        assert manager.all()._fetch_mode is models.FETCH_PEERS, relies(_fetching.with_peers)
        assert [order.customer.name for order in manager.all()] == ["c1"]

    @pytest.mark.parametrize("mode", ["FETCH_RAISE", "FETCH_PEERS"])
    @pytest.mark.parametrize(
        "make", [lambda rows: rows, lambda rows: rows.raw(RAW)], ids=["query set", "raw"]
    )
    def test_rows_whose_mode_was_chosen_are_returned_as_they_are(self, mode, make):
        rows = make(Order.objects.fetch_mode(getattr(models, mode)))
        assert _fetching.with_peers(rows) is rows, relies(_fetching.with_peers)

    @pytest.mark.parametrize("name", ["a query set", "a raw query set"])
    def test_rows_that_are_fetched_already_keep_their_mode(self, name):
        rows = ROWS[name]()
        assert len(rows) == 4
        assert _fetching.with_peers(rows)._fetch_mode is models.FETCH_ONE

    @pytest.mark.parametrize("name", ["a query set", "a raw query set"])
    def test_a_query_set_remains_the_one_that_parts_share(self, name):
        rows = ROWS[name]()
        assert _fetching.with_peers(rows) is rows


@pytest.mark.parametrize("value", [None, 5, [1], {"a": 1}, "text"], ids=repr)
def test_any_other_value_is_returned_as_it_is(value):
    assert _fetching.with_peers(value) is value


@needs_modes
class TestRowsThatACacheHasKept:
    def kept(self, rows):
        rows = [pickle.loads(pickle.dumps(row)) for row in rows]
        for row in rows:
            state = (row._state.fetch_mode, tuple(row._state.peers))
            assert state == (models.FETCH_PEERS, ()), relies(_fetching.rejoin)
        return rows

    def test_they_are_peers_again(self, count):
        rows = self.kept(_fetching.with_peers(Order.objects.all()))
        _fetching.rejoin(rows)
        assert count(rows) == 1, relies(_fetching.rejoin)

    def test_rows_of_two_models_are_no_peers(self):
        orders = self.kept(_fetching.with_peers(Order.objects.all()))
        customers = self.kept(_fetching.with_peers(Customer.objects.all()))
        mixed = [row for pair in zip(orders, customers, strict=True) for row in pair]
        _fetching.rejoin(mixed)
        for rows in (orders, customers):
            assert [peer() for peer in rows[0]._state.peers] == rows

    def test_rows_of_two_databases_are_no_peers(self):
        rows = self.kept(_fetching.with_peers(Order.objects.all()))
        rows[0]._state.db = "another"
        _fetching.rejoin(rows)
        assert [peer() for peer in rows[1]._state.peers] == rows[1:]

    def test_rows_that_have_peers_or_another_mode_are_left_alone(self):
        plain, peers = list(Order.objects.all()), list(_fetching.with_peers(Order.objects.all()))
        before = peers[0]._state.peers
        _fetching.rejoin([*plain, *peers, "text", None])
        assert peers[0]._state.peers is before
        assert not any(row._state.peers for row in plain)


@pytest.mark.parametrize("value", [None, 5, {"a": 1}, ("a",), ["a", None]], ids=repr)
def test_any_other_value_from_a_cache_is_left_alone(value):
    _fetching.rejoin(value)
