"""What a user's own tests get from ``django_partstream.testing``."""

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


def test_a_walk_is_merged(serve):
    serve(Three)
    walked = walk(APIClient(), "/")
    assert walked.parts == {"now": {"a": 1}, "slow": "done", "last": "done"}
    assert walked.names == ["now", "slow", "last"]
    assert (len(walked.pages), walked.errors) == (2, [])


def test_a_walk_that_is_refused_says_how(serve):
    with pytest.raises(AssertionError, match="unknown_part"):
        walk(serve(Three), "/?parts=zz")
    with pytest.raises(AssertionError, match="404"):
        walk(serve(Three), "/nowhere/")


def test_a_part_fails_in_the_body_only(serve):
    client = serve(Three)
    with part_fails("slow", ValueError("why")):
        assert [error["part"] for error in walk(client, "/").errors] == ["slow"]
    assert walk(client, "/").errors == []


def test_a_part_hangs_without_waiting(serve):
    with part_hangs("slow"):
        walked = walk(serve(Three), "/")
    assert [error["code"] for error in walked.errors] == ["part_timed_out"]
    assert walked.parts["last"] == "done"


def test_an_immediate_part_fails_too(serve):
    with part_fails("now"):
        assert walk(serve(Three), "/").parts["now"] is None


def test_a_cursor_expires_without_waiting(serve):
    client = serve(Three)
    cursor = client.get("/").json()["cursor"]
    assert client.get(f"/?cursor={expired(cursor)}").status_code == 410
    assert client.get(f"/?cursor={cursor}").status_code == 200
