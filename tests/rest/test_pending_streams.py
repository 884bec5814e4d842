"""The progress of pending parts in a stream, and how a walk goes on when it has ended too early."""

import logging
import time

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import AsyncClient

from django_partstream import lazy
from django_partstream.cursors import read
from django_partstream.delivery import streams
from django_partstream.exceptions import PartPending
from django_partstream.received import READERS
from django_partstream.testing import (
    background_fails,
    background_never,
    background_now,
    walk_stream,
)
from tests.core import jobs
from tests.core.streaming import Waiting, never
from tests.pending import walks_go_on
from tests.rest.streaming import EVENTS, TYPES, body, frames, view_of

pytestmark = [pytest.mark.usefixtures("at_once"), pytest.mark.filterwarnings("error")]

each_type = pytest.mark.parametrize("accept", TYPES)


def told(frames):
    """Each frame: the name of a part, a pending part with its progress, or what the end says."""
    heard = []
    for kind, data, _ in frames:
        if kind == "part":
            heard.append(data["name"])
        elif kind == "progress":
            heard.append((data["name"], data["progress"]))
        else:
            heard.append((data["delivered"], data["has_more"]))
    return heard


def test_the_events_of_a_pending_part_are_the_bytes_that_the_documentation_says(serve):
    client = serve(view_of(("a", lazy(Waiting(0.3, value=7)))))
    retry, progress, part, _, rest = body(client.get("/", **EVENTS)).decode().split("\n\n")
    assert (retry, rest) == ("retry: 2000", "")
    data = 'data: {"name":"a","progress":0.3,"retry_after":0.0}'
    assert progress.split("\n") == ["event: progress", data]
    assert part.split("\n")[::2] == ["event: part", 'data: {"name":"a","value":7}']


def test_the_lines_of_a_pending_part_are_the_bytes_that_the_documentation_says(serve):
    client = serve(view_of(("a", lazy(Waiting(None, value=7)))))
    text = body(client.get("/", HTTP_ACCEPT="application/jsonl")).decode()
    progress, part, *_ = text.removeprefix(" ").split("\n")
    assert progress == '{"progress":{"name":"a","progress":null,"retry_after":0.0}}'
    assert part.startswith('{"name":"a","value":7,"cursor":"eyJ')


@each_type
@pytest.mark.parametrize("kind", [lambda part: part, lambda part: part.awaited])
def test_a_pending_part_comes_after_its_progress(serve, accept, kind):
    client = serve(view_of(("a", lazy(kind(Waiting(None, 0.5, 0.9))))))
    heard = told(frames(client.get("/", HTTP_ACCEPT=accept)))
    assert heard == [("a", None), ("a", 0.5), ("a", 0.9), "a", (1, False)]


@each_type
def test_progress_is_told_when_it_is_news(serve, accept):
    part = Waiting(None, None, 0.5, 0.5, 0.5, 0.4, None, None)
    heard = told(frames(serve(view_of(("a", lazy(part)))).get("/", HTTP_ACCEPT=accept)))
    assert heard == [("a", None), ("a", 0.5), ("a", 0.4), ("a", None), "a", (1, False)]
    assert part.tries == 9


def test_the_progress_of_a_part_is_no_news_of_another(serve):
    parts = [(name, lazy(Waiting(0.5, 0.5).awaited)) for name in "ab"]
    heard = told(frames(serve(view_of(*parts)).get("/", **EVENTS)))
    assert [each for each in heard if isinstance(each[0], str) and len(each) == 2] == [
        ("a", 0.5),
        ("b", 0.5),
    ]


def test_a_heartbeat_comes_in_place_of_progress_that_is_no_news(serve, monkeypatch):
    monkeypatch.setattr(streams, "HEARTBEAT", 0.0)
    chunks = list(serve(view_of(("a", lazy(Waiting(0.5, 0.5))))).get("/", **EVENTS))
    assert b":\n\n" in chunks
    assert b"" not in chunks


def test_progress_has_no_cursor(serve):
    progress, part, _ = frames(serve(view_of(("a", lazy(Waiting(0.3))))).get("/", **EVENTS))
    assert (progress.kind, progress.cursor) == ("progress", None)
    assert part.cursor


def test_other_parts_come_while_a_part_is_pending(serve):
    client = serve(view_of(("a", lazy(Waiting(0.3))), ("b", lazy(lambda request: 2)), ("c", 3)))
    heard = told(frames(client.get("/", **EVENTS)))
    assert sorted(heard[:-1], key=str) == sorted([("a", 0.3), "a", "b", "c"], key=str)
    assert heard.index("c") < heard.index("a")


def test_a_part_that_is_pending_for_too_long_is_an_error(serve):
    def pending(request):
        raise PartPending("work", limit=0)

    *_, part, end = frames(serve(view_of(("a", lazy(pending)))).get("/", **EVENTS))
    assert part.data["error"]["code"] == "part_timed_out"
    assert end.data == {"total_parts": 1, "delivered": 1, "has_more": False}


def test_an_asgi_request_gets_progress_and_then_the_part(serve, monkeypatch):
    monkeypatch.setattr(streams, "PATIENCE", 0.0)  # of a thread, which a loop does not hold
    serve(view_of(("a", lazy(Waiting(0.1, 0.1, 0.2))), ("b", lazy(Waiting(0.3).awaited))))

    async def get():
        response = await AsyncClient().get("/", headers={"Accept": "text/event-stream"})
        return [chunk async for chunk in response.streaming_content]

    chunks = async_to_sync(get)()
    assert b"" not in chunks
    heard = told(READERS["text/event-stream"](chunks))
    assert heard[-1] == (2, False)
    assert sorted(heard[:-1], key=str) == sorted(
        [("a", 0.1), ("a", 0.2), "a", ("b", 0.3), "b"], key=str
    )


@pytest.mark.django_db
@each_type
def test_inside_a_transaction_pending_parts_come_last(serve, accept):
    parts = [("a", lazy(Waiting(0.1, 0.2))), ("b", lazy(lambda request: 2)), ("c", 3)]
    heard = told(frames(serve(view_of(*parts)).get("/", HTTP_ACCEPT=accept)))
    assert heard == [("a", 0.1), "b", "c", ("a", 0.2), "a", (3, False)]


def test_the_timing_of_a_part_that_was_pending_stands_in_its_frame_alone(serve, settings):
    settings.PARTSTREAM = {"SERVER_TIMING": True}
    progress, part, _ = frames(serve(view_of(("a", lazy(Waiting(0.3))))).get("/", **EVENTS))
    assert "timing" not in progress.data
    assert part.data["timing"]["status"] == "ok"


@pytest.mark.django_db
def test_a_session_that_a_pending_part_modifies_is_warned_about(serve, client, caplog):
    waits = Waiting(0.3)

    def change(request):
        if not waits.tries:
            request.session["late"] = 1
        return waits(request)

    serve(view_of(("a", lazy(change))))
    with caplog.at_level(logging.WARNING, "django_partstream"):
        body(client.get("/", **EVENTS))
    (record,) = [one for one in caplog.records if one.name == "django_partstream"]
    assert "session was modified" in record.getMessage()


def asks_for_forecast(request):
    return jobs.forecast(7)


async def asks_for_forecast_later(request):
    return await sync_to_async(jobs.forecast)(7)


@pytest.mark.usefixtures("transacted")
@pytest.mark.parametrize("part", [asks_for_forecast, asks_for_forecast_later])
class TestBackgroundFunctions:
    """A part that calls one, in a transaction as in a ``TestCase`` and outside."""

    @pytest.fixture
    def frames_of(self, serve, part, monkeypatch):
        monkeypatch.setattr(streams, "PATIENCE", 0.0)
        return lambda: frames(serve(view_of(("a", lazy(part)))).get("/", **EVENTS))

    def test_a_part_whose_work_is_done_at_once_is_not_pending(self, frames_of):
        with background_now():
            part, end = frames_of()
        assert part.data == {"name": "a", "value": {"store": 7, "days": 7}}
        assert end.data["has_more"] is False

    def test_a_part_whose_work_is_never_done_is_pending_at_the_end(self, frames_of):
        with background_never():
            progress, end = frames_of()
        assert (progress.kind, progress.data["name"]) == ("progress", "a")
        assert end.data == {"total_parts": 1, "delivered": 0, "has_more": True}

    def test_a_part_whose_work_fails_is_an_error(self, frames_of):
        with background_fails():
            part, end = frames_of()
        assert part.data["error"]["code"] == "part_failed"
        assert end.data["has_more"] is False


class TestAnEndThatHasMore:
    """The end of a stream that waited long enough: 15 seconds, here none at all."""

    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch):
        monkeypatch.setattr(streams, "PATIENCE", 0.0)

    @pytest.fixture
    def parts(self):
        """Pending parts, which end when a test lets them: ``parts["b"].told.clear()``."""
        return {name: Waiting(*range(10**4), value=name) for name in "bde"}

    @pytest.fixture
    def shop(self, serve, parts):
        return serve(
            view_of(
                ("a", 1),
                ("b", lazy(parts["b"])),
                ("c", lazy(lambda request: 3)),
                ("d", lazy(parts["d"].awaited)),
                ("e", lazy(parts["e"].awaited)),
            )
        )

    @pytest.fixture
    def end(self, shop):
        *_, end = frames(shop.get("/", **EVENTS))
        return end

    def test_it_says_so(self, end):
        assert end.data == {"total_parts": 5, "delivered": 2, "has_more": True}

    @each_type
    def test_it_has_a_cursor_in_each_kind_of_frames(self, shop, accept):
        *_, end = frames(shop.get("/", HTTP_ACCEPT=accept))
        assert read(end.cursor).owed.keys() == {"b", "d", "e"}

    def test_its_cursor_owes_the_pending_parts_before_and_behind_the_front(self, end):
        cursor = read(end.cursor)
        assert (cursor.after, cursor.position) == ("e", 4)
        assert cursor.owed.keys() == {"b", "d", "e"}

    @each_type
    @pytest.mark.parametrize("by", ["Last-Event-ID", "cursor"])
    def test_a_stream_goes_on_from_it(self, shop, parts, end, accept, by):
        parts["b"].told.clear()
        query = {"cursor": end.cursor} if by == "cursor" else {}
        headers = {"Last-Event-ID": end.cursor} if by != "cursor" else {}
        response = shop.get("/", query, headers={**headers, "Accept": accept})
        assert response.status_code == 200
        *came, again = frames(response)
        assert [frame.data["name"] for frame in came if frame.kind == "part"] == ["b"]
        assert again.data == {"total_parts": 5, "delivered": 1, "has_more": True}
        assert read(again.cursor).owed.keys() == {"d", "e"}

    def test_the_walk_ends_once_the_parts_have_ended(self, shop, parts):
        seen = []

        def ended(accept, cursor=""):
            *came, end = frames(shop.get("/", HTTP_ACCEPT=accept, HTTP_LAST_EVENT_ID=cursor))
            seen.extend(frame.data["name"] for frame in came if frame.kind == "part")
            return end

        end = ended("text/event-stream")
        for name in "db":
            parts[name].told.clear()
            end = ended("application/jsonl", end.cursor)
        assert sorted(seen) == [*"abcd"]
        parts["e"].limit = -1
        end = ended("text/event-stream", end.cursor)
        assert sorted(seen) == [*"abcde"]
        assert end.data == {"total_parts": 5, "delivered": 1, "has_more": False}
        response = shop.get("/", HTTP_LAST_EVENT_ID=end.cursor, **EVENTS)
        assert response.status_code == 204

    def test_a_part_is_owed_since_it_was_first_found_pending(self, serve, monkeypatch):
        now = [1000.9]
        monkeypatch.setattr(time, "time", lambda: now[0])

        def later(request):
            now[0] = 1400.0

        parts = ("a", lazy(never)), ("b", lazy(later)), ("c", lazy(never))
        client = serve(view_of(*parts))
        *came, end = frames(client.get("/", **EVENTS))
        (part,) = [frame for frame in came if frame.kind == "part"]
        assert read(part.cursor).owed == {"a": 1000}
        assert read(end.cursor).owed == {"a": 1000, "c": 1400}
        now[0] = 1700.0  # 700 seconds since the one, 300 since the other
        came = frames(client.get("/", HTTP_LAST_EVENT_ID=end.cursor, **EVENTS))
        assert [frame.data["name"] for frame in came if frame.kind == "part"] == ["a"]
        assert read(came[-1].cursor).owed == {"c": 1400}

    def test_a_cursor_stays_before_a_part_that_it_cannot_owe(self, serve, settings):
        settings.PARTSTREAM = {"MAX_CURSOR_LENGTH": 600}
        names = [f"{letter}{'n' * 60}" for letter in "abcdef"]
        pending = {name: Waiting(*range(10**4), value=name) for name in names}
        client = serve(view_of(*[(name, lazy(part.awaited)) for name, part in pending.items()]))
        end, seen = None, []
        for name in names:
            last = {"HTTP_LAST_EVENT_ID": end.cursor} if end else {}
            *came, end = frames(client.get("/", **EVENTS, **last))
            seen += [frame.data["name"] for frame in came if frame.kind == "part"]
            cursor = read(end.cursor)
            begun = [each for each in names if pending[each].tries]
            assert set(cursor.owed) <= set(begun) - set(seen)
            pending[name].told.clear()
        *came, end = frames(client.get("/", HTTP_LAST_EVENT_ID=end.cursor, **EVENTS))
        seen += [frame.data["name"] for frame in came if frame.kind == "part"]
        assert sorted(seen) == names
        assert end.data["has_more"] is False

    def test_chosen_parts_go_on_from_it(self, shop, parts):
        *_, end = frames(shop.get("/?parts=a,b", **EVENTS))
        assert end.data == {"total_parts": 2, "delivered": 1, "has_more": True}
        parts["b"].told.clear()
        *came, end = frames(shop.get("/?parts=a,b", HTTP_LAST_EVENT_ID=end.cursor, **EVENTS))
        assert told([*came, end]) == ["b", (1, False)]
        response = shop.get("/?parts=a,b", HTTP_LAST_EVENT_ID=end.cursor, **EVENTS)
        assert response.status_code == 204

    @each_type
    @pytest.mark.parametrize("cut_after", [None, 1])
    @pytest.mark.parametrize("then", ["stream", "pages"])
    def test_a_walk_over_streams_has_every_part_once(self, serve, accept, cut_after, then):
        parts = [
            (name, lazy(Waiting(*range(number), value=name))) for number, name in enumerate("abcd")
        ]
        client = serve(view_of(*parts, concurrency=2))
        with walks_go_on():
            walked = walk_stream(client, "/", accept=accept, cut_after=cut_after, then=then)
        assert walked.parts == {name: name for name in "abcd"}


def test_a_head_request_of_a_stream_with_pending_parts_resolves_nothing(serve):
    part = Waiting(0.3)
    assert serve(view_of(("a", lazy(part)))).head("/", **EVENTS).status_code == 200
    assert part.tries == 0
