"""
Settings of the example shop: a demo for your own machine, not a site to deploy.

``EXAMPLE_DEBUG=0`` turns debug mode off, as on a live site. ``EXAMPLE_DB`` names another SQLite
file. ``EXAMPLE_FORECAST_SECONDS`` says how long the forecast of sales takes.
"""

import os
from pathlib import Path
from typing import Any

BASE_DIR = Path(__file__).resolve().parent.parent

# This key is public. A real site reads its key from the environment.
SECRET_KEY = "demo-only-not-a-secret-the-example-shop-signs-its-cursors-with-this"

DEBUG = os.environ.get("EXAMPLE_DEBUG", "1").strip().lower() not in {"0", "false", "no", "off", ""}

ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
INTERNAL_IPS = ["127.0.0.1", "::1"]  # whose templates have `debug`, for the timeline

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "graphene_django",
    "django_partstream",
    "example_schema",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "example_schema.middleware.DemoSignInMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "example_schema.urls"
WSGI_APPLICATION = "example_schema.wsgi.application"

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

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("EXAMPLE_DB") or BASE_DIR / "db.sqlite3",
        "OPTIONS": {
            # The server has a thread per request. WAL lets threads read while another writes.
            # IMMEDIATE makes writers wait for the lock, because SQLite refuses to upgrade a stale
            # read lock. The timeout is the longest wait, in seconds.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"

LOGIN_URL = "admin:login"

# `make demo` signs every visitor in, so that the first request works. Never set this elsewhere.
EXAMPLE_SIGN_IN = os.environ.get("EXAMPLE_SIGN_IN") == "1"

EXAMPLE_FORECAST_SECONDS = float(os.environ.get("EXAMPLE_FORECAST_SECONDS") or 8)

REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
GRAPHENE = {"SCHEMA": "example_schema.schema.schema"}
PARTSTREAM: dict[str, Any] = {}  # the built-in defaults
# Background work is done by threads of the server, which is a single process.
SILENCED_SYSTEM_CHECKS = ["partstream.W009"]

# Failed parts are logged with their traceback and the reference that the client got.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"brief": {"format": "{levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "brief"}},
    "loggers": {
        "django_partstream": {"handlers": ["console"], "level": "INFO", "propagate": False}
    },
}
