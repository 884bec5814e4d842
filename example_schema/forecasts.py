"""
The forecast of the shop's sales, which takes too long for a request.

A worker, or a thread of the server, draws many futures from the past of the shop. Readers of the
dashboard see how much of that is done.
"""

import random
import time
from collections.abc import Sequence
from datetime import date, timedelta
from statistics import mean, quantiles
from typing import Any

from django.conf import settings
from django.db.models import Sum
from django.db.models.functions import TruncWeek
from django.utils import timezone

from django_partstream import background, progress
from example_schema.models import Order
from example_schema.seasons import moment_of

BATCHES = 40  # progress is told after each
FUTURES = 25  # of a batch
YEAR = 52  # weeks
WEEK = timedelta(weeks=1)


@background(keep=60, limit=120)
def sales_forecast(weeks: int) -> dict[str, Any]:
    """
    Return the revenue that is expected in each of the next *weeks*, and in all.

    Of ten futures one is below ``low``, and one above ``high``.
    """
    past = revenue_by_week()
    rng = random.Random(0)
    futures: list[list[float]] = []
    for batch in range(BATCHES):
        futures += [draw_future(past, weeks, rng) for _ in range(FUTURES)]
        take_time()
        progress((batch + 1) / BATCHES)
    monday = this_monday()
    return {
        **spread([sum(future) for future in futures]),
        "by_week": [
            {"week": monday + number * WEEK, **spread(revenues)}
            for number, revenues in enumerate(zip(*futures, strict=True))
        ],
    }


def take_time() -> None:
    """Wait for a batch of futures, as for a larger model than this one."""
    time.sleep(settings.EXAMPLE_FORECAST_SECONDS / BATCHES)


def this_monday() -> date:
    today = timezone.localdate()
    return today - timedelta(days=today.weekday())


def revenue_by_week() -> list[float]:
    """Return the revenue of each whole week of the past two years, the oldest first."""
    monday = this_monday()
    sums = (
        Order.objects.exclude(status__in=(Order.Status.CANCELLED, Order.Status.REFUNDED))
        .annotate(week=TruncWeek("created_at"))
        .values("week")
        .annotate(revenue=Sum("total"))
        .values_list("week", "revenue")
        .filter(created_at__lt=moment_of(monday))
    )
    revenues = {week.date(): float(revenue) for week, revenue in sums}
    return [revenues.get(monday - back * WEEK, 0.0) for back in range(2 * YEAR, 0, -1)]


def draw_future(past: Sequence[float], weeks: int, rng: random.Random) -> list[float]:
    """Return the revenue of the next *weeks*: that of a year ago, times a growth of the past."""
    growth = growth_at(past, rng.randrange(YEAR + 4, len(past) + 1))
    first = len(past) - YEAR
    return [growth * revenue_near(past, first + number, rng) for number in range(weeks)]


def growth_at(past: Sequence[float], end: int) -> float:
    """Return the revenue of the four weeks before *end* relative to a year before."""
    before = sum(past[end - YEAR - 4 : end - YEAR])
    return sum(past[end - 4 : end]) / before if before else 1.0


def revenue_near(past: Sequence[float], place: int, rng: random.Random) -> float:
    """Return the mean revenue of two weeks, each at *place* or beside it."""
    return mean(past[place + rng.choice((-1, 0, 1))] for _ in range(2))


def spread(revenues: Sequence[float]) -> dict[str, int]:
    """Return the mean of *revenues* and their first and last decile, in whole units."""
    low, *_, high = quantiles(revenues, n=10)
    return {"expected": round(mean(revenues)), "low": round(low), "high": round(high)}
