"""Settings of the site, read from the environment (``tests/server/site/__init__.py``)."""

import json
import os
from importlib.util import find_spec

import pymysql

if not find_spec("MySQLdb"):
    pymysql.install_as_MySQLdb()


def _told(name: str, otherwise: object) -> object:
    return json.loads(os.environ.get(name) or json.dumps(otherwise))


SECRET_KEY = "site-only-" + "k" * 50
ALLOWED_HOSTS = ["*"]
USE_TZ = True
TIME_ZONE = "UTC"
ROOT_URLCONF = "tests.server.site.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "graphene_django",
    "django_partstream",
    "tests.server.site",
]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
REST_FRAMEWORK = {"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]}

DATABASES = _told(
    "SITE_DATABASES", {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
)
CACHES = _told(
    "SITE_CACHES", {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
)
PARTSTREAM = _told("SITE_PARTSTREAM", {})
