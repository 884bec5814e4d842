"""The addresses of all contenders."""

from benchmarks.site import graphql, growth, peers, rest, slow, streams

urlpatterns = [
    *rest.urlpatterns,
    *graphql.urlpatterns,
    *growth.urlpatterns,
    *slow.urlpatterns,
    *streams.urlpatterns,
    *peers.urlpatterns,
]
