import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.background.nodes.settings")

application = get_wsgi_application()

# After Django is set up, and before the first request, which would otherwise take longer.
from tests.background.nodes import start  # noqa: E402, F401
