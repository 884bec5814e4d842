from archive import before
from archive.schema import schema
from archive.views import ArchiveGraphQLView
from django.urls import path

urlpatterns = [
    path("graphql/", ArchiveGraphQLView.as_view(schema=schema)),
    path("before/", before.ArchiveGraphQLView.as_view(schema=schema)),
]
