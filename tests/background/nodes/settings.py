"""Settings of the nodes (``tests/background/nodes/__init__.py``)."""

from tests.background.site.settings import *  # noqa: F403
from tests.background.site.settings import INSTALLED_APPS, PARTSTREAM

ROOT_URLCONF = "tests.background.nodes.urls"
INSTALLED_APPS = [*INSTALLED_APPS, "graphene_django", "tests.background.nodes"]
if PARTSTREAM.get("TENANCY"):
    MIDDLEWARE = ["tests.background.nodes.tenants.TenantMiddleware"]
