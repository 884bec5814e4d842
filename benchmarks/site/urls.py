"""The addresses of all contenders."""

from benchmarks.site import graphql, growth, peers, rest, slow

urlpatterns = [
    *rest.urlpatterns,
    *graphql.urlpatterns,
    *growth.urlpatterns,
    *slow.urlpatterns,
    *peers.urlpatterns,
]
