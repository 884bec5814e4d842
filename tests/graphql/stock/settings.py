"""The settings of graphene-django's own tests."""

SECRET_KEY = "tests-only-" + "k" * 50
ALLOWED_HOSTS = ["*"]
USE_TZ = True
INSTALLED_APPS = ["graphene_django", "graphene_django.tests"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
GRAPHENE = {"SCHEMA": "graphene_django.tests.schema_view.schema"}
ROOT_URLCONF = "graphene_django.tests.urls"
