from django.contrib import admin
from django.urls import path

from example_schema.views import DashboardPage, DashboardView, GraphiQLView, SchemaView

urlpatterns = [
    path("", DashboardPage.as_view(), name="page"),
    path("graphql/", GraphiQLView.as_view(graphiql=True), name="graphql"),
    path("api/dashboard/", DashboardView.as_view(), name="dashboard"),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("admin/", admin.site.urls),
]
