"""The settings of the shop with django-debug-toolbar, as the documentation has them."""

from debug_toolbar.settings import PANELS_DEFAULTS

from example_schema import settings
from example_schema.settings import *  # noqa: F403

INSTALLED_APPS = [*settings.INSTALLED_APPS, "debug_toolbar"]
MIDDLEWARE = ["debug_toolbar.middleware.DebugToolbarMiddleware", *settings.MIDDLEWARE]
DEBUG_TOOLBAR_PANELS = ["django_partstream.toolbar.PartsPanel", *PANELS_DEFAULTS]
INTERNAL_IPS = ["127.0.0.1"]
ROOT_URLCONF = "tests.browser.shop.urls"
