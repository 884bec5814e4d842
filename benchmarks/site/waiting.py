"""A response with a part whose background function never ends."""

from django.urls import path

from benchmarks.site.rest import figures, overview
from django_partstream import ProgressiveView, background, lazy


@background(limit=3600)
def forecast():
    raise AssertionError("No worker is there to call it.")


def never(message):
    """An engine without workers."""


class Waiting(ProgressiveView):
    def get_parts(self):
        return [
            ("overview", lazy(overview)),
            ("figures", lazy(figures)),
            ("forecast", lazy(lambda request: forecast())),
        ]


urlpatterns = [path("", Waiting.as_view())]
