"""The helpers for the tests of a project."""

from typing import Any, assert_type

from django.test import Client
from rest_framework.test import APIClient

from django_partstream.testing import (
    Walk,
    background_fails,
    background_never,
    background_now,
    expired,
    part_fails,
    part_hangs,
    walk,
    walk_connection,
    walk_stream,
)
from partstream_rest.testing import check_manifest
from tests.typing.rest import DashboardView


def test_the_dashboard(client: Client) -> None:
    """The tests that a project writes."""
    walked = walk(client, "/dashboard/", data={"parts": "overview"})
    assert_type(walked, Walk)
    assert_type(walked.names, list[str])
    assert_type(walked.parts, dict[str, Any])
    assert_type(walked.errors, list[dict[str, Any]])
    assert_type(walk(APIClient(), "/dashboard/").pages, list[dict[str, Any]])
    assert_type(walk_stream(client, "/dashboard/", cut_after=2, then="pages"), Walk)
    assert_type(walk_connection(client, "query ($after: String) { board }", variables={}), Walk)
    assert_type(expired(walked.pages[0]["cursor"]), str)

    with part_fails("users"), part_hangs("overview", 2):
        walk(client, "/dashboard/")
    with part_fails("users", OSError()), background_now():
        walk(client, "/dashboard/")
    with background_never(), background_fails(ValueError()):
        walk(client, "/dashboard/")
    check_manifest(DashboardView, walked)

    walk_stream(client, "/", then="later")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
