"""The parts of the nodes, for both fronts."""

from django.contrib.auth.models import Group
from django.db import transaction

from django_partstream import lazy, safe_call, with_timeout
from tests.background.nodes import functions
from tests.background.site.functions import forecast


def run_of(request):
    return request.GET.get("run", "")


def gate_of(request):
    """The gate of the request, as an argument of a background function."""
    return {"gate": request.GET["gate"]} if "gate" in request.GET else {}


class Parts:
    """Three parts that are there at once, and a part that waits for its value."""

    def get_parts(self):
        return [
            ("overview", "overview"),
            ("forecast", lazy(self.get_forecast)),
            ("orders", lazy(self.get_orders)),
            ("news", lazy(self.get_news)),
        ]

    def get_forecast(self, request):
        return forecast(run_of(request), **gate_of(request))

    def get_orders(self, request):
        return "orders"

    def get_news(self, request):
        return "news"


class Guarded:
    """Parts that wait for one and the same value, under guards and in transactions."""

    def get_parts(self):
        forecast = Parts().get_forecast
        return [
            ("plain", lazy(forecast)),
            ("caught", lazy(safe_call(forecast, fallback="nothing"))),
            ("timed", lazy(with_timeout(forecast, 30))),
            ("swallowing", lazy(self.get_swallowing)),
            ("in_transaction", lazy(self.get_in_transaction)),
            ("written", lazy(self.get_written)),
            ("read", lazy(self.get_read)),
        ]

    def get_swallowing(self, request):
        try:
            return Parts().get_forecast(request)
        except Exception:
            return "nothing"

    def get_in_transaction(self, request):
        with transaction.atomic():
            return Parts().get_forecast(request)

    def get_written(self, request):
        """Write the row that the worker of the next part reads."""
        Group.objects.get_or_create(name=run_of(request))
        return "written"

    def get_read(self, request):
        with transaction.atomic():
            return functions.groups(run_of(request))


class OfTenant:
    def get_parts(self):
        return [("orders", lazy(self.get_orders))]

    def get_orders(self, request):
        return functions.orders(run_of(request))


class Brief:
    def get_parts(self):
        return [("fast", "fast"), ("brief", lazy(self.get_brief)), ("last", "last")]

    def get_brief(self, request):
        return functions.brief(run_of(request), **gate_of(request))
