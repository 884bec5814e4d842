"""
The dashboard, declared once as a plain mixin.

``views.py`` makes a REST view of it, ``schema.py`` a GraphQL connection, and both ask the same
permissions.
"""

from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Avg, Count, Max, Min, QuerySet, Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone
from rest_framework.permissions import IsAdminUser, IsAuthenticated

from django_partstream import cached_for, lazy, safe_call, with_timeout
from example_schema import forecasts, values
from example_schema.models import Customer, DailyVisits, Order, Product
from example_schema.serializers import OrderSerializer
from partstream_rest import PartInfo

LOW_STOCK = 10
CHURNED_AFTER = timedelta(days=180)


class DashboardParts:
    permission_classes = [IsAuthenticated, IsAdminUser]
    chunk_size = 2
    manifest = {
        "overview": PartInfo(values.Overview, title="Overview"),
        "today_stats": PartInfo(values.TodayStats, title="Today", description="Since midnight"),
        "recent_orders": PartInfo(
            OrderSerializer(many=True), title="Recent orders", description="The newest 20"
        ),
        "inventory_alerts": PartInfo(
            list[values.ProductRow], title="Inventory alerts", description="Products that run out"
        ),
        "sales_analytics": PartInfo(
            values.SalesAnalytics, title="Sales", description="Revenue and conversion by month"
        ),
        "sales_forecast": PartInfo(
            values.SalesForecast, title="Forecast", description="Revenue of the next twelve weeks"
        ),
        "customer_insights": PartInfo(
            values.CustomerInsights, title="Customers", description="Churn and lifetime value"
        ),
        "*": None,  # there are no others
    }

    def get_parts(self) -> list[tuple[str, Any]]:
        return [
            ("overview", lazy(self.get_overview)),
            ("today_stats", lazy(self.get_today_stats)),
            ("recent_orders", lazy(self.get_recent_orders)),
            ("inventory_alerts", lazy(self.get_inventory_alerts)),
            ("sales_analytics", lazy(safe_call(with_timeout(self.get_sales_analytics, 5)))),
            ("sales_forecast", lazy(self.get_sales_forecast)),
            ("customer_insights", lazy(safe_call(self.get_customer_insights))),
        ]

    def get_overview(self, request: Any) -> values.Overview:
        return {
            "store_name": "Corner Shop",
            "timestamp": timezone.now(),
            "admin": request.user.get_username(),
        }

    def get_today_stats(self, request: Any) -> values.TodayStats:
        midnight = datetime.combine(timezone.localdate(), time.min, timezone.get_current_timezone())
        today = Order.objects.filter(created_at__gte=midnight)
        return {
            "orders_today": today.count(),
            "revenue_today": money(today.aggregate(sum=Sum("total"))["sum"]),
            "new_customers": Customer.objects.filter(created_at__gte=midnight).count(),
        }

    def get_recent_orders(self, request: Any, limit: int = 20) -> Any:
        """Dicts of a serializer: in GraphQL, a plain ``ObjectType``."""
        orders = Order.objects.select_related("customer").order_by("-created_at", "-pk")
        return OrderSerializer(orders[: min(limit, 100)], many=True).data

    def get_inventory_alerts(self, request: Any) -> QuerySet[Product]:
        """Model rows: in GraphQL, a ``DjangoObjectType``."""
        return Product.objects.filter(stock__lt=LOW_STOCK).order_by("stock", "name")

    def get_sales_analytics(self, request: Any) -> values.SalesAnalytics:
        sales = Order.objects.exclude(status__in=(Order.Status.CANCELLED, Order.Status.REFUNDED))
        totals = sales.aggregate(revenue=Sum("total"), average=Avg("total"), orders=Count("pk"))
        by_month = DailyVisits.objects.annotate(month=TruncMonth("date")).values("month")
        visitors = dict(by_month.annotate(sum=Sum("visitors")).values_list("month", "sum"))
        months = (
            sales.annotate(month=TruncMonth("created_at"))
            .values("month")
            .annotate(revenue=Sum("total"), orders=Count("pk"))
            .order_by("month")
        )
        return {
            "total_revenue": money(totals["revenue"]),
            "avg_order_value": money(totals["average"]),
            "conversion_rate": share(totals["orders"], sum(visitors.values())),
            "by_month": [
                {
                    "month": row["month"].date(),
                    "revenue": money(row["revenue"]),
                    "orders": row["orders"],
                    "conversion_rate": share(row["orders"], visitors.get(row["month"].date())),
                }
                for row in months
            ],
        }

    def get_sales_forecast(self, request: Any) -> values.SalesForecast:
        """A background function: the part is pending until the value is there."""
        return forecasts.sales_forecast(12)

    @cached_for(300, per_user=False)
    def get_customer_insights(self, request: Any) -> values.CustomerInsights:
        buyers = Customer.objects.filter(orders__isnull=False).annotate(
            spent=Sum("orders__total"),
            first=Min("orders__created_at"),
            last=Max("orders__created_at"),
        )
        churned_before = timezone.now() - CHURNED_AFTER
        numbers = buyers.aggregate(buyers=Count("pk"), lifetime_value=Avg("spent"))
        churned = buyers.filter(last__lt=churned_before).count()
        return {
            "total_customers": Customer.objects.count(),
            "buyers": numbers["buyers"],
            "churn_rate": share(churned, numbers["buyers"]),
            "lifetime_value": money(numbers["lifetime_value"]),
        }


def money(amount: Decimal | None) -> Decimal:
    """Round *amount* to the cent, because SQLite sums decimals as floats; None is 0."""
    return Decimal(amount or 0).quantize(Decimal("0.01"))


def share(some: int, of_all: int | None) -> float | None:
    """Return *some* divided by *of_all*, from 0 to 1, or None if *of_all* is 0 or None."""
    return round(some / of_all, 4) if of_all else None
