"""
The fields of a document as execution merges them: by response key, with fragments written out.

So neither aliases nor fragments hide anything from a limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    OperationDefinitionNode,
    SchemaMetaFieldDef,
    SelectionSetNode,
    TypeMetaFieldDef,
)

from partstream_graphql._graphql_core import count_nodes

#: A selection set and the type that it selects on; a field and the type that it is a field of.
Set: TypeAlias = tuple[Any, SelectionSetNode]
Field: TypeAlias = tuple[Any, FieldNode]

#: The fields of the query type through which a client reads the schema itself.
META_FIELDS = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}


class Merging:
    """
    The merged fields of *document* in *schema*.

    *followed* counts the fragments that were written out, named or inline. *unused* holds the
    names of the fragments that were not: standard rules look at them, too.
    """

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self.schema = schema
        definitions = document.definitions
        self.operations = [one for one in definitions if isinstance(one, OperationDefinitionNode)]
        self.fragments = {
            one.name.value: one for one in definitions if isinstance(one, FragmentDefinitionNode)
        }
        self.unused = dict.fromkeys(self.fragments)
        self.followed = 0
        self._sizes: dict[int, int] = {}

    def root_of(self, operation: OperationDefinitionNode) -> Set:
        """The selection set of *operation*."""
        return self.schema.get_root_type(operation.operation), operation.selection_set

    def contents_of(self, fragment: str) -> Set:
        """The selection set of the *fragment* of that name."""
        node = self.fragments[fragment]
        return self._type_of_fragment(node, None), node.selection_set

    def fields(self, sets: Sequence[Set]) -> Iterator[list[Field]]:
        """The fields of selection sets at a place, grouped by response key."""
        merged: dict[str, list[Field]] = {}
        spread: set[str] = set()
        left = list(reversed(sets))
        while left:
            parent, selections = left.pop()
            for node in selections.selections:
                if isinstance(node, FieldNode):
                    key = (node.alias or node.name).value
                    merged.setdefault(key, []).append((parent, node))
                    continue
                self.followed += 1
                fragment: Any = node
                if isinstance(node, FragmentSpreadNode):
                    name = node.name.value
                    if name in spread:
                        continue
                    spread.add(name)
                    self.unused.pop(name, None)
                    fragment = self.fragments.get(name)
                if fragment is not None:
                    left.append((self._type_of_fragment(fragment, parent), fragment.selection_set))
        yield from merged.values()

    def field_type(self, parent: Any, name: str) -> Any:
        """The type of the field *name* of *parent*, with its lists; None for an unknown field."""
        known = getattr(parent, "fields", {}).get(name)
        if known is None and parent is self.schema.query_type:
            known = META_FIELDS.get(name)
        return None if known is None else known.type

    def size_of(self, node: FieldNode) -> int:
        """The number of nodes that *node* consists of, its selection set apart."""
        size = self._sizes.get(id(node))
        if size is None:
            inside = [*(node.arguments or ()), *(node.directives or ())]
            size = self._sizes[id(node)] = 1 + count_nodes(inside)
        return size

    def _type_of_fragment(self, fragment: Any, parent: Any) -> Any:
        condition = fragment.type_condition
        return self.schema.get_type(condition.name.value) if condition else parent
