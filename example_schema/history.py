"""
Two years of the demo shop's trade, made up but believable: bestsellers and a long tail, regulars,
and customers who stopped coming.

All of it follows from a seed and a last day; nothing is saved here. The last day is a whole one, up
to midnight: ``seeding.fit_last_day`` moves what lies ahead into the past.
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
    """The days (indexes of the calendar) from which to which a customer buys, and how eagerly."""

    first: int
    last: int
    loyalty: float


def make_history(*, seed: int, last: date, customers: int, products: int, orders: int) -> History:
    """
    Return a shop whose last day is *last*: the same one for the same arguments.

    Each table draws from a random stream of its own, so that more orders leave the customers and
    the products as they are.
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
    """Return customers by the time they signed up, at least one on the last day, and habits."""
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
    """Return orders, oldest first: none before its customer signed up, one on the last day."""
    weights = [habit.loyalty * calendar.weight(habit.first, habit.last) for habit in habits]
    buyers = rng.choices(range(len(customers)), weights, k=count - 1)
    drawn = [(calendar.draw(rng, habits[b].first, habits[b].last), b) for b in buyers]
    drawn.append((calendar.last, len(customers) - 1))  # who signed up on that day

    orders = []
    for day, buyer in drawn:
        customer = customers[buyer]
        created_at = moment_of(calendar.days[day], second_of_day(rng))
        if created_at <= customer.created_at:  # both on one day: some time before midnight
            midnight = moment_of(calendar.days[day] + DAY)
            rest_of_day = midnight - customer.created_at
            created_at = customer.created_at + rest_of_day * rng.uniform(0.01, 0.5)
        orders.append(Order(customer=customer, created_at=created_at))
    return sorted(orders, key=lambda order: order.created_at)


def fill_basket(
    rng: random.Random, order: Order, products: list[Product], popularity: list[float]
) -> list[OrderItem]:
    """Return one to six items. *popularity* holds the products' weights, summed up."""
    (size,) = rng.choices(range(1, 7), (36, 27, 17, 11, 6, 3))
    # A product drawn twice is one item.
    chosen = dict.fromkeys(rng.choices(range(len(products)), cum_weights=popularity, k=size))
    sale = is_sale(timezone.localdate(order.created_at))
    items = []
    for product in map(products.__getitem__, chosen):
        (quantity,) = rng.choices((1, 2, 3, 4), (80, 14, 4, 2))
        price = (product.price * SALE_PRICE).quantize(product.price) if sale else product.price
        items.append(OrderItem(order=order, product=product, quantity=quantity, unit_price=price))
    return items


def settle(rng: random.Random, order: Order, *, end: datetime) -> list[Payment]:
    """Set the status that *order* has reached by *end*, and return its payment, if there is one."""
    fate = rng.random()
    (method,) = rng.choices(tuple(METHODS), tuple(METHODS.values()))
    if method == Payment.Method.TRANSFER:
        paid_at = order.created_at + rng.uniform(0.3, 4) * DAY
    else:
        paid_at = order.created_at + timedelta(seconds=rng.randrange(5, 300))
    shipped_at = paid_at + rng.uniform(0.2, 2) * DAY
    delivered_at = shipped_at + rng.uniform(1, 5) * DAY

    # One in twenty is never paid: it stays open for three days, then it is cancelled.
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
    """Return the visitors of each day of trade, of whom two or three in a hundred order."""
    ordered = Counter(timezone.localdate(order.created_at) for order in orders)
    return [
        DailyVisits(
            date=day,
            visitors=round((ordered[day] + rng.uniform(0.1, 1)) / rng.uniform(0.02, 0.034)),
        )
        for day in calendar.days[DAYS_BEFORE:]
    ]
