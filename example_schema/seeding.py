"""Move the demo shop's history to a new day, delete it, and create the demo user."""

from datetime import date, datetime, timedelta

from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import F, Max, Model

from .models import Customer, DailyVisits, Order, OrderItem, Payment, Product
from .seasons import moment_of

# Each model stands before the models it refers to, so that rows can be deleted in this order.
MODELS: tuple[type[Model], ...] = (OrderItem, Payment, Order, Customer, Product, DailyVisits)
MOMENTS: tuple[tuple[type[Model], str], ...] = (
    (Customer, "created_at"),
    (Order, "created_at"),
    (Payment, "paid_at"),
)

DEMO_USERNAME = "demo"
DEMO_PASSWORD = "demo"


def has_tables() -> bool:
    return DailyVisits._meta.db_table in connection.introspection.table_names()


def last_day() -> date | None:
    """Return the last day of the history in the database, or None if there is no history."""
    last: date | None = DailyVisits.objects.aggregate(last=Max("date"))["last"]
    return last


def is_empty() -> bool:
    return not any(model._default_manager.exists() for model in MODELS)


def wipe() -> None:
    for model in MODELS:
        model._default_manager.all().delete()


def move(ahead: timedelta) -> None:
    """Move the whole history ahead by *ahead*, a number of whole days."""
    for model, field in MOMENTS:
        model._default_manager.update(**{field: F(field) + ahead})
    # Dates are unique: a single UPDATE would meet the date of the next row, so insert them again.
    visits = list(DailyVisits.objects.all())
    for visit in visits:
        visit.date += ahead
    DailyVisits.objects.all().delete()
    DailyVisits.objects.bulk_create(visits)


def fit_last_day(day: date, now: datetime) -> None:
    """
    Compress the events of *day* into the time from its midnight to *now*, in order.

    A history ends with a whole day. If that day is today, its later events would be in the future.
    Afterwards the latest event is at *now*.
    """
    midnight = moment_of(day)
    recent = [
        (model, field, list(model._default_manager.filter(**{f"{field}__gte": midnight})))
        for model, field in MOMENTS
    ]
    moments = [getattr(row, field) for _, field, rows in recent for row in rows]
    span = max(moments, default=midnight) - midnight
    if not span:
        return
    for model, field, rows in recent:
        for row in rows:
            share = (getattr(row, field) - midnight) / span
            setattr(row, field, min(now, midnight + (now - midnight) * share))
        model._default_manager.bulk_update(rows, [field])


def ensure_demo_user() -> bool:
    """
    Create the staff user of the demo; return True if the user is new.

    The password is public. It is only for a demo on your own machine.
    """
    if User.objects.filter(username=DEMO_USERNAME).exists():
        return False
    user = User.objects.create_user(DEMO_USERNAME, password=DEMO_PASSWORD, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="example_schema"))
    return True
