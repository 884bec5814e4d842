"""Figures that are slow to make."""

from clinic.models import Appointment
from django.db.models import Sum
from django.db.models.functions import TruncMonth


def revenue():
    """The fees of each month."""
    months = Appointment.objects.annotate(month=TruncMonth("day")).values("month")
    rows = months.annotate(fees=Sum("fee")).order_by("month")
    return [{"month": row["month"].isoformat(), "fees": str(row["fees"])} for row in rows]
