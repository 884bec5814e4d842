"""
Controls over HTTP that make the live server of the clients' tests misbehave.

The clients run in processes of their own, so they cannot patch anything. ``GET /control/NAME/``:

- ``busy/``: what is computed elsewhere waits until ``release/``,
- ``fail/?part=a``: the function of part ``a`` raises,
- ``hang/?part=a``: the limit of part ``a`` passes at once,
- ``hold/?part=a``: part ``a`` waits until ``release/``,
- ``leave_out/?part=a``: the response has no such part any more,
- ``pend/?part=a``: part ``a`` is pending until ``release/``, half of it done; with ``&times=3`` the
  first three looks find it pending, with ``&age=8`` it was asked for eight seconds ago,
- ``hurry/``: a response with increments gives up at once when nothing but pending parts is left,
- ``release/``: all waiting parts go on, and no part waits or is pending from then on,
- ``reset/``: the server behaves normally again,
- ``expired/?cursor=x``: ``{"cursor": …}``, the same cursor with an expiry in the past.

Parts have their Python names (``today_stats``), for both fronts.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Event
from typing import Any
from unittest import mock

from django.http import HttpRequest, JsonResponse
from django.urls import path

from django_partstream.delivery import streams
from django_partstream.delivery.attempts import Attempt
from django_partstream.exceptions import PartPending, PartTimeout
from django_partstream.testing import expired
from example_schema.parts import DashboardParts
from tests.clients import forecasts

#: How long a held part waits to be released, in seconds.
PATIENCE = 20

_stack = ExitStack()
_gates: list[Event] = []


def reset() -> None:
    """Release all parts and undo all misbehaviour."""
    release()
    _stack.close()


def release() -> None:
    """Let all waiting parts go on, and what is computed elsewhere."""
    forecasts.gate.set()
    while _gates:
        _gates.pop().set()


def busy() -> None:
    forecasts.gate.clear()


def fail(part: str) -> None:
    _stack.enter_context(_before(part, _raise(RuntimeError(f"{part} fails in this test"))))


def hang(part: str) -> None:
    _stack.enter_context(_before(part, _raise(PartTimeout(5))))


def hold(part: str) -> None:
    gate = Event()
    _gates.append(gate)
    _stack.enter_context(_before(part, lambda: gate.wait(PATIENCE)))


def pend(part: str, times: str = "1000000", age: str = "0") -> None:
    looks, gate = iter(range(int(times))), Event()
    _gates.append(gate)

    def wait() -> None:
        if not gate.is_set() and next(looks, None) is not None:
            raise PartPending(part, age=float(age), limit=600, progress=0.5)

    _stack.enter_context(_before(part, wait))


def hurry() -> None:
    _stack.enter_context(mock.patch.object(streams, "PATIENCE", 0.0))


def leave_out(part: str) -> None:
    known = DashboardParts.get_parts

    def fewer(parts: DashboardParts) -> list[tuple[str, Any]]:
        return [pair for pair in known(parts) if pair[0] != part]

    _stack.enter_context(mock.patch.object(DashboardParts, "get_parts", fewer))


@contextmanager
def _before(part: str, act: Callable[[], Any]) -> Iterator[None]:
    invoke = Attempt.invoke

    def acting(attempt: Attempt, call: Callable[[], Any]) -> Any:
        if attempt.name == part:
            act()
        return invoke(attempt, call)

    with mock.patch.object(Attempt, "invoke", acting):
        yield


def _raise(exc: Exception) -> Callable[[], Any]:
    def act() -> None:
        raise exc

    return act


def _view(control: Callable[..., None]) -> Callable[[HttpRequest], JsonResponse]:
    def view(request: HttpRequest) -> JsonResponse:
        control(**request.GET.dict())
        return JsonResponse({})

    return view


urlpatterns = [
    *(
        path(f"control/{control.__name__}/", _view(control))
        for control in (busy, fail, hang, hold, hurry, leave_out, pend, release, reset)
    ),
    path(
        "control/expired/",
        lambda request: JsonResponse({"cursor": expired(request.GET["cursor"])}),
    ),
]
