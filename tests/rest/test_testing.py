"""The helpers of ``django_partstream.testing`` for projects' own tests."""

import pytest
from rest_framework.test import APIClient

from django_partstream import ProgressiveView, lazy, with_timeout
from django_partstream.testing import expired, part_fails, part_hangs, walk


class Three(ProgressiveView):
    def get_parts(self):
        return [
            ("now", {"a": 1}),
            ("slow", lazy(with_timeout(self.get_slow, 30))),
            ("last", lazy(self.get_slow)),
        ]

    def get_slow(self, request):
        return "done"


def test_walk_merges_the_parts_of_all_pages(serve):
    serve(Three)
    walked = walk(APIClient(), "/")
    assert walked.parts == {"now": {"a": 1}, "slow": "done", "last": "done"}
    assert walked.names == ["now", "slow", "last"]
    assert (len(walked.pages), walked.errors) == (2, [])


def test_walk_shows_the_answer_of_a_refused_request(serve):
    with pytest.raises(AssertionError, match="unknown_part"):
        walk(serve(Three), "/?parts=zz")
    with pytest.raises(AssertionError, match="404"):
        walk(serve(Three), "/nowhere/")


def test_part_fails_holds_inside_its_with_block_only(serve):
    client = serve(Three)
    with part_fails("slow", ValueError("why")):
        assert [error["part"] for error in walk(client, "/").errors] == ["slow"]
    assert walk(client, "/").errors == []


def test_part_hangs_times_the_part_out_without_waiting(serve):
    with part_hangs("slow"):
        walked = walk(serve(Three), "/")
    assert [error["code"] for error in walked.errors] == ["part_timed_out"]
    assert walked.parts["last"] == "done"


@pytest.mark.parametrize("name", ["now", "last"])
def test_part_hangs_refuses_a_part_without_a_limit(serve, name):
    remedy = rf"'{name}' has no with_timeout.*lazy\(with_timeout\(func, 5\)\)"
    with pytest.raises(AssertionError, match=remedy), part_hangs(name, 5):
        walk(serve(Three), "/")


def test_part_fails_works_on_an_immediate_part(serve):
    with part_fails("now"):
        assert walk(serve(Three), "/").parts["now"] is None


def test_expired_makes_an_expired_cursor_without_waiting(serve):
    client = serve(Three)
    cursor = client.get("/").json()["cursor"]
    assert client.get(f"/?cursor={expired(cursor)}").status_code == 410
    assert client.get(f"/?cursor={cursor}").status_code == 200
