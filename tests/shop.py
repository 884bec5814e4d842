"""What tests know of the example shop."""

#: The names of the parts of its dashboard, in order.
PARTS = [
    "overview",
    "today_stats",
    "recent_orders",
    "inventory_alerts",
    "sales_analytics",
    "sales_forecast",
    "customer_insights",
]
