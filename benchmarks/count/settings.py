"""The site with few middlewares, so that a ratio has little in it but the two views."""

from benchmarks.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.count.urls"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]
