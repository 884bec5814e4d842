"""The guide, "Migration from Other Approaches": the new views deliver the parts of the old view."""

import pytest
from rest_framework.response import Response
from rest_framework.views import APIView

from django_partstream import ProgressiveView, lazy
from django_partstream.testing import walk
from example_schema.models import Order


# Names that the guide uses and does not define.
def expensive_computation():
    return {"revenue": 1}


# fmt: off
# From Standard DRF Views: Old approach
class OldDashboard(APIView):
    def get(self, request):
        return Response({
            "orders": Order.objects.all(),
            "analytics": expensive_computation()
        })

# New approach
class NewDashboard(ProgressiveView):
    def get_parts(self):
        return [
            ("orders", lazy(lambda r: Order.objects.all())),
            ("analytics", lazy(lambda r: expensive_computation()))
        ]


# From Complex Progressive API: New simple approach
class NewSimple(ProgressiveView):
    def get_parts(self):
        return [
            ("analytics", lazy(self.get_analytics))
        ]
# fmt: on


class Simple(NewSimple):
    def get_analytics(self, request):
        return {"path": request.path}


@pytest.mark.django_db
def test_the_new_dashboard_has_the_parts_of_the_old_dashboard(serve):
    old = serve(OldDashboard).get("/").json()
    assert (
        walk(serve(NewDashboard), "/").parts == old == {"orders": [], "analytics": {"revenue": 1}}
    )


@pytest.mark.django_db
def test_a_query_set_as_a_part_arrives_as_its_rows(serve, clock, place_order):
    order = place_order("12.50")
    walked = walk(serve(NewDashboard), "/")
    assert walked.parts["orders"] == [
        {
            "id": order.pk,
            "customer_id": order.customer_id,
            "created_at": "2024-01-01T10:00:00Z",
            "status": "pending",
            "total": 12.5,
        }
    ]
    assert walked.errors == []


@pytest.mark.django_db
def test_a_query_set_as_a_part_is_read_on_each_request(serve, place_order):
    client = serve(NewDashboard)
    counts = []
    for _ in range(2):
        place_order()
        counts.append(len(walk(client, "/").parts["orders"]))
    assert counts == [1, 2]


def test_a_query_set_that_fails_fails_only_its_own_part(serve):
    # This test has no database.
    walked = walk(serve(NewDashboard), "/")
    assert walked.parts == {"orders": None, "analytics": {"revenue": 1}}
    assert [error["part"] for error in walked.errors] == ["orders"]


def test_the_new_simple_view_delivers_its_part(serve):
    assert walk(serve(Simple), "/").parts == {"analytics": {"path": "/"}}
