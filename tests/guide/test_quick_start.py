"""The guide, "Quick Start": its view, word for word, and its sample response."""

import pytest
from django.contrib.auth.models import User
from django.urls import path
from django.utils import timezone
from rest_framework.views import APIView

from django_partstream import ProgressiveView, lazy
from django_partstream.testing import walk
from tests.guide.loader import ProgressiveLoader, fetch_json, names_of


# fmt: off
class MyAPI(ProgressiveView):
    def get_parts(self):
        return [
            ("meta", {"timestamp": timezone.now()}),
            ("data", lazy(self.get_data))
        ]

    def get_data(self, request):
        return {"users": User.objects.count()}
# fmt: on


class OneByOne(MyAPI):
    chunk_size = 1


def test_the_quick_start_view_is_a_view_of_drf():
    assert issubclass(MyAPI, APIView)


@pytest.mark.django_db
def test_the_quick_start_response_equals_the_sample_in_the_guide(serve, clock):
    User.objects.bulk_create(User(username=f"user {number}") for number in range(1000))
    response = serve(MyAPI).get("/")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    # The guide's sample has a cursor here, but its loops need a null on the last page.
    assert response.json() == {
        "results": [{"meta": {"timestamp": "2024-01-01T10:00:00Z"}}, {"data": {"users": 1000}}],
        "cursor": None,
        "meta": {"total_parts": 2, "current_chunk_size": 2, "has_more": False},
    }
    assert list(response.json()) == ["results", "cursor", "meta"]


def test_a_cursor_begins_like_the_sample_cursor_in_the_guide(serve):
    page = serve(OneByOne).get("/").json()
    assert page["cursor"].startswith("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.")
    assert page["meta"] == {"total_parts": 2, "current_chunk_size": 1, "has_more": True}


@pytest.mark.django_db
def test_users_are_not_counted_before_their_page(serve, django_assert_num_queries):
    client = serve(OneByOne)
    with django_assert_num_queries(0):
        page = client.get("/").json()
    assert names_of(page["results"]) == ["meta"]


@pytest.mark.django_db
def test_the_quick_start_parts_arrive_with_a_chunk_size_of_one(serve):
    client = serve(OneByOne)
    walked = walk(client, "/")
    assert walked.names == ["meta", "data"]
    assert walked.parts["data"] == {"users": 0}
    assert len(walked.pages) == 2


@pytest.mark.parametrize(("view", "pages"), [(MyAPI, 1), (OneByOne, 2)])
def test_the_guides_loader_loads_all_parts_over_http(serve, live_server, view, pages):
    User.objects.create(username="ann")
    serve(path("api/", view.as_view()))
    progress = []
    loaded = ProgressiveLoader(f"{live_server.url}/api/", fetch_json).load_all(progress.append)
    assert names_of(loaded) == ["meta", "data"]
    assert loaded[1] == {"data": {"users": 1}}
    assert [step["hasMore"] for step in progress] == [True] * (pages - 1) + [False]
    assert [step["totalLoaded"] for step in progress] == [2] if pages == 1 else [1, 2]
