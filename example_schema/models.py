"""A small shop: customers, products, orders, payments and visits."""

from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone


class Customer(models.Model):
    name = models.CharField(max_length=120)
    email = models.EmailField(unique=True)
    city = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    name = models.CharField(max_length=120)
    sku = models.CharField("SKU", max_length=20, unique=True)
    category = models.CharField(max_length=60, db_index=True)
    price = models.DecimalField(max_digits=12, decimal_places=2, validators=[MinValueValidator(0)])
    stock = models.PositiveIntegerField(default=0, db_index=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return f"{self.name} ({self.sku})"


class Order(models.Model):
    class Status(models.TextChoices):
        PENDING = "pending"
        PAID = "paid"
        SHIPPED = "shipped"
        DELIVERED = "delivered"
        CANCELLED = "cancelled"
        REFUNDED = "refunded"

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="orders")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    total = models.DecimalField(max_digits=12, decimal_places=2, default=0)

    class Meta:
        get_latest_by = "created_at"
        indexes = (models.Index(fields=("status", "created_at"), name="order_status_created"),)

    def __str__(self) -> str:
        return f"Order {self.pk}"


class OrderItem(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="items")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="order_items")
    quantity = models.PositiveIntegerField(default=1, validators=[MinValueValidator(1)])
    # The price on the day of the order, because the product's price may change later.
    unit_price = models.DecimalField(max_digits=12, decimal_places=2)

    def __str__(self) -> str:
        return f"{self.quantity} x {self.product.name}"


class Payment(models.Model):
    """The payment of an order; an unpaid order has none."""

    class Method(models.TextChoices):
        CARD = "card"
        WALLET = "wallet"
        TRANSFER = "transfer"

    order = models.OneToOneField(Order, on_delete=models.CASCADE, related_name="payment")
    method = models.CharField(max_length=10, choices=Method)
    paid_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"{self.get_method_display()} for order {self.order_id}"


class DailyVisits(models.Model):
    """The number of visitors on a day. Conversion is orders per visitor."""

    date = models.DateField(unique=True)
    visitors = models.PositiveIntegerField()

    class Meta:
        ordering = ("date",)
        verbose_name_plural = "daily visits"

    def __str__(self) -> str:
        return f"{self.visitors} on {self.date}"
