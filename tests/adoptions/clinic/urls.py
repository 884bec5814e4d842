from clinic.overview import ProgressiveOverviewView
from clinic.views import OverviewView
from django.urls import path

urlpatterns = [
    path("overview/", OverviewView.as_view()),
    path("overview/parts/", ProgressiveOverviewView.as_view()),
]
