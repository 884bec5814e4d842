"""
Two years of invented trade of the demo shop: bestsellers and a long tail, regular customers, and
customers who stopped coming.

The rows depend only on a seed and a last day, and nothing is saved here. The last day is a whole
day, up to midnight: ``seeding.fit_last_day`` moves its future events into the past.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from django.db.models import Model
from django.utils import timezone
from django.utils.text import slugify

from .catalogue import CITIES, FIRST_NAMES, LAST_NAMES, make_products
from .models import Customer, DailyVisits, Order, OrderItem, Payment, Product
from .seasons import DAY, DAYS_BEFORE, Calendar, is_sale, moment_of, second_of_day

METHODS = {Payment.Method.CARD: 62, Payment.Method.WALLET: 25, Payment.Method.TRANSFER: 13}
SALE_PRICE = Decimal("0.80")


@dataclass(frozen=True, kw_only=True)
class History:
    """The rows of a shop, related to each other but not yet saved."""

    customers: list[Customer]
    products: list[Product]
    orders: list[Order]
    items: list[OrderItem]
    payments: list[Payment]
    visits: list[DailyVisits]

    def tables(self) -> list[Sequence[Model]]:
        """Return the rows of each table, after the tables they refer to."""
        return [
            self.customers,
            self.products,
            self.orders,
            self.items,
            self.payments,
            self.visits,
        ]


class Habit(NamedTuple):
    """The first and last day (indexes of the calendar) of a customer's orders, and a weight."""

    first: int
    last: int
    loyalty: float


def make_history(*, seed: int, last: date, customers: int, products: int, orders: int) -> History:
    """
    Return a shop that ends on *last*; equal arguments give equal shops.

    Each table draws from a random stream of its own, so that a change of the number of orders does
    not change the customers or the products.
    """
    calendar = Calendar(random.Random(f"{seed} calendar"), last)
    people, habits = make_customers(random.Random(f"{seed} customers"), customers, calendar)
    goods = make_products(random.Random(f"{seed} products"), products)
    popularity = list(accumulate(1 / (rank + 4) ** 0.9 for rank in range(products)))

    rng = random.Random(f"{seed} orders")
    bought = draw_orders(rng, orders, people, habits, calendar)
    end = moment_of(last + DAY)
    items, payments = [], []
    for order in bought:
        basket = fill_basket(rng, order, goods, popularity)
        order.total = sum((item.unit_price * item.quantity for item in basket), Decimal(0))
        items += basket
        payments += settle(rng, order, end=end)

    return History(
        customers=people,
        products=goods,
        orders=bought,
        items=items,
        payments=payments,
        visits=count_visits(random.Random(f"{seed} visits"), bought, calendar),
    )


def make_customers(
    rng: random.Random, count: int, calendar: Calendar
) -> tuple[list[Customer], list[Habit]]:
    """Return customers in order of sign-up, the newest on the last day, and a habit for each."""
    joined = [calendar.last, *(calendar.draw(rng, 0, calendar.last) for _ in range(count - 1))]
    weights = [1 / (rank + 2) for rank in range(len(CITIES))]
    namesakes: Counter[str] = Counter()
    customers, habits = [], []
    for day, second in sorted((day, second_of_day(rng)) for day in joined):
        first_name, last_name = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
        mailbox = f"{slugify(first_name)}.{slugify(last_name)}"
        namesakes[mailbox] += 1
        number = namesakes[mailbox] if namesakes[mailbox] > 1 else ""
        customers.append(
            Customer(
                name=f"{first_name} {last_name}",
                email=f"{mailbox}{number}@example.com",
                city=rng.choices(CITIES, weights)[0],
                created_at=moment_of(calendar.days[day], second),
            )
        )
        first = max(day, DAYS_BEFORE)
        stays = rng.random() < 0.55
        last = calendar.last if stays else first + int(rng.expovariate(1 / 150))
        habits.append(Habit(first, min(last, calendar.last), rng.lognormvariate(0, 0.8)))
    return customers, habits


def draw_orders(
    rng: random.Random,
    count: int,
    customers: list[Customer],
    habits: list[Habit],
    calendar: Calendar,
) -> list[Order]:
    """
    Return *count* orders, oldest first, the newest on the last day.

    An order is never earlier than the sign-up of its customer.
    """
    weights = [habit.loyalty * calendar.weight(habit.first, habit.last) for habit in habits]
    buyers = rng.choices(range(len(customers)), weights, k=count - 1)
    drawn = [(calendar.draw(rng, habits[b].first, habits[b].last), b) for b in buyers]
    drawn.append((calendar.last, len(customers) - 1))  # the customer of that day

    orders = []
    for day, buyer in drawn:
        customer = customers[buyer]
        created_at = moment_of(calendar.days[day], second_of_day(rng))
        if created_at <= customer.created_at:  # the same day: take a time until midnight
            midnight = moment_of(calendar.days[day] + DAY)
            rest_of_day = midnight - customer.created_at
            created_at = customer.created_at + rest_of_day * rng.uniform(0.01, 0.5)
        orders.append(Order(customer=customer, created_at=created_at))
    return sorted(orders, key=lambda order: order.created_at)


def fill_basket(
    rng: random.Random, order: Order, products: list[Product], popularity: list[float]
) -> list[OrderItem]:
    """Return 1 to 6 items. *popularity* holds the cumulative weights of the products."""
    (size,) = rng.choices(range(1, 7), (36, 27, 17, 11, 6, 3))
    # A product drawn twice is a single item.
    chosen = dict.fromkeys(rng.choices(range(len(products)), cum_weights=popularity, k=size))
    sale = is_sale(timezone.localdate(order.created_at))
    items = []
    for product in map(products.__getitem__, chosen):
        (quantity,) = rng.choices((1, 2, 3, 4), (80, 14, 4, 2))
        price = (product.price * SALE_PRICE).quantize(product.price) if sale else product.price
        items.append(OrderItem(order=order, product=product, quantity=quantity, unit_price=price))
    return items


def settle(rng: random.Random, order: Order, *, end: datetime) -> list[Payment]:
    """Set the status of *order* at *end*, and return a list of its payment, or an empty list."""
    fate = rng.random()
    (method,) = rng.choices(tuple(METHODS), tuple(METHODS.values()))
    if method == Payment.Method.TRANSFER:
        paid_at = order.created_at + rng.uniform(0.3, 4) * DAY
    else:
        paid_at = order.created_at + timedelta(seconds=rng.randrange(5, 300))
    shipped_at = paid_at + rng.uniform(0.2, 2) * DAY
    delivered_at = shipped_at + rng.uniform(1, 5) * DAY

    # 5 % of orders are never paid: they stay open for three days, then they are cancelled.
    if fate < 0.05:
        is_open = end - order.created_at < 3 * DAY
        order.status = Order.Status.PENDING if is_open else Order.Status.CANCELLED
        return []
    if paid_at >= end:
        order.status = Order.Status.PENDING
        return []
    if delivered_at >= end:
        order.status = Order.Status.SHIPPED if shipped_at < end else Order.Status.PAID
    else:
        order.status = Order.Status.REFUNDED if fate < 0.08 else Order.Status.DELIVERED
    return [Payment(order=order, method=method, paid_at=paid_at)]


def count_visits(rng: random.Random, orders: list[Order], calendar: Calendar) -> list[DailyVisits]:
    """Return the visitors of each day of trade; about 2 to 3 % of visitors order."""
    ordered = Counter(timezone.localdate(order.created_at) for order in orders)
    return [
        DailyVisits(
            date=day,
            visitors=round((ordered[day] + rng.uniform(0.1, 1)) / rng.uniform(0.02, 0.034)),
        )
        for day in calendar.days[DAYS_BEFORE:]
    ]
