"""
The private and undocumented APIs of graphql-core that collect the sub-fields of a field.

A client pages with the same document. Without a directive its sub-fields are the same for each
page. So the sub-fields of a remembered document are collected once: by execution, or for the
selection of a connection, whichever comes first.

The functions work with graphql-core 3.2.12, 3.2.14 and 3.3.2, the versions that were read. With 3.3
nothing is remembered. ``tests/graphql/test_sub_fields.py`` checks each upstream fact.

======================= ========================================= ===============================
function                upstream fact                             without it
======================= ========================================= ===============================
``selected_fields``     ``execution.collect_fields``:             no part is found in a query
                        ``collect_sub_fields`` in 3.2,
                        ``collect_subfields`` in 3.3
``remember_sub_fields`` nodes take further attributes in 3.2,     a document is not executed
                        and directives begin with ``@``
``execute_document``    the keyword for a class of execution;     the view's option is lost, or
                        ``_subfields_cache`` of an execution in   sub-fields are collected again
                        3.2: by a type and the identities of      for each page, or too many are
                        nodes, the nodes of each response key;    kept
                        its end, ``build_response()``; 3.3 has
                        another function for a schema with
                        ``@defer``
======================= ========================================= ===============================
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import graphql
from graphql import (
    REMOVE,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    Visitor,
    execute,
    visit,
)
from graphql.execution import collect_fields
from graphql.pyutils import is_awaitable

from partstream_graphql.directives import DEFER

#: By response key, the nodes of a field.
Fields = dict[str, list[FieldNode]]


class _Known(dict[Any, Fields]):
    """
    Sub-fields by their place: a type and the identities of nodes.

    A caller may bring nodes that are not in the document. They are kept in *nodes*, so that no
    other node takes their identity. A copy is empty, since types of a schema cannot be pickled.
    """

    def __init__(self) -> None:
        super().__init__()
        self.nodes: list[FieldNode] = []

    def __reduce__(self) -> tuple[type[_Known], tuple[()]]:
        return _Known, ()


#: The attribute of an operation that holds its sub-fields.
_KNOWN = "partstream_sub_fields"

#: The places whose sub-fields are remembered for an operation. Fragments on several types of an
#: interface make more places than fields.
MOST = 1_000

#: As ``Any``, for mypy knows a single version.
_collecting: Any = collect_fields
_IS_3_2 = hasattr(_collecting, "collect_sub_fields")
_Context: Any = getattr(graphql, "ExecutionContext", object)
_incrementally: Any = getattr(graphql, "experimental_execute_incrementally", execute)


def selected_fields(
    info: GraphQLResolveInfo, parent: GraphQLObjectType, nodes: Sequence[FieldNode]
) -> Iterator[tuple[str, str, list[FieldNode]]]:
    """
    The fields that *nodes* select on *parent*: name, response key and nodes of each.

    Aliases, fragments, ``@skip`` and ``@include`` are resolved as in execution. A list of nodes
    may be shared by requests: it must not be changed.
    """
    known = _known_of(info.operation)
    place = (parent, *map(id, nodes))
    fields = known.get(place)
    if fields is None:
        fields = known[place] = _collect(info, parent, nodes)
        known.nodes.extend(nodes)
    for key, found in fields.items():
        yield found[0].name.value, key, found


def _collect_3_2(
    info: GraphQLResolveInfo, parent: GraphQLObjectType, nodes: Sequence[FieldNode]
) -> Fields:
    fields: Fields = _collecting.collect_sub_fields(
        info.schema, info.fragments, info.variable_values, parent, nodes
    )
    return fields


def _collect_3_3(
    info: GraphQLResolveInfo, parent: GraphQLObjectType, nodes: Sequence[FieldNode]
) -> Fields:
    collected = _collecting.collect_subfields(
        info.schema,
        {name: _collecting.FragmentDetails(node) for name, node in info.fragments.items()},
        info.variable_values,
        info.operation,
        parent,
        [_collecting.FieldDetails(node, None) for node in nodes],
    )
    return {
        key: [details.node for details in group]
        for key, group in collected.grouped_field_set.items()
    }


_collect = _collect_3_2 if _IS_3_2 else _collect_3_3


def remember_sub_fields(document: DocumentNode, text: str) -> None:
    """
    Have the sub-fields of *document* remembered, as long as it lives; *text* is its text.

    A document with directives is left out, since its fields may depend on variables.
    """
    if not _IS_3_2 or "@" in text:
        return
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            setattr(node, _KNOWN, _Known())


def _known_of(operation: OperationDefinitionNode) -> _Known:
    """The known sub-fields of *operation*, to add to; lost if its document is not remembered."""
    known: _Known | None = getattr(operation, _KNOWN, None)
    if known is None:
        return _Known()
    if len(known) > MOST:
        known = _Known()
        setattr(operation, _KNOWN, known)
    return known


class _Remembering(_Context):
    """Executes an operation with its known sub-fields, and adds to them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._subfields_cache = _known_of(self.operation)

    def build_response(self, *args: Any) -> Any:
        _known_of(self.operation)  # forgets too many places now, not on the next page
        return super().build_response(*args)


#: The types of most values in a response. No value of these types can be awaited.
_PLAIN = frozenset({type(None), bool, int, float, str, list, dict})


def _is_awaitable(value: Any) -> bool:
    return type(value) not in _PLAIN and is_awaitable(value)


def execute_document(
    schema: GraphQLSchema, document: DocumentNode, *, executor: Any = None, **options: Any
) -> Any:
    """
    ``graphql.execute()``: an ``ExecutionResult``, or an awaitable of it.

    *executor* is a subclass of ``ExecutionContext`` (3.2) or ``Executor`` (3.3), or None.
    """
    run = execute
    if not _IS_3_2 and schema.get_directive(DEFER):
        run, document = _incrementally, _without_defer(document)
    if executor:
        options["execution_context_class" if _IS_3_2 else "executor_class"] = executor
        return run(schema, document, **options)
    if _IS_3_2:
        options["execution_context_class"] = _Remembering
    return run(schema, document, is_awaitable=_is_awaitable, **options)


class _WithoutDefer(Visitor):
    def enter_directive(self, node: DirectiveNode, *_: Any) -> Any:
        """Leave out ``@defer``."""
        return REMOVE if node.name.value == DEFER else None


def _without_defer(document: DocumentNode) -> DocumentNode:
    """*document* with nothing deferred."""
    made: DocumentNode = visit(document, _WithoutDefer())
    return made
