"""Views whose responses are streamed, and streams as they are read."""

from django_partstream import ProgressiveView, lazy
from django_partstream.received import READERS

#: The media types of streams.
TYPES = list(READERS)

#: The header, as the test client takes it, of a request for Server-Sent Events.
EVENTS = {"HTTP_ACCEPT": "text/event-stream"}


class Four(ProgressiveView):
    """Four parts: a value, a lazy part, a part that fails, and a part with ``?q=``."""

    chunk_size = 2

    def get_parts(self):
        return [
            ("now", {"today_stats": "é\u2028\r\n"}),
            ("later", lazy(lambda request: [1, None])),
            ("fails", lazy(self.fail)),
            ("query", lazy(lambda request: request.GET.get("q"))),
        ]

    def fail(self, request):
        raise PermissionError


#: The values of ``Four`` at ``?q=x``.
VALUES = {"now": {"today_stats": "é\u2028\r\n"}, "later": [1, None], "fails": None, "query": "x"}


def view_of(*parts, **attributes):
    """A view with these *parts*."""
    return type("View", (ProgressiveView,), {"get_parts": lambda self: [*parts], **attributes})


def body(response):
    """The bytes of a streamed *response*."""
    return b"".join(response.streaming_content)


def frames(response):
    """The frames of a streamed *response*."""
    return list(READERS[response["Content-Type"]]([body(response)]))
