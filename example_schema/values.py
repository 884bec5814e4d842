"""The values of the dashboard's parts: the types of what their functions return."""

from datetime import date, datetime
from decimal import Decimal
from typing import TypedDict


class Overview(TypedDict):
    store_name: str
    timestamp: datetime
    admin: str


class TodayStats(TypedDict):
    orders_today: int
    revenue_today: Decimal
    new_customers: int


class ProductRow(TypedDict):
    id: int
    name: str
    sku: str
    category: str
    price: Decimal
    stock: int


class MonthlySales(TypedDict):
    month: date
    revenue: Decimal
    orders: int
    conversion_rate: float | None


class SalesAnalytics(TypedDict):
    total_revenue: Decimal
    avg_order_value: Decimal
    conversion_rate: float | None
    by_month: list[MonthlySales]


class Spread(TypedDict):
    expected: int
    low: int
    high: int


class WeeklyForecast(Spread):
    week: date


class SalesForecast(Spread):
    by_week: list[WeeklyForecast]


class CustomerInsights(TypedDict):
    total_customers: int
    buyers: int
    churn_rate: float | None
    lifetime_value: Decimal
