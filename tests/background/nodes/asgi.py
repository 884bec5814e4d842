import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.background.nodes.settings")

application = get_asgi_application()

# After Django is set up, and before the first request, which would otherwise take longer.
from tests.background.nodes import start  # noqa: E402, F401
