from django.contrib import admin
from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from example_schema.views import DashboardPage, DashboardView, GraphiQLView

urlpatterns = [
    path("", DashboardPage.as_view(), name="page"),
    path("graphql/", GraphiQLView.as_view(graphiql=True), name="graphql"),
    path("api/dashboard/", DashboardView.as_view(), name="dashboard"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("admin/", admin.site.urls),
]
