"""
The private and undocumented APIs of graphql-core, each behind a function of ours.

Every function works with graphql-core 3.2.12, 3.2.14 and 3.3.2, the versions that were read. A
test in ``tests/graphql/test_graphql_core_adapter.py`` checks each upstream fact.

====================== ========================================== ===============================
function               upstream fact                              without it
====================== ========================================== ===============================
``arguments_of``       ``execution.values.get_argument_values``   the arguments of parts are lost
                       takes ``info.variable_values`` as it is
``argument_nodes``     an absent list of nodes is ``()`` in 3.2,  limits fail on such a field
                       None in 3.3
``info_for``           ``GraphQLResolveInfo`` is a named tuple    no resolver of a part runs
``output_of``          execution calls ``serialize`` in 3.2,      a bad value costs the page, not
                       ``coerce_output_value`` in 3.3             its part
``was_cut_off``        the words of the syntax error of           too many tokens are told as a
                       ``parse(max_tokens=)``                     syntax error
``tokens_of``          ``token_count`` of a parsed document        a batch has no limit of tokens
``count_nodes``        ``Node.keys``: the names of the nodes in   arguments of shared fragments
                       a node                                     have no limit
``abort_validation``   ``validate()`` ends when a rule raises     the other rules run on a query
                       ``ValidationAbortedError``; its error is   that asks too much
                       told since 3.2.14, before it is dropped
``is_included``,       steps in which 3.2 collects fields         ``@skip`` or a type condition is
``fragment_applies``                                              ignored beside ``@defer``
``directive_of``       ``get_directive_values()``                 variables of ``@defer`` are lost
``key_of``             the response key of a field                fields are merged wrongly
``Context``            ``execute_operation()``,                   nothing is deferred, or a fragment
                       ``collect_subfields()`` and                has the errors of another
                       ``execute_fields()`` of an execution,
                       which can be copied, with
                       ``collected_errors`` of its own
``is_from_completion`` the name of the frame ``complete_value``,  values leak into messages, or
                       and of the package                         messages of resolvers are lost
``is_executing``       the name of the package ``execution``,     a field below a part computes
                       whose frames call resolvers                what only a part waits for
====================== ========================================== ===============================
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

import graphql
from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    GraphQLDirective,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLSyntaxError,
    Node,
    ValidationRule,
)
from graphql.execution import collect_fields
from graphql.execution.values import get_argument_values, get_directive_values
from graphql.validation.validate import ValidationAbortedError

#: Modules whose frames are execution itself, not resolvers.
_PACKAGES = ("graphql", "graphene")

#: As ``Any``, for mypy knows a single version.
_aborted: Any = ValidationAbortedError
_collecting: Any = collect_fields
_IS_3_2 = hasattr(_collecting, "collect_sub_fields")

#: The class of executions, for a class that defers; with graphql-core 3.3 nothing is deferred.
Context: Any = getattr(graphql, "ExecutionContext", object)
CAN_DEFER = _IS_3_2


def arguments_of(field: GraphQLField, node: FieldNode, info: GraphQLResolveInfo) -> dict[str, Any]:
    """
    The arguments that *node* gives *field*, by their Python names.

    Raises:
        GraphQLError: an argument is missing, or is not of its type.
    """
    return get_argument_values(field, node, info.variable_values)


def argument_nodes(node: FieldNode) -> Sequence[ArgumentNode]:
    """The arguments of *node* as they are written; empty without any."""
    return node.arguments or ()


def info_for(
    info: GraphQLResolveInfo,
    parent: GraphQLObjectType,
    field_name: str,
    key: str | int,
    nodes: list[FieldNode],
) -> GraphQLResolveInfo:
    """*info* as the resolver of a field below it gets it; *key* is the field's response key."""
    return info._replace(
        field_name=field_name,
        field_nodes=nodes,
        return_type=parent.fields[field_name].type,
        parent_type=parent,
        path=info.path.add_key(key, parent.name),
    )


def output_of(type_: Any, value: Any) -> Any:
    """
    The JSON value of *value*, as a scalar or an enum (*type_*) has it in a response.

    Raises:
        Exception: *value* is not of the type.
    """
    coerce = type_.serialize if _IS_3_2 else type_.coerce_output_value
    return coerce(value)


def is_included(node: Node, variables: Any) -> bool:
    """Whether ``@skip`` and ``@include`` leave *node* in its selection."""
    return bool(_collecting.should_include_node(variables, node))


def fragment_applies(schema: GraphQLSchema, fragment: Node, type_: GraphQLObjectType) -> bool:
    """Whether *fragment*, named or inline, has fields of an object of *type_*."""
    return bool(_collecting.does_fragment_condition_match(schema, fragment, type_))


def key_of(node: FieldNode) -> str:
    """The response key of *node*."""
    return (node.alias or node.name).value


def directive_of(directive: GraphQLDirective, node: Any, variables: Any) -> dict[str, Any] | None:
    """The arguments that *node* gives *directive*; None if it has no such directive."""
    return get_directive_values(directive, node, variables)


def was_cut_off(exc: GraphQLSyntaxError, limit: int) -> bool:
    """Whether ``parse()`` stopped at *limit* tokens; *exc* is no mistake in the text then."""
    return f"more than {limit} tokens" in exc.message


def tokens_of(document: DocumentNode) -> int:
    """The number of tokens of *document*, as it was parsed."""
    return document.token_count


def count_nodes(nodes: Sequence[Node]) -> int:
    """The number of *nodes* and of the nodes in them. Each is a token of its text or more."""
    count, left = 0, [*nodes]
    while left:
        node = left.pop()
        count += 1
        for key in node.keys:
            inside = getattr(node, key)
            if isinstance(inside, Node):
                left.append(inside)
            elif isinstance(inside, (list, tuple)):
                left.extend(inside)
    return count


def abort_validation(rule: ValidationRule, error: GraphQLError) -> NoReturn:
    """End the validation that *rule* takes part in, with *error*: no other rule goes on."""
    if issubclass(_aborted, GraphQLError):
        raise _aborted(error.message, extensions=error.extensions)
    rule.report_error(error)
    raise _aborted


def is_from_completion(error: GraphQLError) -> bool:
    """
    Whether execution itself raised *error*, because a value is not of the type of its field.

    False for an error of a resolver: raised in its code, or returned by it, which makes
    graphql-core raise it in ``complete_value``.
    """
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None or traceback.tb_frame.f_code.co_name == "complete_value":
        return False
    module = traceback.tb_frame.f_globals.get("__name__", "")
    return module.partition(".")[0] in _PACKAGES


def is_executing() -> bool:
    """
    Whether this code runs inside the execution of an operation, sync or async.

    Code in a thread or task that a resolver has begun does not count. It looks at the whole call
    stack, so it is for rare cases.
    """
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("graphql.execution."):
            return True
        frame = frame.f_back
    return False
