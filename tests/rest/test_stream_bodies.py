"""The body of a stream while it runs: the session of its request, and heartbeats."""

import logging
from threading import Event

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.test import AsyncClient

from django_partstream import ProgressiveView, lazy
from django_partstream.delivery import streams
from django_partstream.received import READERS
from tests.rest.streaming import EVENTS, TYPES, body, view_of


@pytest.mark.django_db
class TestTheSession:
    def changing(self, name):
        def change(request):
            request.session[name] = 1

        return change

    def test_a_session_that_a_part_modifies_is_warned_about_and_not_saved(
        self, serve, client, caplog
    ):
        serve(view_of(("a", 1), ("b", lazy(self.changing("late"))), ("c", 1)))
        with caplog.at_level(logging.WARNING, "django_partstream"):
            body(client.get("/", **EVENTS))
        (record,) = [one for one in caplog.records if one.name == "django_partstream"]
        assert "session was modified in a stream of" in record.getMessage()
        assert "late" not in client.session

    def test_a_session_that_get_parts_modifies_is_saved_without_a_warning(
        self, serve, client, caplog
    ):
        class View(ProgressiveView):
            def get_parts(self):
                self.request.session["early"] = 1
                return [("a", 1)]

        serve(View)
        with caplog.at_level(logging.WARNING, "django_partstream"):
            body(client.get("/", **EVENTS))
        assert client.session["early"] == 1
        assert not [one for one in caplog.records if one.name == "django_partstream"]


@pytest.mark.django_db
def test_a_session_is_saved_by_a_middleware_that_comes_after_the_whole_stream(
    serve, client, settings
):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.reads_the_body"]

    class View(ProgressiveView):
        def get_parts(self):
            self.request.session["early"] = 1
            return [("a", 1)]

    serve(View)
    response = client.get("/", **EVENTS)
    assert b"event: end" in response.content
    assert client.session["early"] == 1


def reads_the_body(get_response):
    """A middleware that reads a stream to its end, as some loggers of responses do."""

    def read(request):
        response = get_response(request)
        return HttpResponse(b"".join(response.streaming_content))

    return read


class TestAHeartbeat:
    """A part that waits until a heartbeat was sent."""

    @pytest.fixture(autouse=True)
    def _soon(self, monkeypatch):
        monkeypatch.setattr(streams, "HEARTBEAT", 0.01)

    @pytest.fixture
    def waiting(self, serve):
        self.gate = Event()
        return serve(view_of(("a", lazy(lambda request: self.gate.wait(30)))))

    @pytest.mark.parametrize(("accept", "beat"), [(TYPES[0], b":\n\n"), (TYPES[1], b" ")])
    def test_a_heartbeat_is_sent_while_nothing_ends(self, waiting, accept, beat):
        chunks = iter(waiting.get("/", HTTP_ACCEPT=accept).streaming_content)
        opening = next(chunks)
        assert {next(chunks), next(chunks)} == {beat}
        self.gate.set()
        rest = b"".join(chunks)
        read = READERS[accept]([opening, beat, rest])
        assert [one.data.get("value") for one in read] == [True, None]

    @pytest.mark.parametrize(("accept", "beat"), [(TYPES[0], b":\n\n"), (TYPES[1], b" ")])
    def test_a_heartbeat_is_sent_under_asgi(self, waiting, accept, beat):
        async def read():
            response = await AsyncClient().get("/", headers={"Accept": accept})
            beats, rest = 0, b""
            async for chunk in response.streaming_content:
                beats += chunk == beat
                rest += chunk
                if beats == 3:
                    self.gate.set()
            return list(READERS[accept]([rest]))

        assert [one.data.get("value") for one in async_to_sync(read)()] == [True, None]
