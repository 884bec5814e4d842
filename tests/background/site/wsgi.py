import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.background.site.settings")

application = get_wsgi_application()

if settings.PARTSTREAM.get("BACKGROUND") == "celery":
    import_module("tests.background.site.celery")
