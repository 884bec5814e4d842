"""Guards and background functions keep the signature of the function that they decorate."""

from collections.abc import Awaitable, Callable
from typing import Any, assert_type

from django.http import HttpRequest

from django_partstream import (
    Status,
    background,
    cached_for,
    lazy,
    progress,
    safe_call,
    with_timeout,
)
from django_partstream.exceptions import BackgroundFailed, PartstreamError, PartTimeout
from django_partstream.failures import register
from django_partstream.signals import part_resolved

Row = dict[str, int]


@safe_call
def bare(request: HttpRequest, limit: int = 2) -> list[Row]:
    return [{"limit": limit}]


@safe_call(fallback=[])
@with_timeout(2)
@cached_for(60, stale=30, per_user=False)
def guarded(request: HttpRequest, limit: int = 2) -> list[Row]:
    return [{"limit": limit}]


@with_timeout(2.5)
async def awaited(request: HttpRequest) -> Row:
    return {}


@cached_for(60)
async def cached_coroutine(request: HttpRequest) -> Row:
    return {}


@cached_for(60)
def cached(request: HttpRequest, year: int) -> Row:
    return {"year": year}


@background
def plain(region: str) -> float:
    progress(0.5)
    return 1.0


@background(keep=3600, limit=60, queue="slow")
def forecast(region: str, *, weeks: int = 12) -> list[float]:
    progress(1)
    return [float(weeks)]


def calls(request: HttpRequest) -> None:
    assert_type(bare(request, limit=3), list[Row])
    assert_type(guarded(request), list[Row])
    assert_type(cached(request, 2024), Row)
    assert_type(plain("north"), float)
    assert_type(forecast("north", weeks=4), list[float])
    assert_type(cached.invalidate(request), None)
    assert_type(cached.invalidate(), None)
    assert_type(forecast.invalidate(), None)
    assert_type(safe_call(len)("text"), int)
    assert_type(with_timeout(len, 2)("text"), int)

    cached(request, "2024")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    forecast("north", 4)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    lazy(cached, "2024")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    lazy(cached, 2024)
    lazy(awaited)
    lazy(lambda request: {"user": request.user.pk})


async def awaits(request: HttpRequest) -> None:
    assert_type(await awaited(request), Row)
    assert_type(await cached_coroutine(request), Row)


class Reports:
    """Methods that are decorated are called without their ``self``."""

    @cached_for(60)
    def sales(self, request: HttpRequest, year: int = 2024) -> Row:
        return {"year": year}

    @safe_call(fallback=None)
    def stock(self, request: HttpRequest) -> Row:
        return {}

    def use(self, request: HttpRequest) -> None:
        assert_type(self.sales(request, 2025), Row)
        assert_type(self.stock(request), Row)
        lazy(self.sales, year=2025)
        lazy(safe_call(with_timeout(self.stock, 2)))
        self.sales.invalidate(request)


class StockError(PartstreamError): ...


register(StockError, status=Status.ERROR, code="stock", message="No stock.", retryable=True)


def ends(sender: Any, name: str, status: Status, seconds: float, **more: Any) -> None:
    assert_type(status, Status)


part_resolved.connect(ends)

caught: tuple[type[PartstreamError], ...] = (PartTimeout, BackgroundFailed)
function: Callable[[HttpRequest], Awaitable[Row]] = awaited
