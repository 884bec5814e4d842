"""Pages of a REST walk while parts are computed elsewhere."""

import re
from enum import StrEnum
from unittest import mock

import pytest
from djangorestframework_camel_case.render import CamelCaseJSONRenderer
from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer, JSONRenderer

from django_partstream import lazy
from django_partstream.cursors import read
from django_partstream.exceptions import PartPending
from django_partstream.signals import part_resolved
from django_partstream.testing import walk
from tests.owing import owing
from tests.pending import names_of, pending_of, waiting, walks_go_on

NOW = 1_700_000_000.0

NEVER = 10_000


def raising(**options):
    """A part that is pending, with these options of :class:`PartPending`."""

    def part(request):
        raise PartPending("elsewhere", **{"limit": 600, **options})

    return lazy(part)


def view_of(*parts, **attributes):
    """A view of *parts* as they are."""
    return waiting(get_parts=lambda self: list(parts), **attributes)


@pytest.fixture
def steady(monkeypatch):
    """Retry times without their jitter."""
    monkeypatch.setattr("random.uniform", lambda low, high: 1.0)


class TestAPageWithAPendingPart:
    def test_it_has_no_result_for_the_part_and_tells_when_to_look_again(self, serve, steady):
        client = serve(view_of(("a", 1), ("b", raising(age=8, progress=0.3)), ("c", 3)))
        page = client.get("/").json()
        assert page == {
            "results": [{"a": 1}],
            "cursor": page["cursor"],
            "meta": {"total_parts": 3, "current_chunk_size": 1, "has_more": True},
            "pending": [{"part": "b", "retry_after": 2.0, "progress": 0.3}],
        }
        assert set(read(page["cursor"]).owed) == {"b"}

    def test_its_progress_is_null_where_it_is_not_known(self, serve):
        (entry,) = serve(view_of(("a", raising()))).get("/").json()["pending"]
        assert entry["progress"] is None

    def test_it_has_a_cursor_though_no_part_is_left(self, serve):
        page = serve(waiting({"a": 1})).get("/").json()
        assert page["meta"] == {"total_parts": 1, "current_chunk_size": 0, "has_more": True}
        assert page["cursor"] is not None

    def test_the_page_after_it_carries_the_part_once_it_is_there(self, serve):
        client = serve(waiting({"a": 1, "b": 0, "c": 0}))
        first = client.get("/").json()
        assert (names_of(first), pending_of(first)) == (["b"], ["a"])
        last = client.get("/", {"cursor": first["cursor"]}).json()
        assert (names_of(last), last["cursor"]) == (["a", "c"], None)
        assert "pending" not in last

    @pytest.mark.parametrize("late", ["a", "b", "c", "d", "ab", "bc", "cd", "ad", "abcd"])
    def test_any_part_of_a_chunk_may_be_pending(self, serve, late):
        client = serve(waiting({name: int(name in late) for name in "abcd"}, chunk_size=4))
        first = client.get("/").json()
        assert pending_of(first) == list(late)
        assert names_of(first) == [name for name in "abcd" if name not in late]
        last = client.get("/", {"cursor": first["cursor"]}).json()
        assert (names_of(last), last["cursor"]) == (list(late), None)

    def test_the_index_of_an_error_counts_the_results_that_are_there(self, serve):
        fails = lazy(lambda request: 1 / 0)
        client = serve(view_of(("a", raising()), ("b", 2), ("c", fails), ("d", 4), chunk_size=4))
        page = client.get("/").json()
        assert page["results"] == [{"b": 2}, {"c": None}, {"d": 4}]
        assert [(error["part"], error["index"]) for error in page["errors"]] == [("c", 1)]

    def test_an_owed_part_that_is_still_pending_stays_owed_beside_the_next_chunk(self, serve):
        client = serve(waiting({"a": 2, "b": 0, "c": 0, "d": 1}))
        first = client.get("/").json()
        second = client.get("/", {"cursor": first["cursor"]}).json()
        assert (names_of(second), pending_of(second)) == (["c"], ["a", "d"])
        last = client.get("/", {"cursor": second["cursor"]}).json()
        assert (names_of(last), last["cursor"]) == (["a", "d"], None)

    def test_a_part_is_owed_since_the_page_on_which_it_was_first_pending(self, serve):
        client = serve(waiting({"a": NEVER, "b": NEVER, "c": NEVER}))
        with mock.patch("time.time", return_value=NOW):
            first = client.get("/").json()
        with mock.patch("time.time", return_value=NOW + 60):
            second = client.get("/", {"cursor": first["cursor"]}).json()
            assert read(second["cursor"]).owed == {"a": NOW, "b": NOW, "c": NOW + 60}

    def test_a_part_that_was_owed_for_longer_than_its_limit_ends_the_walk_with_a_timeout(
        self, serve
    ):
        client = serve(waiting({"a": NEVER}))
        with mock.patch("time.time", return_value=NOW):
            first = client.get("/").json()
        with mock.patch("time.time", return_value=NOW + 601):
            last = client.get("/", {"cursor": first["cursor"]}).json()
        assert (last["results"], last["cursor"]) == ([{"a": None}], None)
        assert [error["code"] for error in last["errors"]] == ["part_timed_out"]
        assert "pending" not in last

    def test_a_name_that_is_a_member_of_an_enum_is_plain_text(self, serve):
        class Name(StrEnum):
            FORECAST = "forecast"

        class Lines(BaseRenderer):
            media_type, format = "text/plain", "txt"

            def render(self, data, *args):
                return repr(data["pending"][0]["part"])

        client = serve(view_of((Name.FORECAST, raising()), renderer_classes=[Lines]))
        assert client.get("/").content == b"'forecast'"


class TestHeaders:
    @pytest.mark.parametrize(("ages", "seconds"), [([0], "1"), ([9], "3"), ([100, 8], "2")])
    def test_retry_after_is_the_shortest_wait_in_whole_seconds_rounded_up(
        self, serve, steady, ages, seconds
    ):
        parts = [(f"part-{age}", raising(age=age)) for age in ages]
        assert serve(view_of(*parts)).get("/")["Retry-After"] == seconds

    def test_a_page_on_which_nothing_is_pending_has_no_retry_after(self, serve):
        response = serve(waiting({"a": 0})).get("/")
        assert "Retry-After" not in response
        assert "pending" not in response.json()

    def test_server_timing_has_the_pending_part_with_that_status(self, serve, settings):
        settings.DEBUG = True
        header = serve(waiting({"a": 0, "b": 1})).get("/")["Server-Timing"]
        assert re.findall(r'desc="(\w+) \((\w+)', header) == [("a", "ok"), ("b", "pending")]

    def test_the_link_of_the_page_leads_to_the_page_with_the_part(self, serve):
        client = serve(waiting({"a": 1}))
        link = client.get("/")["Link"]
        address = re.fullmatch(r'<http://testserver(.+)>; rel="next"', link)[1]
        assert names_of(client.get(address).json()) == ["a"]

    def test_a_head_request_looks_for_no_part_and_tells_of_none(self, serve):
        view = waiting({"a": NEVER, "b": 0, "c": 0})
        response = serve(view).head("/")
        assert not {"Retry-After", "Cache-Control"} & set(response.headers)
        assert not view.work.looks


class TestOtherFormats:
    def test_the_data_of_a_response_has_the_pending_parts(self, serve):
        response = serve(waiting({"a": 0, "b": 1})).get("/")
        assert [entry["part"] for entry in response.data["pending"]] == ["b"]

    def test_code_that_changes_the_data_changes_the_pending_parts_that_are_sent(self, serve):
        def finalize_response(self, request, response, *args, **kwargs):
            response.data["pending"][0]["progress"] = 0.5
            return super(view, self).finalize_response(request, response, *args, **kwargs)

        view = waiting({"a": 1}, finalize_response=finalize_response)
        assert serve(view).get("/").json()["pending"][0]["progress"] == 0.5

    def test_a_renderer_that_renames_keys_renames_those_of_pending_parts(self, serve):
        camel = waiting({"the_part": 1}, renderer_classes=[CamelCaseJSONRenderer])
        (entry,) = serve(camel).get("/").json()["pending"]
        assert entry.keys() == {"part", "retryAfter", "progress"}
        assert entry["part"] == "the_part"

    @pytest.mark.parametrize("renderer", [BrowsableAPIRenderer, JSONRenderer])
    def test_drfs_own_renderers_show_the_pending_parts(self, serve, renderer):
        view = waiting({"forecast": 1}, renderer_classes=[renderer, JSONRenderer])
        text = serve(view).get("/", headers={"Accept": renderer.media_type}).content.decode()
        assert "pending" in text
        assert "forecast" in text

    @pytest.mark.parametrize("needed", [0, 1])
    def test_an_options_request_lists_the_parts_and_looks_for_none(self, serve, needed):
        view = waiting({"a": needed})
        assert serve(view).options("/").json()["parts"] == ["a"]
        assert not view.work.looks


class TestChosenParts:
    def test_a_pending_part_asked_for_alone_is_a_walk_of_its_own(self, serve):
        client = serve(waiting({"a": 0, "forecast": 2, "z": 0}))
        first = client.get("/?parts=forecast").json()
        assert first["meta"] == {"total_parts": 1, "current_chunk_size": 0, "has_more": True}
        second = client.get("/", {"cursor": first["cursor"]}).json()
        assert (pending_of(second), second["meta"]["has_more"]) == (["forecast"], True)
        last = client.get("/", {"cursor": second["cursor"]}).json()
        assert (names_of(last), last["cursor"]) == (["forecast"], None)

    def test_a_part_asked_for_alone_ends_its_walk_though_others_are_owed(self, serve):
        client = serve(waiting({"a": NEVER, "forecast": 1, "z": 0}))
        first = client.get("/").json()
        assert pending_of(first) == ["a", "forecast"]
        alone = client.get("/", {"cursor": first["cursor"], "parts": "forecast"}).json()
        assert (names_of(alone), alone["cursor"]) == (["forecast"], None)
        assert "pending" not in alone

    def test_a_part_that_stays_pending_keeps_the_parts_that_are_owed_beside_its_walk(self, serve):
        client = serve(waiting({"a": NEVER, "forecast": NEVER, "z": 0}))
        first = client.get("/").json()
        alone = client.get("/", {"cursor": first["cursor"], "parts": "forecast"}).json()
        assert pending_of(alone) == ["forecast"]
        assert set(read(alone["cursor"]).owed) == {"a", "forecast"}


class TestACursorThatCannotOweMore:
    #: The base64 of two of these names takes more than a quarter of a cursor.
    LONG = [f"{letter}-{'x' * 180}" for letter in "abcde"]

    def test_a_page_ends_before_a_pending_part_that_the_cursor_cannot_owe(self, serve):
        a, b, c, d, e = self.LONG
        client = serve(waiting({"first": 0, a: NEVER, b: 0, c: NEVER, d: 0, e: 0}, chunk_size=6))
        page = client.get("/").json()
        assert (names_of(page), pending_of(page)) == (["first", b], [a])
        assert page["meta"] == {"total_parts": 6, "current_chunk_size": 2, "has_more": True}
        assert read(page["cursor"]).after == b

    def test_the_parts_behind_the_end_of_a_page_come_later(self, serve):
        a, b, c, d, _ = self.LONG
        client = serve(waiting({a: 1, b: 1, c: 0, d: 0}, chunk_size=4))
        with walks_go_on():
            walked = walk(client, "/")
        assert [names_of(page) for page in walked.pages] == [[], [a, b, c, d]]

    def test_the_errors_of_parts_behind_the_end_of_a_page_are_not_on_it(self, serve):
        a, b, _, _, _ = self.LONG
        fails = lazy(lambda request: 1 / 0)
        client = serve(view_of((a, raising()), (b, raising()), ("c", fails), chunk_size=4))
        assert "errors" not in client.get("/").json()

    def test_each_of_many_pending_parts_arrives_once(self, serve):
        needed = {f"{number:03}-{'é' * 20}": number % 5 * 3 for number in range(60)}
        with walks_go_on():
            walked = walk(serve(waiting(needed, chunk_size=7)), "/?q=" + "y" * 500)
        assert sorted(walked.names) == sorted(needed)
        assert max(len(page["cursor"] or "") for page in walked.pages) <= 2048
        assert max(len(pending_of(page)) for page in walked.pages) > 3

    def test_a_page_tells_of_the_pending_part_that_it_ends_at_though_it_cannot_owe_it(self, serve):
        a, b, c, _, _ = self.LONG
        client = serve(waiting({a: 0, b: NEVER, c: 1}, chunk_size=1))
        place = owing(client.get("/").json()["cursor"], b, front=(b, 1))
        page = client.get("/", {"cursor": place, "parts": c}).json()
        assert (page["results"], pending_of(page)) == ([], [c])
        assert page["meta"]["has_more"]
        last = client.get("/", {"cursor": page["cursor"]}).json()
        assert (names_of(last), last["cursor"]) == ([c], None)


def test_the_cursor_of_a_page_carries_the_query_that_was_asked_though_a_part_changes_it(serve):
    def changes(request):
        request._request.GET = request.GET.copy()
        request._request.GET["q"] = "changed"

    client = serve(view_of(("a", lazy(changes)), ("b", raising())))
    assert read(client.get("/?q=asked").json()["cursor"]).query == "q=asked"


def test_a_pending_part_is_not_signalled_until_it_ends(serve):
    heard = []

    def hear(name, status, **_):
        heard.append((name, str(status)))

    view = waiting({"a": 1, "b": 0})
    part_resolved.connect(hear, sender=view)
    try:
        with walks_go_on():
            assert walk(serve(view), "/").names == ["b", "a"]
    finally:
        part_resolved.disconnect(hear, sender=view)
    assert heard == [("b", "ok"), ("a", "ok")]
