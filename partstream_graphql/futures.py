"""
The futures of synchronous data loaders, as graphql-sync-dataloaders has them.

Such a future is not awaitable, and is known by its shape. The first future of a batch has the
function that loads the batch as ``deferred_callback``; its execution context calls that at the end
of the operation. A part must not end before, so its batch is loaded while its value is made whole.
The parts of a page have all begun by then, so their keys are loaded together.

A function that raises leaves the futures of its batch without an end, and the loader with these
futures for its keys. So the batch is looked up in the loader: each part of it fails or is pending
as the first part is, and a later try loads anew.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django_partstream.delivery.attempts import current_attempt
from django_partstream.exceptions import PartPending


def is_future(value: Any) -> bool:
    """Whether *value* is the future of a synchronous data loader."""
    return _is_kind_of_future(type(value))


def _is_kind_of_future(kind: type) -> bool:
    return hasattr(kind, "deferred_callback") and hasattr(kind, "add_done_callback")


def then(future: Any, make: Callable[[Any], Any]) -> Any:
    """
    *make* of the result of *future*, whose batch is loaded now.

    Where a field outside of the page began the batch, only the execution context can load it.
    Then return a future of the value. No cache may keep that.

    Raises:
        Exception: the exception of the loader, or of *make*.
    """
    _load(future)
    if future.done():
        return make(future.result())
    attempt = current_attempt()
    if attempt is not None:
        attempt.is_promised = True
    later = type(future)()
    future.add_done_callback(partial(_settle, later, future, make))
    return later


def result_of(value: Any) -> Any:
    """
    The result of *value* if it is a future, whose batch is loaded now; any other *value* itself.

    Raises:
        RuntimeError: a field outside of the page began the batch, so it cannot be loaded here.
        Exception: the exception of the loader.
    """
    if not is_future(value):
        return value
    _load(value)
    if not value.done():
        raise RuntimeError(
            "The batch of a data loader was begun by another field of the query, so it is loaded "
            "after the page. Use another loader for this part."
        )
    return value.result()


def has_future(value: Any) -> bool:
    """Whether *value* is such a future, or a list with some."""
    if isinstance(value, (list, tuple)):
        return any(map(_is_kind_of_future, {type(item) for item in value}))
    return _is_kind_of_future(type(value))


async def with_its_batch(value: Any) -> Any:
    """*value*, once every part of the page has begun, so that their keys are in its batch."""
    return value


def _load(future: Any) -> None:
    """
    Load the batch that *future* began, if it is not loaded.

    Raises:
        Exception: the function of the loader raised it.
        PartPending: the function waits for work elsewhere.
    """
    load = future.deferred_callback
    if future.done() or load is None:
        return
    loader = getattr(load, "__self__", None)
    batch = list(getattr(loader, "_queue", ()))
    try:
        load()
    except (Exception, PartPending) as exc:
        for key, one in batch:
            loader.clear(key)  # type: ignore[union-attr]
            if not one.done():
                one.set_exception(exc)
        raise


def _settle(later: Any, future: Any, make: Callable[[Any], Any]) -> None:
    try:
        value = make(future.result())
    except Exception as exc:  # noqa: BLE001 - the execution context raises it in the field
        later.set_exception(exc)
    else:
        later.set_result(value)
