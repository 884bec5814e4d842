"""
The rules for ``@defer`` in a document: its labels, and the fields that it may not put off.

They are those of the incremental delivery working group (GraphQL specification, proposal
"Defer and stream", sections 5.7.4 to 5.7.6).
"""

from __future__ import annotations

from typing import Any

from graphql import (
    DirectiveNode,
    GraphQLError,
    StringValueNode,
    ValidationRule,
    VariableNode,
)

from partstream_graphql.directives import DEFER


class ProgressiveDeferRule(ValidationRule):
    """
    Refuses a ``@defer`` that no client could follow.

    ``extensions.code`` is ``DEFER_LABEL_NOT_STATIC`` for a label that is a variable,
    ``DEFER_LABEL_NOT_UNIQUE`` for a label that another ``@defer`` of the document has, or
    ``DEFER_ON_ROOT_FIELD`` for a ``@defer`` among the fields of a mutation or subscription.

    ``ProgressiveGraphQLView`` has the rule. On graphene-django's own view, which ignores
    ``@defer``: ``validation_rules=[*specified_rules, ProgressiveDeferRule]``.
    """

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self._labels: dict[str, DirectiveNode] = {}

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        """Check a directive, if it is ``@defer``."""
        if node.name.value != DEFER:
            return
        schema, parent = self.context.schema, self.context.get_parent_type()
        if parent is not None and parent in (schema.mutation_type, schema.subscription_type):
            self._refuse(
                f"@defer cannot be used among the root fields of {parent.name}.",
                "DEFER_ON_ROOT_FIELD",
                node,
            )
        for argument in node.arguments or ():
            if argument.name.value == "label":
                self._check_label(node, argument.value)

    def _check_label(self, node: DirectiveNode, value: Any) -> None:
        if isinstance(value, VariableNode):
            message = "The label of @defer must be a string in the document, not a variable."
            self._refuse(message, "DEFER_LABEL_NOT_STATIC", node)
        if not isinstance(value, StringValueNode):
            return
        first = self._labels.setdefault(value.value, node)
        if first is not node:
            message = "Two @defer have the same label. A label is unique in its document."
            self._refuse(message, "DEFER_LABEL_NOT_UNIQUE", first, node)

    def _refuse(self, message: str, code: str, *nodes: DirectiveNode) -> None:
        self.report_error(GraphQLError(message, list(nodes), extensions={"code": code}))
