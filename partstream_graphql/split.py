"""
Selections split by ``@defer``: the fields of an object that are executed now, and later.

A field that is selected inside and outside of ``@defer`` is executed once, outside. A field that
several ``@defer`` select is executed once, for all of them. That is how the incremental delivery
proposal has it ("Defer usages", "BuildExecutionPlan"). The words:

- A *usage* is a ``@defer`` in a selection. It may stand inside of another usage, its parent.
- A :class:`Field` is the nodes of a response key, each with the usage that it stands in. It is
  executed for the outermost of these usages, its *owners*; for none, if a node stands in none.
- A :class:`Split` is the fields of an object. Fields with the owners of the object itself are
  executed with it, *now*. The others are executed later, with fields of the same owners.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    SelectionSetNode,
)

from partstream_graphql._graphql_core import directive_of, fragment_applies, is_included, key_of
from partstream_graphql.directives import DEFER


class Usage:
    """A ``@defer`` in a selection, with its *label*; *parent* is the usage around it."""

    __slots__ = ("label", "parent")

    def __init__(self, label: str | None, parent: Usage | None) -> None:
        self.label, self.parent = label, parent

    def is_inside(self, usages: Iterable[Usage]) -> bool:
        """Whether one of *usages* is around this usage."""
        around = self.parent
        while around is not None:
            if around in usages:
                return True
            around = around.parent
        return False


Owners: TypeAlias = frozenset[Usage]

_NO_OWNERS: Owners = frozenset()


class Field(list[FieldNode]):
    """
    The nodes of a response key. *usages* has the usage of each node, or None.

    It takes the place of graphql-core's own list of nodes, and leads a resolver to the *splitter*.
    """

    __slots__ = ("owners", "splitter", "usages")

    def __init__(self, splitter: Splitter) -> None:
        super().__init__()
        self.splitter = splitter
        self.usages: list[Usage | None] = []
        self.owners: Owners = _NO_OWNERS

    def add(self, node: FieldNode, usage: Usage | None) -> None:
        """Add *node*, which stands in *usage*."""
        self.append(node)
        self.usages.append(usage)

    @property
    def name(self) -> str:
        """The name of the field in the schema."""
        return self[0].name.value

    def settle(self) -> None:
        """Find the owners, once all nodes are here."""
        found = {usage for usage in self.usages if usage is not None}
        if None not in self.usages:
            self.owners = frozenset(usage for usage in found if not usage.is_inside(found))


Fields: TypeAlias = Mapping[str, Field]


class Split(dict[str, Field]):
    """
    The fields of an object by response key that are executed now.

    *later* has the others by their owners, and *every* has all. *usages* are the ``@defer`` that
    stand on this object. With *is_shared* a fragment that is sent later has a share of the object.
    """

    def __init__(self, every: Fields, usages: list[Usage], owners: Owners) -> None:
        super().__init__()
        self.every, self.usages = every, usages
        self.later: dict[Owners, dict[str, Field]] = {}
        for key, field in every.items():
            field.settle()
            fields = self if field.owners == owners else self.later.setdefault(field.owners, {})
            fields[key] = field
        self.is_shared = bool(usages or self.later) or any(
            len(set(field.usages)) > 1 for field in self.values()
        )
        #: The same fields with nothing deferred on this object.
        self.inline = self


class Splitter:
    """
    Splits the selections of an operation; *most* usages on an object are deferred.

    A split is made once for a type and a field, so that the items of a list share it.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, Any],
        variables: Any,
        selections: SelectionSetNode,
        *,
        most: int,
        deferral: Any,
    ) -> None:
        #: The deferral that the fields lead to.
        self.deferral = deferral
        self.schema, self._fragments, self._variables = schema, fragments, variables
        self._selections, self._most = selections, most
        self._directive: Any = schema.get_directive(DEFER)
        self._known: dict[tuple[Any, int], Split] = {}

    def split(self, type_: GraphQLObjectType, field: Field | None) -> Split:
        """The fields of the object of *type_* that is a value of *field*; None for the root."""
        known = type_, id(field)
        split = self._known.get(known)
        if split is None:
            split = self._known[known] = self._make(type_, field, self._most)
            if split.usages:
                split.inline = self._make(type_, field, 0)
        return split

    def _make(self, type_: GraphQLObjectType, field: Field | None, most: int) -> Split:
        collecting = _Collecting(self, type_, most)
        if field is None:
            collecting.add(self._selections, None)
        else:
            for node, usage in zip(field, field.usages, strict=True):
                if node.selection_set is not None:
                    collecting.add(node.selection_set, usage)
        owners = _NO_OWNERS if field is None else field.owners
        return Split(collecting.fields, collecting.usages, owners)

    def _includes(self, node: Any) -> bool:
        return is_included(node, self._variables)

    def _fragment_of(self, node: Any, type_: GraphQLObjectType) -> Any:
        """The fragment that *node* is or spreads; None if it does not apply to *type_*."""
        if isinstance(node, FragmentSpreadNode):
            node = self._fragments.get(node.name.value)
        applies = node is not None and fragment_applies(self.schema, node, type_)
        return node if applies else None

    def _usage_of(self, node: Any, parent: Usage | None) -> Usage | None:
        """The usage that begins at *node*; None if it has no active ``@defer``."""
        values = directive_of(self._directive, node, self._variables) if node.directives else None
        if values is None or values.get("if") is False:
            return None
        return Usage(values.get("label"), parent)


class _Collecting:
    """The fields of an object, collected with their usages (specification, section 6.3.2)."""

    def __init__(self, splitter: Splitter, type_: GraphQLObjectType, most: int) -> None:
        self._splitter, self._type, self._most = splitter, type_, most
        self._spread: set[tuple[str, Usage | None]] = set()
        self.fields: dict[str, Field] = {}
        self.usages: list[Usage] = []

    def add(self, selections: SelectionSetNode, usage: Usage | None) -> None:
        """Add *selections*, which stand in *usage*."""
        splitter = self._splitter
        for node in selections.selections:
            if not splitter._includes(node):
                continue
            if isinstance(node, FieldNode):
                key = key_of(node)
                field = self.fields.get(key)
                if field is None:
                    field = self.fields[key] = Field(splitter)
                field.add(node, usage)
                continue
            begun = splitter._usage_of(node, usage) if len(self.usages) < self._most else None
            if begun is None and self._was_spread(node, usage):
                continue
            fragment = splitter._fragment_of(node, self._type)
            if fragment is None:
                continue
            if begun is not None:
                self.usages.append(begun)
            self.add(fragment.selection_set, begun or usage)

    def _was_spread(self, node: Any, usage: Usage | None) -> bool:
        """Whether the fragment that *node* spreads is in *usage* already. It is from now on."""
        if not isinstance(node, FragmentSpreadNode):
            return False
        spread = node.name.value, usage
        if spread in self._spread:
            return True
        self._spread.add(spread)
        return False
