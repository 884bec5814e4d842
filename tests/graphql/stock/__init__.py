"""
A pytest plugin and settings that run graphene-django's tests of its view against this project's.

``python -m pytest -p tests.graphql.stock.plugin --ds tests.graphql.stock.settings --pyargs
graphene_django.tests.test_views``
"""
