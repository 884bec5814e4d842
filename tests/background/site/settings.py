"""Settings of the site, read from the environment (``tests/background/site/__init__.py``)."""

import json
import os


def _told(name: str, otherwise: object) -> object:
    return json.loads(os.environ.get(name) or json.dumps(otherwise))


SECRET_KEY = "background-site-only-" + "k" * 50
ALLOWED_HOSTS = ["*"]
USE_TZ = True
TIME_ZONE = "UTC"
ROOT_URLCONF = "tests.background.site.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

PARTSTREAM = _told("SITE_PARTSTREAM", {})
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    *(["django_tasks_db"] if PARTSTREAM.get("BACKGROUND") == "tasks" else []),
    "django_partstream",
    "tests.background.site",
]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
REST_FRAMEWORK = {"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]}

DATABASES = _told(
    "SITE_DATABASES", {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
)
CACHES = _told("SITE_CACHES", {})
TASKS = _told(
    "SITE_TASKS", {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": []}}
)

CELERY_BROKER_URL = os.environ.get("SITE_BROKER")
CELERY_TASK_DEFAULT_QUEUE = os.environ.get("SITE_QUEUE")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_TIMEOUT = 1
CELERY_BROKER_TRANSPORT_OPTIONS = _told("SITE_BROKER_OPTIONS", {})
CELERY_TASK_ALWAYS_EAGER = _told("SITE_EAGER", False)
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False  # it has queues of its own

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"django_partstream": {"handlers": ["console"], "level": "INFO"}},
}

_times = _told("SITE_TIMES", {})
if _times:
    from django_partstream.jobs import states

    for _name, _seconds in _times.items():
        if not hasattr(states, _name):
            raise AttributeError(f"SITE_TIMES names {_name}, which states has not.")
        setattr(states, _name, _seconds)
