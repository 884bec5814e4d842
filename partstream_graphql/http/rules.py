"""Validation rules of this library, checked before any part runs: limits, and ``@defer``."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from graphene.validation import DisableIntrospection
from graphql import ASTValidationRule, DocumentNode, GraphQLError, ValidationRule

from partstream_graphql._graphql_core import abort_validation
from partstream_graphql.http.counting import count_document
from partstream_graphql.http.introspection import Introspection
from partstream_graphql.http.labels import ProgressiveDeferRule
from partstream_graphql.http.limits import limits
from partstream_graphql.http.merging import Merging


class SizeRule(ValidationRule):
    """Refuses a document that is too large or too deep, or asks too much of connections."""

    def enter_document(self, node: DocumentNode, *_: Any) -> None:
        """Count before any other rule goes deeper. A limit that is passed ends the validation."""
        try:
            self._count(Merging(self.context.schema, node))
        except GraphQLError as exc:
            abort_validation(self, exc)

    def _count(self, merging: Merging) -> None:
        count_document(merging, limits())


class ProgressiveLimitsRule(SizeRule):
    """
    Refuses a document that is too large, or asks too much of connections or of the schema.

    ``extensions.code`` is ``QUERY_TOO_DEEP``, ``TOO_MANY_CONNECTIONS``, ``TOO_MANY_RUNS`` (of a
    part, with different arguments), ``TOO_MANY_PARTS``, or ``TOO_MANY_FIELDS``: fragments written
    out have more fields than there may be tokens, or far more arguments, a field is repeated too
    often, or the schema is selected so that its lists multiply. ``@skip`` and ``@include`` are not
    looked at, and a connection below a list counts once.

    On graphene-django's own view: ``validation_rules=[*specified_rules, ProgressiveLimitsRule]``.
    """

    def _count(self, merging: Merging) -> None:
        super()._count(merging)
        for operation in merging.operations:
            Introspection().add_operation(merging, merging.root_of(operation))


def with_limits(rules: Iterable[type[ASTValidationRule]]) -> tuple[type[ASTValidationRule], ...]:
    """
    *rules* behind the rule for the limits, and before the rule for ``@defer``.

    Introspection has no limits where it is turned off.
    """
    return _with_limits(tuple(rules))


@lru_cache(maxsize=16)
def _with_limits(rules: tuple[type[ASTValidationRule], ...]) -> tuple[type[ASTValidationRule], ...]:
    is_off = any(issubclass(rule, DisableIntrospection) for rule in rules)
    sized = SizeRule if is_off else ProgressiveLimitsRule
    own = () if ProgressiveDeferRule in rules else (ProgressiveDeferRule,)
    return (sized, *rules, *own)
