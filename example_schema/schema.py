"""The dashboard in GraphQL: the types of its parts, and the connection that delivers them."""

import graphene
from graphene_django import DjangoObjectType

from example_schema.models import Product
from example_schema.parts import DashboardParts
from partstream_graphql import (
    Part,
    ProgressiveConnection,
    ProgressiveConnectionField,
    defer_directives,
)


class Overview(graphene.ObjectType):
    """Whose shop this is, and who looks at it."""

    store_name = graphene.String(required=True, description="The name of the shop.")
    timestamp = graphene.DateTime(required=True, description="When this page was made.")
    admin = graphene.String(required=True, description="The user who asked for it.")


class TodayStats(graphene.ObjectType):
    """What happened since midnight."""

    orders_today = graphene.Int(required=True, description="Orders placed today.")
    revenue_today = graphene.Decimal(required=True, description="What they come to.")
    new_customers = graphene.Int(required=True, description="Customers who signed up today.")


class RecentOrder(graphene.ObjectType):
    """An order, as the REST serializer shows it."""

    id = graphene.ID(required=True, description="Its number.")
    customer = graphene.String(required=True, description="The customer's name.")
    created_at = graphene.String(required=True, description="When it was placed, in ISO 8601.")
    status = graphene.String(required=True, description="How far it has got.")
    total = graphene.Decimal(required=True, description="What it comes to.")


class ProductType(DjangoObjectType):
    """A product of the shop."""

    class Meta:
        model = Product
        name = "Product"
        fields = ("id", "name", "sku", "category", "price", "stock")


class MonthlySales(graphene.ObjectType):
    """The sales of one month."""

    month = graphene.Date(required=True, description="Its first day.")
    revenue = graphene.Decimal(required=True, description="What its orders come to.")
    orders = graphene.Int(required=True, description="How many there were.")
    conversion_rate = graphene.Float(description="Orders per visitor, from 0 to 1.")


class SalesAnalytics(graphene.ObjectType):
    """Sales over all time, cancelled and refunded orders left out."""

    total_revenue = graphene.Decimal(required=True, description="What all orders come to.")
    avg_order_value = graphene.Decimal(required=True, description="Their average.")
    conversion_rate = graphene.Float(description="Orders per visitor, from 0 to 1.")
    by_month = graphene.List(
        graphene.NonNull(MonthlySales), required=True, description="The same month by month."
    )


class WeeklyForecast(graphene.ObjectType):
    """The revenue expected in a week."""

    week = graphene.Date(required=True, description="Its Monday.")
    expected = graphene.Int(required=True, description="What its orders are expected to come to.")
    low = graphene.Int(required=True, description="Of ten futures one is below.")
    high = graphene.Int(required=True, description="Of ten futures one is above.")


class SalesForecast(graphene.ObjectType):
    """The revenue expected in the next weeks."""

    expected = graphene.Int(required=True, description="What all orders are expected to come to.")
    low = graphene.Int(required=True, description="Of ten futures one is below.")
    high = graphene.Int(required=True, description="Of ten futures one is above.")
    by_week = graphene.List(
        graphene.NonNull(WeeklyForecast), required=True, description="The same week by week."
    )


class CustomerInsights(graphene.ObjectType):
    """How customers come, stay and leave."""

    total_customers = graphene.Int(required=True, description="All who ever signed up.")
    buyers = graphene.Int(required=True, description="Those who ever bought.")
    churn_rate = graphene.Float(description="Buyers without an order for half a year, 0 to 1.")
    lifetime_value = graphene.Decimal(required=True, description="What a buyer spends on average.")


class Dashboard(DashboardParts, ProgressiveConnection):
    """The shop's dashboard, part by part."""

    overview = Part(Overview, description="Whose shop this is.")
    today_stats = Part(TodayStats, description="Today so far.")
    recent_orders = Part(
        graphene.List(graphene.NonNull(RecentOrder)),
        limit=graphene.Int(description="How many, at most 100; 20 by default."),
        description="The newest orders.",
    )
    inventory_alerts = Part(
        graphene.List(graphene.NonNull(ProductType)), description="Products that run out."
    )
    sales_analytics = Part(SalesAnalytics, description="Revenue and conversion over time.")
    sales_forecast = Part(
        SalesForecast, description="Revenue of the next twelve weeks; computed in the background."
    )
    customer_insights = Part(CustomerInsights, description="Churn and lifetime value.")


class Query(graphene.ObjectType):
    """What can be asked of the shop."""

    dashboard = ProgressiveConnectionField(
        Dashboard, description="The dashboard, a few parts at a time; for staff."
    )


schema = graphene.Schema(query=Query, directives=defer_directives())
