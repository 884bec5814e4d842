"""The addresses of the contenders that are counted."""

from benchmarks.site import graphql, rest

urlpatterns = [*rest.urlpatterns, *graphql.urlpatterns]
