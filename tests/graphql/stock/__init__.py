"""
graphene-django's own tests of its view, run against ours: a pytest plugin and its settings.

``python -m pytest -p tests.graphql.stock.plugin --ds tests.graphql.stock.settings --pyargs
graphene_django.tests.test_views``
"""
