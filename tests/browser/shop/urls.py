"""The addresses of the shop, and those of django-debug-toolbar."""

from debug_toolbar.toolbar import debug_toolbar_urls

from example_schema import urls

urlpatterns = [*urls.urlpatterns, *debug_toolbar_urls()]
