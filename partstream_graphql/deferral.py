"""
Work that ``@defer`` puts off: groups of fields, to be executed after the response.

The rules:

- A *fragment* is a ``@defer`` at a place of the response: at each item of a list there is another.
  It is announced to the client as pending, and sent when all its fields are there.
- A *group* is the fields of an object that have the same fragments (:mod:`.split`). It is executed
  once, and its data are put in their place in the merged response.
- A fragment is announced when the fragment around it has been sent, and its groups run from then
  on. So a fragment that is being sent has no fields of the fragments inside it yet.
- An error of a non-null field nulls what is around it, up to the group. Then all fragments of the
  group have failed, with the fragments inside them.
- A fragment below a place that was nulled is dropped, and never announced.
- No more than *most* fragments are pending at a time. ``@defer`` is ignored on further objects.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from copy import copy
from typing import Any, NamedTuple

from graphql import ExecutionResult, GraphQLObjectType

from partstream_graphql.split import Field, Fields, Split, Usage


class Fragment:
    """A ``@defer`` at *path*, inside the fragment *parent*."""

    def __init__(self, usage: Usage, path: Any, parent: Fragment | None) -> None:
        self.usage, self.path, self.parent = usage, path, parent
        self.id = ""
        #: How many of its groups have not ended; and the groups that have.
        self.left = 0
        self.groups: list[Group] = []
        self.errors: list[Any] = []
        self.is_announced = self.is_sent = self.is_failed = self.is_dropped = False

    @property
    def label(self) -> str | None:
        """The label in the document."""
        return self.usage.label

    @property
    def keys(self) -> list[str | int]:
        """The path in the response."""
        return keys_of(self.path)


class Group:
    """*fields* of the object *source*, executed later for *fragments*, when *needs* have ended."""

    def __init__(
        self,
        place: tuple[GraphQLObjectType, Any, Any],
        fields: Fields,
        fragments: list[Fragment],
        needs: Sequence[Any],
    ) -> None:
        self.type, self.source, self.path = place
        self.fields, self.fragments, self.needs = fields, fragments, needs
        #: What the parts cost of the pages that were resolved when it was executed.
        self.timings: list[Any] = []

    @property
    def keys(self) -> list[str | int]:
        """The path in the response."""
        return keys_of(self.path)

    @property
    def may_run(self) -> bool:
        """Whether a fragment that waits for it is announced, and its parts have ended."""
        is_announced = any(one.is_announced for one in self.fragments)
        return is_announced and all(run.outcome is not None for run in self.needs)

    def take_timings(self) -> list[Any]:
        """Take out what its parts cost, which is told once."""
        taken, self.timings = self.timings, []
        for run in self.needs:
            taken += () if run.timing is None else (run.timing,)
            run.timing = None
        return taken


class Sent(NamedTuple):
    """A fragment that is complete; its *data* are None if it failed. *errors* as JSON objects."""

    fragment: Fragment
    data: Any
    errors: list[Any]


class Step(NamedTuple):
    """The fragments that are pending from now on, and the complete fragments."""

    announced: list[Fragment]
    sent: list[Sent]


class Deferral:
    """The work that an execution has put off; *most* fragments are pending at a time."""

    def __init__(self, *, most: int) -> None:
        self.context: Any = None
        self.most = most
        #: The parts that pages have put off, by the identity of the page.
        self.promises: dict[int, Any] = {}
        #: Has attempts made: called with a promise, its attempts, and how many run together.
        self.attempt: Callable[[Any, list[Any], int], None] = _refuse
        self._pending = self._count = 0
        self._data: Any = None
        self._splits: dict[tuple[str | int, ...], Split] = {}
        self._by_usage: dict[tuple[Usage, int], Fragment] = {}
        self._fragments: list[Fragment] = []
        self._groups: list[Group] = []
        self._new: tuple[list[Fragment], list[Group]] = [], []

    @property
    def room(self) -> int:
        """How many more fragments may be pending."""
        return self.most - self._pending

    def reserve(self, count: int) -> None:
        """Keep room for *count* fragments of a page, whose parts are put off."""
        self._pending += count

    @property
    def is_complete(self) -> bool:
        """Whether nothing is pending."""
        return not self._fragments

    def put_off(self, type_: GraphQLObjectType, source: Any, path: Any, split: Split) -> Split:
        """Put off the fields of *source* that come later. Return the fields to execute now."""
        promise = self.promises.get(id(getattr(source, "_page", None)))
        if promise is None and len(split.usages) > self.room:
            split = split.inline
        if not split.is_shared:
            return split
        self._splits[tuple(keys_of(path))] = split
        for usage in split.usages:
            self._begin(usage, path)
        if promise is None:
            self._pending += len(split.usages)
        for owners, fields in split.later.items():
            needs = () if promise is None else promise.needs(source, fields)
            waiting = [self._find(usage, path) for usage in owners]
            self._new[1].append(Group((type_, source, path), fields, waiting, needs))
        return split

    def _begin(self, usage: Usage, path: Any) -> None:
        parent = None if usage.parent is None else self._find(usage.parent, path)
        fragment = self._by_usage[usage, id(path)] = Fragment(usage, path, parent)
        self._new[0].append(fragment)

    def _find(self, usage: Usage, path: Any) -> Fragment:
        """The fragment of *usage* at *path* or above it."""
        while (found := self._by_usage.get((usage, id(path)))) is None:
            path = path.prev
        return found

    def start(self, data: Any) -> Step:
        """Begin with the *data* of the response. Return what is pending."""
        self._data = data
        self._adopt()
        return Step(self._announce(), [])

    def next_group(self, *, waits: bool = True) -> Group | None:
        """A group that can be executed now, or *waits* in vain; it must be :meth:`finished`."""
        for index, group in enumerate(self._groups):
            if group.may_run or not waits:
                return self._groups.pop(index)
        return None

    def run(self, group: Group) -> ExecutionResult | Awaitable[ExecutionResult]:
        """The result of *group*, or an awaitable of it."""
        context = copy(self.context)
        context.collected_errors = type(context.collected_errors)()
        result: Any = context.execute_group(group)
        return result  # type: ignore[no-any-return]

    def finished(self, group: Group, data: Any, errors: list[Any]) -> Step:
        """Take the *data* of *group*, None if it failed, with *errors* as JSON objects."""
        if data is not None:
            _at(self._data, group.keys).update(data)
        self._adopt()
        waiting = [one for one in group.fragments if not one.is_dropped]
        for fragment in waiting:
            fragment.groups.append(group)
            fragment.left -= 1
            fragment.is_failed = fragment.is_failed or data is None
        for fragment in waiting if data is None else waiting[:1]:
            fragment.errors += errors
        return self.completed()

    def completed(self) -> Step:
        """The complete fragments, and the fragments that become pending by that."""
        announced: list[Fragment] = []
        sent: list[Sent] = []
        while done := [one for one in self._fragments if one.is_announced and not one.left]:
            for fragment in done:
                fragment.is_sent = True
                self._fragments.remove(fragment)
                self._pending -= 1
                data = None if fragment.is_failed else self._data_of(fragment)
                sent.append(Sent(fragment, data, fragment.errors))
            announced += self._announce()
        return Step(announced, sent)

    def _adopt(self) -> None:
        """Take what an execution has put off, unless its place was nulled."""
        fragments, groups = self._new
        self._new = [], []
        for fragment in fragments:
            self._fragments.append(fragment)
            if self._is_gone(fragment.path) or (fragment.parent and fragment.parent.is_dropped):
                self._drop(fragment)
        for group in groups:
            group.fragments = [one for one in group.fragments if not one.is_dropped]
            if group.fragments and not self._is_gone(group.path):
                self._groups.append(group)
                for fragment in group.fragments:
                    fragment.left += 1

    def _announce(self) -> list[Fragment]:
        """Announce fragments that nothing holds back; drop fragments inside a failed fragment."""
        announced = []
        for fragment in list(self._fragments):
            parent = fragment.parent
            if parent is not None and (parent.is_dropped or parent.is_failed):
                self._drop(fragment)
            elif not fragment.is_announced and (parent is None or parent.is_sent):
                fragment.is_announced, fragment.id = True, str(self._count)
                self._count += 1
                announced.append(fragment)
        return announced

    def _drop(self, fragment: Fragment) -> None:
        fragment.is_dropped = True
        self._fragments.remove(fragment)
        self._pending -= 1
        for group in list(self._groups):
            group.fragments = [one for one in group.fragments if one is not fragment]
            if not group.fragments:
                self._groups.remove(group)

    def _is_gone(self, path: Any) -> bool:
        return not isinstance(_at(self._data, keys_of(path)), dict)

    def _data_of(self, fragment: Fragment) -> Any:
        keys = fragment.keys
        return self._share(fragment.usage, tuple(keys), _at(self._data, keys))

    def _share(self, usage: Usage, place: tuple[str | int, ...], value: Any) -> Any:
        """The share of *usage* in the *value* at *place*."""
        if isinstance(value, list):
            return [self._share(usage, (*place, key), item) for key, item in enumerate(value)]
        split = self._splits.get(place)
        if split is None or not isinstance(value, dict):
            return value
        return {
            key: self._share(usage, (*place, key), value[key])
            for key, field in split.every.items()
            if usage in field.usages and key in value
        }


def _refuse(promise: Any, attempts: list[Any], concurrency: int) -> None:
    raise RuntimeError("Nothing attempts the parts that were put off.")


def keys_of(path: Any) -> list[str | int]:
    """The keys of a graphql-core *path*; none for the root."""
    return [] if path is None else path.as_list()


def _at(data: Any, keys: Iterable[str | int]) -> Any:
    """The value at *keys* in *data*; None if there is nothing."""
    for key in keys:
        if isinstance(data, dict):
            data = data.get(key)
        elif isinstance(data, list) and isinstance(key, int):
            data = data[key]
        else:
            return None
    return data


def deferral_of(field_nodes: Any) -> tuple[Deferral, Field] | None:
    """The deferral of the execution that resolves the field of *field_nodes*, if it has one."""
    if type(field_nodes) is not Field:
        return None
    return field_nodes.splitter.deferral, field_nodes
