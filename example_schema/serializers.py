"""The shop's rows as the REST front shows them."""

from rest_framework import serializers

from example_schema.models import Order, Product


class OrderSerializer(serializers.ModelSerializer):
    customer = serializers.CharField(source="customer.name", read_only=True)

    class Meta:
        model = Order
        fields = ("id", "customer", "created_at", "status", "total")
        read_only_fields = fields  # so that none is optional to generated clients


class ProductSerializer(serializers.ModelSerializer):
    class Meta:
        model = Product
        fields = ("id", "name", "sku", "category", "price", "stock")
        read_only_fields = fields
