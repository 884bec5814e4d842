from django.contrib import admin

from .models import Customer, DailyVisits, Order, OrderItem, Payment, Product


class OrderItemInline(admin.TabularInline):
    model = OrderItem
    autocomplete_fields = ("product",)
    extra = 0


class PaymentInline(admin.StackedInline):
    model = Payment
    extra = 0


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    list_display = ("name", "email", "city", "created_at")
    search_fields = ("name", "email")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    list_display = ("name", "sku", "category", "price", "stock")
    list_filter = ("category",)
    search_fields = ("name", "sku")


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    list_display = ("id", "customer", "created_at", "status", "total")
    list_filter = ("status",)
    list_select_related = ("customer",)
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    autocomplete_fields = ("customer",)
    inlines = (OrderItemInline, PaymentInline)


@admin.register(DailyVisits)
class DailyVisitsAdmin(admin.ModelAdmin):
    list_display = ("date", "visitors")
    date_hierarchy = "date"
    ordering = ("-date",)
