"""Orders of the example shop, for tests of the queries that rows make."""

from example_schema.models import Customer, Order


def create_orders(number: int) -> None:
    """Create *number* orders, each of a customer of its own: ``c0``, ``c1`` and so on."""
    for n in range(number):
        name = f"c{n}"
        customer = Customer.objects.create(name=name, email=f"{name}@example.com", city="Oslo")
        Order.objects.create(customer=customer)
