"""The values of the parts of a stream: a renderer of the project, and the timing of each part."""

import pytest
from djangorestframework_camel_case.render import CamelCaseJSONRenderer
from rest_framework.renderers import JSONRenderer

from django_partstream import cached_for, lazy
from django_partstream.testing import walk_stream
from tests.rest.streaming import EVENTS, TYPES, VALUES, Four, frames, view_of

pytestmark = pytest.mark.filterwarnings("error")


class TestARendererOfTheProject:
    class Camel(Four):
        renderer_classes = [CamelCaseJSONRenderer]

    @pytest.mark.parametrize("accept", TYPES)
    def test_a_value_is_written_by_the_renderer_of_the_view(self, serve, accept):
        walked = walk_stream(serve(self.Camel), "/?q=x", accept=accept)
        assert walked.parts == {**VALUES, "now": {"todayStats": "é\u2028\r\n"}}

    def test_a_cached_value_is_kept_as_it_was_before_it_was_written(self, serve):
        @cached_for(60, key="stats")
        def stats(request):
            return {"today_stats": 1}

        plain = view_of(("stats", lazy(stats)))
        camel = type("Camel", (plain,), {"renderer_classes": [CamelCaseJSONRenderer]})
        for _ in range(2):
            assert walk_stream(serve(plain), "/").parts == {"stats": {"today_stats": 1}}
            assert walk_stream(serve(camel), "/").parts == {"stats": {"todayStats": 1}}

    def test_a_renderer_that_fails_fails_that_part_alone(self, serve, caplog):
        class Picky(JSONRenderer):
            def render(self, data, accepted_media_type=None, renderer_context=None):
                assert renderer_context["response"].status_code == 200
                return super().render(data["x"], accepted_media_type, renderer_context)

        view = view_of(("a", {"x": 1}), ("b", {}), ("c", {"x": None}), renderer_classes=[Picky])
        walked = walk_stream(serve(view), "/")
        assert walked.parts == {"a": 1, "b": None, "c": None}
        assert [error["code"] for error in walked.errors] == ["part_failed"]

    def test_an_indenting_renderer_keeps_each_frame_on_a_line(self, serve):
        class Indenting(JSONRenderer):
            def get_indent(self, accepted_media_type, renderer_context):
                return 4

            def render(self, data, accepted_media_type=None, renderer_context=None):
                return super().render(data, accepted_media_type, renderer_context)

        view = view_of(("a", {"x": ["\n"]}), renderer_classes=[Indenting])
        for accept in TYPES:
            assert walk_stream(serve(view), "/", accept=accept).parts == {"a": {"x": ["\n"]}}


#: The keys of a timing.
TIMING = {"ms", "status", "cached", "queries", "sql_ms", "ran", "waited_ms"}


class TestTiming:
    def timings(self, client):
        return [one.data.get("timing") for one in frames(client.get("/", **EVENTS))[:-1]]

    @pytest.mark.parametrize(("debug", "setting"), [(True, None), (False, True)])
    def test_each_part_tells_its_timing_in_debug_or_by_the_setting(
        self, serve, settings, debug, setting
    ):
        settings.DEBUG, settings.PARTSTREAM = debug, {"SERVER_TIMING": setting}
        cached = cached_for(60, key="cached")(lambda request: 1)
        client = serve(view_of(("a", 1), ("b", lazy(cached))))
        for is_cached in (False, True):
            a, b = self.timings(client)
            assert (a["status"], a["cached"], b["cached"]) == ("ok", None, is_cached)
            assert a["ms"] >= 0
            assert set(a) == TIMING
        assert "Server-Timing" not in client.get("/", **EVENTS)

    @pytest.mark.parametrize(("debug", "setting"), [(False, None), (True, False)])
    def test_otherwise_no_part_tells_its_timing(self, serve, settings, debug, setting):
        settings.DEBUG, settings.PARTSTREAM = debug, {"SERVER_TIMING": setting}
        assert self.timings(serve(view_of(("a", 1)))) == [None]
