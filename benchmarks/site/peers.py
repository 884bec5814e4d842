"""Other libraries, each if it is installed; the JSON is that of the small pages."""

from importlib.util import find_spec

from django.urls import path

from benchmarks.site.rest import figures, overview, page

HAS = {name: find_spec(name) is not None for name in ("ninja", "dmr", "inertia")}

urlpatterns = []

if HAS["ninja"]:
    from ninja import NinjaAPI

    ninja = NinjaAPI()

    @ninja.get("page")
    def ninja_page(request):
        return page()

    urlpatterns.append(path("ninja/", ninja.urls))

if HAS["dmr"]:
    from typing import Any

    from dmr import Controller
    from dmr.plugins.msgspec import MsgspecSerializer

    class ModernPage(Controller[MsgspecSerializer]):
        """django-modern-rest, with the JSON of msgspec that it recommends."""

        def get(self) -> dict[str, Any]:
            return page()

    urlpatterns.append(path("dmr/page/", ModernPage.as_view()))

if HAS["inertia"]:
    from inertia import defer, render
    from inertia.middleware import InertiaMiddleware

    @InertiaMiddleware
    def inertia_page(request):
        """Two parts at once, and two that the client asks for when it has these."""
        props = {
            "overview": overview(request),
            "figures": figures(request),
            "overview_1": defer(lambda: overview(request)),
            "figures_1": defer(lambda: figures(request)),
        }
        return render(request, "Dashboard", props)

    urlpatterns.append(path("inertia/page/", inertia_page))

#: The headers of inertia's client, on a visit and for the deferred props.
VISIT = {"HTTP_X_INERTIA": "true", "HTTP_X_INERTIA_VERSION": "1.0"}
DEFERRED = {
    **VISIT,
    "HTTP_X_INERTIA_PARTIAL_COMPONENT": "Dashboard",
    "HTTP_X_INERTIA_PARTIAL_DATA": "overview_1,figures_1",
}
