"""A part that is computed elsewhere, and takes as long as the controls say."""

from threading import Event

from django_partstream import ProgressiveView, background, lazy, progress

#: How long a computation waits to be released, in seconds.
PATIENCE = 20

#: Computations wait while it is not set.
gate = Event()
gate.set()


@background(keep=60, limit=60)
def forecast(key: str) -> str:
    progress(0.5)
    gate.wait(PATIENCE)
    return f"forecast {key}"


class ForecastView(ProgressiveView):
    """The parts ``first``, ``forecast`` (of ``?key=``) and ``last``, each on its own page."""

    permission_classes = []
    chunk_size = 1

    def get_parts(self):
        return [
            ("first", lazy(lambda request: "first")),
            ("forecast", lazy(lambda request: forecast(request.GET["key"]))),
            ("last", lazy(lambda request: "last")),
        ]
