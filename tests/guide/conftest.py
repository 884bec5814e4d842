"""Fixtures for all chapters of the guide: a clock to set, users, and rows of the shop."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from example_schema.models import Customer, Order, OrderItem, Payment, Product


class Clock:
    """A stopped clock, at the moment in the guide's sample response."""

    def __init__(self) -> None:
        self.seconds = datetime(2024, 1, 1, 10, tzinfo=UTC).timestamp()

    def time(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, tz=UTC)

    def forward(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stop the time; ``clock.forward(seconds)`` moves it on."""
    stopped = Clock()
    monkeypatch.setattr(time, "time", stopped.time)
    monkeypatch.setattr(timezone, "now", stopped.now)
    return stopped


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", password="ann's")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob", password="bob's")


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_user("admin", password="admin's", is_staff=True)


@pytest.fixture
def place_order(db: None) -> Callable[..., Order]:
    """Make a paid order of a new customer, with two items: ``place_order(total)``."""

    def placed(total: str = "10.00") -> Order:
        number, now = Order.objects.count() + 1, timezone.now()
        customer = Customer.objects.create(
            name=f"Customer {number}", email=f"{number}@example.com", city="Riga", created_at=now
        )
        order = Order.objects.create(customer=customer, total=Decimal(total), created_at=now)
        Payment.objects.create(order=order, method=Payment.Method.CARD, paid_at=now)
        for item in "ab":
            product = Product.objects.create(
                name=f"Product {number}{item}", sku=f"{number}{item}", price=5, stock=100
            )
            OrderItem.objects.create(order=order, product=product, unit_price=5)
        return order

    return placed
