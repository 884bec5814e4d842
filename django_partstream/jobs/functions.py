"""``background``: a function whose value a part waits for, while it is computed elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import update_wrapper
from importlib import import_module
from inspect import isfunction, signature
from math import inf
from secrets import token_hex
from typing import Any, Generic, ParamSpec, TypeVar, overload
from weakref import WeakValueDictionary

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

from django_partstream._asyncio import is_lone_task
from django_partstream.delivery.attempts import Attempt, current_attempt
from django_partstream.delivery.loops import in_request_thread
from django_partstream.exceptions import PartPending, PendingInTask
from django_partstream.guards import is_number
from django_partstream.jobs import asking
from django_partstream.jobs.states import mark_of, usable_cache

P = ParamSpec("P")
R = TypeVar("R")

#: Where this code runs, in words, if it belongs to a response and nothing there can wait; empty in
#: a worker. Otherwise None, and :data:`finders` are asked.
no_waiting: ContextVar[str | None] = ContextVar("django_partstream.no_waiting", default=None)

#: Functions that tell the same in words, or None. A front adds its own where it cannot set the
#: variable.
finders: list[Callable[[], str | None]] = []


@overload
def background(func: Callable[P, R], /) -> Background[P, R]: ...
@overload
def background(
    *, keep: float = ..., limit: float = ..., cache: str = ..., queue: str | None = ...
) -> Callable[[Callable[P, R]], Background[P, R]]: ...
def background(
    func: Any = None,
    /,
    *,
    keep: float = 300,
    limit: float = 600,
    cache: str = "default",
    queue: str | None = None,
) -> Any:
    """
    Compute the decorated function elsewhere, wherever a part calls it.

    In a part the call returns the value, or the part is pending: a later page or the same stream
    carries it. All parts that call with equal arguments, in the same language, time zone and
    tenant, share a single computation. Elsewhere (in a shell, a worker, a test) it is the plain
    function.

    The value is kept for *keep* seconds (at least 15, so that readers who wait come in time) in the
    cache with the alias *cache*. A walk waits at most
    *limit* seconds for the part, which then ends ``timeout``. *queue* is a queue of the engine that
    the setting ``BACKGROUND`` names. ``f.invalidate()`` drops all values.

    The function stands at the top level of a module in an installed app. Its arguments have a JSON
    form: pass primary keys.

    Raises:
        TypeError: it is no function, or a lambda, a method or a local function; or *cache* or
            *queue* is no name.
        ValueError: *keep* is not above zero, or *limit* is below 1.
    """
    if not is_number(keep) or not 0 < keep < inf:
        raise ValueError(f"background() needs keep in seconds, above zero, got {keep!r}.")
    if not is_number(limit) or not 1 <= limit < inf:
        raise ValueError(f"background() needs limit in seconds, 1 or more, got {limit!r}.")
    for option, name in [("cache", cache), ("queue", queue)]:
        if not isinstance(name, str) and (name is not None or option == "cache"):
            raise TypeError(f"background() needs the name of a {option}, got {name!r}.")

    def decorate(func: Callable[P, R]) -> Background[P, R]:
        return Background(func, keep=keep, limit=limit, cache=cache, queue=queue)

    return decorate if func is None else decorate(func)


class Background(Generic[P, R]):
    """
    A function decorated with ``background``, at the dotted *path*.

    *func* is the plain function. The other attributes are the options of the decorator.
    """

    def __init__(
        self,
        func: Callable[P, R],
        *,
        keep: float,
        limit: float,
        cache: str,
        queue: str | None,
    ) -> None:
        _check_function(func)
        update_wrapper(self, func)
        self.func, self.path = func, f"{func.__module__}.{func.__qualname__}"
        self.keep, self.limit, self.cache, self.queue = keep, limit, cache, queue
        self._signature = signature(func)
        self._is_found = False
        _declared[self.path] = self
        if iscoroutinefunction(func):
            markcoroutinefunction(self)

    def __repr__(self) -> str:
        return f"<background {self.path}>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """
        Return the value, in a part; elsewhere call the function.

        Raises:
            PartPending: the value is being computed; it leaves the part pending.
            BackgroundFailed: the computation failed.
            RuntimeError: the call stands in a place of a response that cannot wait.
            ImproperlyConfigured: a worker would not find the function, or its cache keeps nothing.
            TypeError: an argument has no JSON form, or is not one of the function.
            Exception: the cache raised it.
        """
        attempt = current_attempt()
        if attempt is None:
            self._refuse_to_run_here()
            return self.func(*args, **kwargs)
        if iscoroutinefunction(self.func):
            return self._taken_later(attempt, args, kwargs)  # type: ignore[return-value]
        return self._taken(attempt, args, kwargs)  # type: ignore[no-any-return]

    def invalidate(self) -> None:
        """
        Drop all values of the function. A value that is being computed will not be kept.

        Raises:
            Exception: the cache raised it, and the values are still there.
        """
        usable_cache(self.cache).set(mark_of(self.path), token_hex(8), None)

    def _taken(self, attempt: Attempt, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self._is_found:
            self._find()
        try:
            bound = self._signature.bind(*args, **kwargs)  # equal calls have a single key
        except TypeError as exc:
            raise TypeError(f"{self.path}(): {exc}.") from None
        try:
            return asking.take(self, attempt, bound.args, bound.kwargs)
        except PartPending as wait:
            raise _for_this_task(wait) from None

    async def _taken_later(
        self, attempt: Attempt, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        try:
            return await in_request_thread(self._taken, attempt, args, kwargs)
        except PartPending as wait:
            raise _for_this_task(wait) from None

    def _find(self) -> None:
        """
        Make sure that a worker will find this function at its path.

        Raises:
            ImproperlyConfigured: it will not.
        """
        try:
            is_found = function_named(self.path) is self
        except LookupError as exc:
            raise ImproperlyConfigured(f"A worker would not find {self.path}: {exc}") from exc
        if not is_found:
            raise ImproperlyConfigured(
                f"A worker would not find {self.path}: the module has another background function "
                "of that name. Give each its own name."
            )
        self._is_found = True

    def _refuse_to_run_here(self) -> None:
        """
        Refuse a call that would be made by accident, and might take minutes.

        Raises:
            RuntimeError: the call stands in a place of a response that cannot wait.
        """
        place = no_waiting.get()
        if place is None:
            place = next(filter(None, (find() for find in finders)), None)
        if place:
            raise RuntimeError(
                f"{self.path}() was called in {place}, where nothing can wait for it. Call it in "
                "the function or resolver of a part: lazy(self.get_forecast)."
            )


#: The background functions of the modules that were imported, by their paths.
_declared: WeakValueDictionary[str, Background[..., Any]] = WeakValueDictionary()


def declared() -> list[Background[..., Any]]:
    """The background functions of the modules that were imported."""
    return list(_declared.values())


def _for_this_task(wait: PartPending) -> PartPending:
    """*wait* in a form that reaches the part, also from a task that nothing waits for."""
    if not is_lone_task():
        return wait
    return PendingInTask(
        wait.name, age=wait.age, limit=wait.limit, progress=wait.progress, begun=wait.begun
    )


def _check_function(func: Any) -> None:
    """
    Check that *func* is a function at the top level of a module.

    Raises:
        TypeError: it is not.
    """
    function = getattr(func, "__wrapped__", func)
    if not isfunction(function) and not isfunction(func):
        raise TypeError(
            f"background() needs a function, got {func!r}. Define one at the top level of a module."
        )
    if "." in func.__qualname__ or "<" in func.__qualname__ or func.__module__ == "__main__":
        raise TypeError(
            f"background() needs a function that a worker can import, got {func!r}. Define it with "
            "def, at the top level of a module in an installed app."
        )


def function_named(path: str) -> Background[..., Any]:
    """
    The background function at the dotted *path*, in a module of an installed app.

    Raises:
        LookupError: there is none. The message says why.
    """
    module_name, _dot, name = path.rpartition(".")
    if not is_of_installed_app(module_name):
        raise LookupError(
            f"{module_name!r} belongs to no app in INSTALLED_APPS. Move the function to a module "
            "of an app, or add its package there."
        )
    try:
        found = getattr(import_module(module_name), name, None)
    except ImportError as exc:
        raise LookupError(f"{module_name!r} cannot be imported: {exc}.") from exc
    while found is not None and not isinstance(found, Background):
        found = getattr(found, "__wrapped__", None)  # under another decorator
    if found is None or found.path != path:
        raise LookupError(f"{module_name!r} has no background function {name!r}.")
    return found


def is_of_installed_app(module: str) -> bool:
    """Whether the *module* with this dotted path is in the package of an installed app."""
    return any(f"{module}.".startswith(f"{app.name}.") for app in apps.get_app_configs())
