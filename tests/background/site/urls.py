"""The addresses of the site (``tests/background/site/__init__.py``)."""

from functools import partial

from django.urls import path

from django_partstream import ProgressiveView, lazy
from tests.background.site.functions import FUNCTIONS


def called(function, request):
    gate = request.GET.get("gate")
    return function(request.GET["run"], **({"gate": gate} if gate else {}))


class View(ProgressiveView):
    chunk_size = 50

    def get_parts(self):
        parts = {name: partial(called, function) for name, function in FUNCTIONS.items()}
        return [("fast", "fast"), *((name, lazy(part)) for name, part in parts.items())]


urlpatterns = [path("", View.as_view())]
