"""The tenants of django-multitenant, each a store, and their orders."""

from django.db import models
from django_multitenant.fields import TenantForeignKey
from django_multitenant.models import TenantModel


class Store(TenantModel):
    name = models.CharField(max_length=20)

    class TenantMeta:
        tenant_field_name = "id"


class Order(TenantModel):
    store = TenantForeignKey(Store, models.CASCADE)

    class TenantMeta:
        tenant_field_name = "store_id"
