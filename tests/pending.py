"""Parts that are pending for a number of looks, as those of background functions are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

from django_partstream import lazy
from django_partstream.exceptions import PartPending
from django_partstream.testing import streams, walks


class Work:
    """Work elsewhere: the value of a *name* is there after ``needed[name]`` looks in vain."""

    def __init__(self, needed: Mapping[str, int]) -> None:
        self.needed, self.looks = needed, Counter[str]()

    def look(self, name: str, **options: Any) -> str:
        """
        The value, which is the name.

        Raises:
            PartPending: with these *options*, while it is not there.
        """
        self.looks[name] += 1
        if self.looks[name] > self.needed[name]:
            return name
        raise PartPending(name, **{"limit": 600, **options})


class WaitingParts:
    """The parts of ``work``, each of which needs a number of looks."""

    work: Work

    def get_parts(self) -> list[tuple[str, Any]]:
        return [(name, lazy(self.look, name)) for name in self.work.needed]

    def look(self, request: Any, name: str) -> str:
        return self.work.look(name)


def waiting(needed: Mapping[str, int] | None = None, /, **attributes: Any) -> type[Any]:
    """
    A view of which each part needs so many looks: ``waiting({"a": 0, "b": 2})``.

    *attributes* are those of the view class.
    """
    from django_partstream import ProgressiveView  # absent where the core alone is tested

    bases = WaitingParts, ProgressiveView
    return type("Waiting", bases, {"work": Work(needed or {}), **attributes})


def names_of(page: dict[str, Any]) -> list[str]:
    """The names of the parts that *page* carries."""
    return [name for result in page["results"] for name in result]


def pending_of(page: dict[str, Any]) -> list[str]:
    """The names of the parts that *page* says are pending."""
    return [entry["part"] for entry in page.get("pending", ())]


@contextmanager
def walks_go_on() -> Iterator[None]:
    """Have the walks of ``testing`` go on while parts are pending, at once, until they end."""
    with (
        mock.patch.object(walks, "refuse_to_wait"),
        mock.patch.object(streams, "refuse_to_wait"),
    ):
        yield
