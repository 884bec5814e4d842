"""Settings of the tests, with each front only where its packages are installed."""

import os
from importlib.util import find_spec
from pathlib import Path
from tempfile import gettempdir

from tests import services

HAS_REST = find_spec("rest_framework") is not None
HAS_GRAPHQL = find_spec("graphene_django") is not None

SECRET_KEY = "tests-only-" + "k" * 64  # as long as HS512 wants a key
ALLOWED_HOSTS = ["*"]
INTERNAL_IPS = ["127.0.0.1"]
USE_TZ = True
TIME_ZONE = "UTC"
ROOT_URLCONF = "example_schema.urls" if HAS_REST and HAS_GRAPHQL else "tests.no_urls"
STATIC_URL = "static/"
LOGIN_URL = "admin:login"
EXAMPLE_SIGN_IN = False
EXAMPLE_FORECAST_SECONDS = 0
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    *(["rest_framework"] if HAS_REST else []),
    *(["drf_spectacular"] if find_spec("drf_spectacular") else []),
    *(["graphene_django"] if HAS_GRAPHQL else []),
    "django_partstream",
    "example_schema",
    "tests",  # has background functions
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

#: For the tests of our panel, which install the toolbar. Other panels change Django for good.
DEBUG_TOOLBAR_PANELS = [
    "debug_toolbar.panels.history.HistoryPanel",
    "debug_toolbar.panels.timer.TimerPanel",
    "django_partstream.toolbar.PartsPanel",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# A file, so that threads with connections of their own share it; a file per test process.
TEST_DATABASE = Path(gettempdir()) / f"partstream-tests-{os.getpid()}.sqlite3"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": TEST_DATABASE,  # of one in memory, a live server would share the test's connection
        "TEST": {"NAME": TEST_DATABASE},
    }
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
if "postgres" not in services.LACKING:
    DATABASES["postgres"] = services.database()
if "mysql" not in services.LACKING:
    DATABASES["mariadb"] = services.mariadb()
if "redis" not in services.LACKING:
    CACHES["redis"] = services.cache()
MAIN = {"NAME": f"partstream_tests_{os.getpid()}_main"}
# Every test runs on that database, not only the tests that ask for it.
if os.environ.get("PARTSTREAM_TEST_DATABASE") == "postgres":
    DATABASES["default"] = services.database(TEST=MAIN)
if os.environ.get("PARTSTREAM_TEST_DATABASE") == "mariadb":
    DATABASES["default"] = services.mariadb(TEST=MAIN)
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
if not find_spec("drf_spectacular"):
    del REST_FRAMEWORK["DEFAULT_SCHEMA_CLASS"]
GRAPHENE = {"SCHEMA": "example_schema.schema.schema"}
