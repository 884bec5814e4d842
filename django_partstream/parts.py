"""
The parts of a response: named values, in order, some of them lazy.

A :class:`Plan` is the validated list, and takes pages from it. It only decides: nothing is called
here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, Concatenate, ParamSpec, TypeGuard
from uuid import UUID

from django_partstream.cursors import Cursor
from django_partstream.exceptions import CursorStale, PlanError, UnknownParts
from django_partstream.pages import Debt, OwingPage, Page

P = ParamSpec("P")

MAX_NAME_LENGTH = 255

#: Kinds of values that hold no other value, and no work.
_INERT = (str, int, float, Decimal, date, time, timedelta, UUID)
#: Kinds that hold values, and their items, which no subclass computes.
_CONTAINERS: tuple[tuple[type, Callable[[Any], Iterable[Any]]], ...] = (
    (dict, dict.values),
    (list, list.__iter__),
    (tuple, tuple.__iter__),
)
#: Kinds of pairs.
_PAIRS = frozenset({tuple, list})


class Lazy:
    """A part that is computed on the page that carries it; made by :func:`lazy`."""

    __slots__ = ("args", "func", "kwargs")

    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def __call__(self, request: Any, /, **extra: Any) -> Any:
        """
        Call the function with *request*, then the arguments it was made lazy with.

        *extra* are further arguments of this call, from the front. They win, name by name.
        """
        return self.func(request, *self.args, **{**self.kwargs, **extra})

    def __repr__(self) -> str:
        return f"lazy({self.func!r})"


def lazy(
    func: Callable[Concatenate[Any, P], Any | Awaitable[Any]], *args: P.args, **kwargs: P.kwargs
) -> Lazy:
    """
    Defer ``func(request, *args, **kwargs)`` until the page that delivers the part.

    *func* may be ``async def``.

    Raises:
        TypeError: *func* is not callable, most often because the function was called already.
    """
    if not callable(func):
        raise TypeError(
            f"lazy() needs a callable, got {type(func).__name__}. "
            "Pass the function itself: lazy(self.get_data), not lazy(self.get_data())."
        )
    made = Lazy()  # without an __init__(): a response may declare thousands
    made.func, made.args, made.kwargs = func, args, kwargs
    return made


class Plan:
    """
    The validated, ordered parts of a response.

    ``get_parts()`` may return the same plan each time. That pays for a response of thousands of
    parts that are equal for all users: a page then costs only the parts that it carries.

    Raises:
        PlanError: *parts* is None, or holds a wrong pair, a bad name or a name twice.
    """

    __slots__ = ("_index", "names", "values")

    def __init__(self, parts: Iterable[tuple[str, Any]] | None) -> None:
        if parts is None:
            raise PlanError("get_parts() returned None; return [] when there are no parts.")
        if type(parts) is not list and not _may_hold_pairs(parts):
            raise PlanError(
                f"get_parts() returned a {type(parts).__name__}; "
                "return a list of (name, value) pairs."
            )
        pairs = list(parts)
        named = _named(pairs) or _named_one_by_one(pairs)
        self.names = tuple(named)
        self.values = tuple(named.values())
        self._index: dict[str, int] | None = None

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """The pairs of names and values, from which a list with further parts can be made."""
        return zip(self.names, self.values, strict=True)

    @property
    def index(self) -> dict[str, int]:
        """The position of each part, by name."""
        if self._index is None:
            self._index = dict(zip(self.names, range(len(self.names)), strict=True))
        return self._index

    def choose(self, wanted: Iterable[str]) -> set[str]:
        """
        The names *wanted*, as a set.

        Raises:
            UnknownParts: a name is not in this response.
        """
        chosen = set(wanted)
        if not chosen <= self.index.keys():
            raise UnknownParts(self.names)
        return chosen

    def page(
        self, *, after: Cursor | None, size: int | None, only: Iterable[str] | None = None
    ) -> Page:
        """
        The next *size* parts behind *after*; all of them if *size* is None.

        The parts that *after* owes come before them, in declared order, and do not count towards
        *size*. *only* leaves out every other part, from the page and from the count; such a part
        that is owed stays owed.

        Raises:
            CursorStale: the part that *after* names is not in this response.
        """
        start = 0 if after is None else self._position(after) + 1
        chosen = None if only is None else set(only)
        page = self._stretch(start, size) if chosen is None else self._chosen(start, size, chosen)
        if after is None:
            return page
        page.front = after.after, start - 1
        return self._with_owed(page, after.owed, chosen) if after.owed else page

    def _with_owed(
        self, page: Page, since: Mapping[str, int], chosen: set[str] | None
    ) -> OwingPage:
        """
        *page* behind the parts that are owed: *since* has the time when each was first owed.

        A part that left the response is owed no more; nor is a part that stands behind the front
        now, for the front will come to it.
        """
        there = sorted([(self.index[name], name) for name in since if name in self.index])
        _, front = page.front
        owed = {name: Debt(position, since[name]) for position, name in there if position <= front}
        carried = [name for name in owed if chosen is None or name in chosen]
        values = [self.values[owed[name].position] for name in carried]
        return page.behind(carried, values, owed=owed)

    def _chosen(self, start: int, size: int | None, chosen: set[str]) -> Page:
        """The *size* parts among *chosen* from the position *start*; all that are left if None."""
        positions = sorted([self.index[name] for name in chosen if name in self.index])
        first = bisect_right(positions, start - 1)
        last = len(positions) if size is None else min(first + size, len(positions))
        taken = tuple(positions[first:last])
        return Page(
            names=tuple([self.names[position] for position in taken]),
            values=tuple([self.values[position] for position in taken]),
            positions=taken,
            total=len(positions),
            has_more=last < len(positions),
            has_previous=first > 0,
        )

    def _stretch(self, first: int, size: int | None) -> Page:
        """The *size* parts from the position *first*; all that are left if *size* is None."""
        total = len(self.names)
        last = total if size is None else min(first + size, total)
        return Page(
            names=self.names[first:last],
            values=self.values[first:last],
            positions=range(first, last),
            total=total,
            has_more=last < total,
            has_previous=first > 0,
        )

    def _position(self, cursor: Cursor) -> int:
        """The position now of the part that *cursor* names; -1 if it is the start."""
        if not cursor.after:
            return -1
        then = cursor.position
        if then < len(self.names) and self.names[then] == cursor.after:
            return then
        try:
            return self.index[cursor.after]
        except KeyError:
            raise CursorStale from None


def _may_hold_pairs(parts: object) -> bool:
    """Whether *parts* is an iterable of another kind than text and dict."""
    return isinstance(parts, Iterable) and not isinstance(parts, (str, bytes, dict))


def _named(pairs: list[Any]) -> dict[str, Any] | None:
    """
    The values in *pairs*, by name; None if a pair, or the names together, must be looked at.

    A response may have thousands of parts, so no line of Python runs for each.
    """
    try:
        named = dict(pairs)
        text = f",{','.join(named)},"
    except (TypeError, ValueError):
        return None
    good = (
        len(named) == len(pairs)
        and _PAIRS.issuperset(map(type, pairs))
        and text.isprintable()  # so a blank is a space
        and text.count(",") == len(named) + 1
        and ",," not in text
        and ", " not in text
        and " ," not in text
        and (len(text) <= MAX_NAME_LENGTH or max(map(len, named)) <= MAX_NAME_LENGTH)
    )
    return named if good else None


def _named_one_by_one(pairs: list[Any]) -> dict[str, Any]:
    """
    The values in *pairs*, by name.

    Raises:
        PlanError: a pair is wrong, or a name is bad or there twice. The message shows it.
    """
    named: dict[str, Any] = {}
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise PlanError(f"get_parts() returned {pair!r} where a (name, value) pair goes.")
        name, value = pair
        if check_name(name) in named:
            raise PlanError(f"get_parts() returned the part {name!r} twice.")
        named[name] = value
    return named


def plan_of(owner: Any) -> Plan:
    """
    The plan of *owner*, made from the list or the plan that its ``get_parts()`` returns.

    Raises:
        PlanError: the list is no list of parts. A note on the exception names the class.
    """
    try:
        parts = owner.get_parts()
        return parts if isinstance(parts, Plan) else Plan(parts)
    except PlanError as exc:
        kind = type(owner)
        exc.add_note(f"In {kind.__module__}.{kind.__qualname__}.get_parts().")
        raise


def check_name(name: Any) -> str:
    """
    Return *name* if it can be the name of a part.

    Names stand in comma-separated lists, in cursors and in logs: so no comma, no blank ends.

    Raises:
        PlanError: it cannot be a name. The message shows it.
    """
    if (
        isinstance(name, str)
        and name
        and name == name.strip()
        and name.isprintable()
        and "," not in name
        and len(name) <= MAX_NAME_LENGTH
    ):
        return name
    raise PlanError(
        f"{name!r} cannot be the name of a part; use a non-empty, printable str "
        f"of at most {MAX_NAME_LENGTH} characters, without commas or blanks at its ends."
    )


def is_lazy(value: Any) -> TypeGuard[Lazy]:
    """Whether *value* was made by :func:`lazy`; its type says so, without evaluating it."""
    return type(value) is Lazy


def is_inert(value: Any, depth: int = 50) -> bool:
    """
    Whether *value* is plain data, down to *depth*: nothing in it queries, computes or fails.

    The type decides, for ``isinstance()`` would evaluate a ``SimpleLazyObject``.
    """
    kind = type(value)
    if value is None or issubclass(kind, _INERT):
        return True
    for container, items_of in _CONTAINERS:
        if depth and issubclass(kind, container):
            return all(is_inert(item, depth - 1) for item in items_of(value))
    return False
