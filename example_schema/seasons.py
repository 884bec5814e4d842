"""The trade of the demo shop by day and hour: seasons, weekends, a sale, growth."""

import random
from bisect import bisect_right
from datetime import date, datetime, time, timedelta
from itertools import accumulate

from django.utils import timezone

DAYS_OF_TRADE = 730
DAYS_BEFORE = 365  # customers also signed up in the year before the first order
DAY = timedelta(days=1)

# Factors of an average month and weekday (Monday first); hours are relative to each other.
MONTHS = (0.85, 0.85, 0.95, 1.0, 1.05, 0.95, 0.85, 0.85, 1.0, 1.1, 1.35, 1.6)
WEEKDAYS = (1.1, 1.0, 0.95, 0.95, 0.9, 0.85, 1.25)
HOURS = (8, 4, 2, 1, 1, 2, 6, 14, 24, 32, 36, 38, 44, 40, 34, 32, 34, 40, 48, 58, 64, 56, 36, 18)


class Calendar:
    """The days up to *last*, and the share of the trade on each day."""

    def __init__(self, rng: random.Random, last: date) -> None:
        length = DAYS_BEFORE + DAYS_OF_TRADE
        self.days = [last - back * DAY for back in reversed(range(length))]
        self.last = length - 1
        self.sums = [0.0]
        self.sums += accumulate(
            (1 + 0.6 * index / length) * busyness(day) * rng.lognormvariate(0, 0.12)
            for index, day in enumerate(self.days)
        )

    def weight(self, first: int, last: int) -> float:
        """Return the trade on the days from index *first* to *last*."""
        return self.sums[last + 1] - self.sums[first]

    def draw(self, rng: random.Random, first: int, last: int) -> int:
        """Return the index of a day from *first* to *last*; busy days are more likely."""
        at = rng.uniform(self.sums[first], self.sums[last + 1])
        return min(last, bisect_right(self.sums, at) - 1)


def busyness(day: date) -> float:
    """Return the trade of *day* relative to an average day, which is 1."""
    busy = MONTHS[day.month - 1] * WEEKDAYS[day.weekday()]
    if is_sale(day):
        busy *= 2.2
    if day.month == 12 and 22 <= day.day <= 26:  # too late for a parcel before Christmas
        busy *= 0.35
    return busy


def is_sale(day: date) -> bool:
    """Tell whether *day* is from Black Friday to the Monday after it."""
    earliest = date(day.year, 11, 23)  # the earliest date of Black Friday
    black_friday = earliest + (4 - earliest.weekday()) % 7 * DAY
    return black_friday <= day <= black_friday + 3 * DAY


def second_of_day(rng: random.Random) -> int:
    (hour,) = rng.choices(range(24), HOURS)
    return hour * 3600 + rng.randrange(3600)


def moment_of(day: date, second: int = 0) -> datetime:
    midnight = datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone())
    return midnight + timedelta(seconds=second)
