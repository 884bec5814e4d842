"""A progressive view beside other classes: generic views, mixins before and after, and mistakes."""

import pytest
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.views import APIView

from django_partstream import ProgressiveView, lazy
from django_partstream.exceptions import PlanError
from example_schema.models import Customer


class Parts:
    def get_parts(self):
        return [("a", lazy(self.get_a)), ("b", 2), ("c", 3)]

    def get_a(self, request):
        return 1


def test_a_progressive_view_combines_with_a_generic_view(serve):
    attributes = {"queryset": Customer.objects.all(), "permission_classes": []}
    client = serve(type("D", (Parts, GenericAPIView, ProgressiveView), attributes))
    page = client.get("/").json()
    assert page["results"] == [{"a": 1}, {"b": 2}]
    assert client.get(f"/?cursor={page['cursor']}").json()["results"] == [{"c": 3}]
    assert client.get("/", headers={"accept": "text/html"}).status_code == 200


def test_a_test_can_call_get_of_a_view_without_dispatch(rf):
    view = type("D", (Parts, ProgressiveView), {})()
    view.setup(rf.get("/"))
    view.request = view.initialize_request(view.request)
    assert view.get(view.request).data["results"] == [{"a": 1}, {"b": 2}]


class Guarded:
    permission_classes = [IsAuthenticated]


def test_a_mixin_with_permissions_after_the_base_is_refused_and_named():
    with pytest.raises(TypeError, match="Guarded.permission_classes would be ignored") as caught:
        type("View", (ProgressiveView, Guarded), {})
    assert "class View(Guarded, ProgressiveView)" in str(caught.value)


@pytest.mark.parametrize(
    "attributes",
    [
        {"permission_classes": [IsAuthenticated]},
        {"chunk_size": 5},
        {"get_permissions": lambda self: []},
        {"check_permissions": lambda self, request: None},
        {"get_throttles": lambda self: []},
    ],
    ids=lambda attributes: next(iter(attributes)),
)
def test_a_mixin_after_the_base_that_sets_an_attribute_of_the_base_is_refused(attributes):
    late = type("Late", (), attributes)
    with pytest.raises(TypeError, match="would be ignored"):
        type("View", (Parts, ProgressiveView, late), {})
    type("View", (late, Parts, ProgressiveView), {})


def test_a_mixin_with_permissions_after_a_projects_own_base_is_refused():
    base = type("Base", (Parts, ProgressiveView), {})
    with pytest.raises(TypeError, match="Guarded.permission_classes would be ignored"):
        type("View", (base, Guarded), {})


def test_permissions_of_a_mixin_that_is_an_apiview_hold_before_and_after_the_base(serve):
    class Cooperative(APIView):
        permission_classes = [IsAuthenticated]

        def initial(self, request, *args, **kwargs):
            super().initial(request, *args, **kwargs)

    for bases in [(ProgressiveView, Cooperative), (Cooperative, ProgressiveView)]:
        view = type("View", (Parts, *bases), {})
        assert serve(view).get("/").status_code == 403


def test_the_error_of_a_bad_plan_notes_the_view_it_is_from(serve):
    class Dashboard(ProgressiveView):
        def get_parts(self):
            return [("a", 1), ("a", 2)]

    with pytest.raises(PlanError, match="'a' twice") as caught:
        serve(Dashboard).get("/")
    assert caught.value.__notes__ == [f"In {__name__}.{Dashboard.__qualname__}.get_parts()."]


@pytest.mark.parametrize(
    ("forgotten", "message"),
    [
        (lambda view: view.get_a, "To have it called, use lazy()."),
        (lambda view: {"deep": lazy(view.get_a)}, "must be the whole value of a part"),
        (lambda view: lazy(lambda request: lazy(view.get_a)), "must be the whole value of a part"),
        (lambda view: lazy(lambda request: {"deep": view.get_later()}), "Await it, in a part"),
    ],
)
def test_a_forgotten_or_misplaced_lazy_or_await_is_explained_in_debug(
    serve, settings, forgotten, message
):
    settings.DEBUG = True

    class View(Parts, ProgressiveView):
        async def get_later(self):
            raise AssertionError("Nothing has awaited it.")

        def get_parts(self):
            return [("bad", forgotten(self)), ("good", 1)]

    page = serve(View).get("/").json()
    assert page["results"] == [{"bad": None}, {"good": 1}]
    assert message in page["errors"][0]["message"]
