"""A REST view, alone and from a mixin that GraphQL shares."""

from collections.abc import Iterable
from typing import Any, TypedDict

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import path
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request

from django_partstream import Plan, ProgressiveView, lazy, safe_call, with_timeout
from partstream_rest import PartInfo


class Overview(TypedDict):
    """The value of a part."""

    users: int


class DashboardParts:
    """Parts, declared once."""

    chunk_size = 2
    cursor_ttl = 600
    concurrency = 4
    permission_classes: Any = [IsAuthenticated]  # the types of DRF want another list than ours
    manifest = {"overview": PartInfo(Overview, title="Overview"), "*": None}

    def get_parts(self) -> list[tuple[str, Any]]:
        return [
            ("title", "Dashboard"),
            ("overview", lazy(self.get_overview)),
            ("users", lazy(safe_call(with_timeout(self.get_users, 2)), limit=5)),
            ("later", lazy(self.get_later)),
        ]

    def get_overview(self, request: HttpRequest) -> Overview:
        return {"users": User.objects.count()}

    def get_users(self, request: HttpRequest, limit: int = 2) -> Iterable[User]:
        return User.objects.all()[:limit]

    async def get_later(self, request: HttpRequest) -> list[int]:
        return []


class DashboardView(DashboardParts, ProgressiveView):
    """The parts over REST."""


class OwnView(ProgressiveView):
    """A view with its own parts, by user."""

    chunk_size = 3
    permission_classes = [IsAuthenticated]
    manifest = {"name": PartInfo(str)}

    def get_parts(self) -> list[tuple[str, Any]]:
        parts: list[tuple[str, Any]] = [("name", self.request.user.get_username())]
        if self.request.user.is_authenticated:
            parts.append(("staff", lazy(self.get_staff)))
        return parts

    def get_staff(self, request: Request) -> int:
        return User.objects.filter(is_staff=True).count()


PLAN = Plan([("one", 1), ("two", lazy(lambda request: 2))])


class PlannedView(ProgressiveView):
    """A view whose parts are the same for everyone."""

    def get_parts(self) -> Plan:
        return PLAN


class ExtendedView(OwnView):
    """A view with a part more than its parent."""

    def get_parts(self) -> list[tuple[str, Any]]:
        return [*super().get_parts(), *PLAN, ("more", 3)]


class WrongView(ProgressiveView):
    """Parts come as pairs."""

    def get_parts(self) -> list[str]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return ["name"]


urlpatterns = [path("dashboard/", DashboardView.as_view())]
