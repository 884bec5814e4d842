"""Settings of the clinic: one database for several practices, and signed tokens."""

SECRET_KEY = "clinic-" + "k" * 64
ALLOWED_HOSTS = ["*"]
USE_TZ = True
ROOT_URLCONF = "clinic.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "django_partstream",
    "clinic",
]
MIDDLEWARE = ["clinic.tenancy.PracticeMiddleware"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["clinic.tokens.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}

PARTSTREAM = {
    "THREAD_LOCALS": ["clinic.tenancy._state"],
    "TENANCY": "clinic.tenancy.Tenancy",
}
