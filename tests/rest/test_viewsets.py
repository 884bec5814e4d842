"""A progressive view that is a view set of DRF, whichever base class its class names first."""

import pytest
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from rest_framework.decorators import action
from rest_framework.routers import DefaultRouter
from rest_framework.viewsets import GenericViewSet, ViewSet, ViewSetMixin

from django_partstream import ProgressiveView, lazy
from django_partstream.testing import part_fails, walk

ran = []


def part(request, name):
    ran.append(name)
    return name


class Actions:
    """The parts and actions of a view set."""

    def get_parts(self):
        return [(name, lazy(part, name)) for name in ("a", "b", "c")]

    def list(self, request, *args, **kwargs):
        return ProgressiveView.get(self, request)

    @action(detail=True)
    def report(self, request, pk):
        return ProgressiveView.get(self, request)


class ViewFirst(Actions, ProgressiveView, ViewSet):
    pass


class MixinFirst(Actions, ViewSetMixin, ProgressiveView):
    pass


class SetFirst(Actions, ViewSet, ProgressiveView):
    pass


class GenericFirst(Actions, GenericViewSet, ProgressiveView):
    pass


class Derived(MixinFirst):
    pass


EACH = pytest.mark.parametrize("kind", [ViewFirst, MixinFirst, SetFirst, GenericFirst, Derived])


@EACH
def test_a_view_set_delivers_pages(serve, kind):
    client = serve(path("", kind.as_view({"get": "list"})))
    assert walk(client, "/").parts == {"a": "a", "b": "b", "c": "c"}


@EACH
def test_a_view_set_can_be_routed_with_its_actions(serve, kind):
    router = DefaultRouter()
    router.register("things", kind, basename="thing")
    client = serve(path("", include(router.urls)))
    assert walk(client, "/things/").names == ["a", "b", "c"]
    assert walk(client, "/things/7/report/").names == ["a", "b", "c"]
    cursor = client.get("/things/7/report/").json()["cursor"]
    assert client.get(f"/things/8/report/?cursor={cursor}").status_code == 400
    assert client.get(f"/things/?cursor={cursor}").status_code == 400


@EACH
def test_the_options_of_as_view_reach_a_view_set(serve, kind):
    client = serve(path("", kind.as_view({"get": "list"}, chunk_size=3)))
    assert client.get("/").json()["cursor"] is None


@EACH
def test_a_private_page_of_a_view_set_is_kept_out_of_caches(
    serve, kind, client, django_user_model, db
):
    serve(path("", kind.as_view({"get": "list"})))
    assert "Cache-Control" not in client.get("/")
    with part_fails("a"):
        assert client.get("/")["Cache-Control"] == "private, no-store"
    client.force_login(django_user_model.objects.create_user("ann"))
    assert client.get("/")["Cache-Control"] == "private, no-store"


@EACH
def test_cache_control_set_by_a_view_set_wins(serve, kind):
    decorate = method_decorator(cache_control(max_age=60, private=True), name="dispatch")
    view = decorate(type("View", (kind,), {}))
    with part_fails("a"):
        response = serve(path("", view.as_view({"get": "list"}))).get("/")
    assert response["Cache-Control"] == "max-age=60, private"


@EACH
def test_a_head_request_to_a_view_set_resolves_nothing(serve, kind):
    ran.clear()
    response = serve(path("", kind.as_view({"get": "list"}))).head("/")
    assert (response.status_code, ran) == (200, [])
    assert "cursor=" in response["Link"]


@EACH
def test_a_view_set_without_actions_is_refused_as_drf_refuses_it(kind):
    with pytest.raises(TypeError, match="`actions` argument must be provided"):
        kind.as_view()


@EACH
def test_the_view_function_of_a_view_set_has_the_attributes_that_drf_gives_it(kind):
    view = kind.as_view({"get": "list"}, suffix="List")
    assert (view.cls, view.actions, view.csrf_exempt) == (kind, {"get": "list"}, True)
    assert view.initkwargs == {"suffix": "List"}


def test_options_of_a_view_set_list_its_parts(serve):
    response = serve(path("", ViewFirst.as_view({"get": "list"}))).options("/")
    assert response.json()["parts"] == ["a", "b", "c"]
