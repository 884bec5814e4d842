import os

from django.core.asgi import get_asgi_application

from tests.server.site import observing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.server.site.settings")

observing.begin()

application = get_asgi_application()

# After Django is set up, and before the first request, which would otherwise take longer.
from django_partstream.delivery import streams  # noqa: E402
from tests.server.site import events, urls  # noqa: E402, F401

events.listen()

streams.PATIENCE = float(os.environ.get("SITE_PATIENCE", streams.PATIENCE))
