"""The tenants of the nodes: row-level security, as in ``docs/tenants.md``, and a thread-local."""

import threading
from contextlib import contextmanager

from django.db import connection

current = threading.local()


class Tenancy:
    def capture(self, request):
        return getattr(request, "tenant", None)

    @contextmanager
    def thread(self, tenant):
        before, current.tenant = getattr(current, "tenant", None), tenant
        try:
            yield
        finally:
            current.tenant = before

    @contextmanager
    def connection(self, tenant, connection):
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('shop.tenant', %s, false)", [tenant or ""])
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("RESET shop.tenant")


class TenantMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.tenant = request.headers.get("X-Tenant")
        with Tenancy().thread(request.tenant), Tenancy().connection(request.tenant, connection):
            return self.get_response(request)
