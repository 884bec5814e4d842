"""
How much one operation may ask for, refused before any part runs.

Length and tokens are counted as the text is parsed, the rest by a validation rule: as execution
would, it merges the fields of one response key and follows fragments, so neither aliases nor
fragments hide anything. Each limit is a key of ``PARTSTREAM``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationRule,
    get_named_type,
    parse,
    print_ast,
)
from graphql.validation.validate import ValidationAbortedError

from django_partstream.conf import setting
from partstream_graphql.connection import ProgressiveConnection
from partstream_graphql.schemas import spelling_of

#: What was let pass under other settings is looked at anew.
COUNTED = (
    "MAX_QUERY_LENGTH",
    "MAX_QUERY_TOKENS",
    "MAX_QUERY_DEPTH",
    "MAX_QUERY_CONNECTIONS",
    "MAX_QUERY_RUNS",
    "MAX_QUERY_PARTS",
)

#: How many pairs of fields with one response key there may be, for each token that there may be.
PAIRS = 10


def limits() -> tuple[Any, ...]:
    """The limits in force."""
    return tuple(map(setting, COUNTED))


def parse_within_limits(text: Any) -> DocumentNode:
    """
    Parse *text*.

    Raises:
        GraphQLSyntaxError: as ``graphql.parse()``.
        GraphQLError: ``QUERY_TOO_LONG`` (characters), ``TOO_MANY_TOKENS`` (comments are some, too).
    """
    longest, most = setting("MAX_QUERY_LENGTH"), setting("MAX_QUERY_TOKENS")
    if isinstance(text, str) and len(text) > longest:
        raise _refusal(GraphQLError, "QUERY_TOO_LONG", "characters", longest)
    try:
        return parse(text, max_tokens=most)
    except GraphQLSyntaxError as exc:
        if f"more than {most} tokens" in exc.message:
            raise _refusal(GraphQLError, "TOO_MANY_TOKENS", "tokens", most) from None
        raise


class ProgressiveLimitsRule(ValidationRule):
    """
    Refuses an operation that is too deep, or asks too much of progressive connections.

    ``QUERY_TOO_DEEP``, ``TOO_MANY_FIELDS`` (fragments written out, as many as tokens may be; or one
    field again and again),
    ``TOO_MANY_CONNECTIONS``, ``TOO_MANY_RUNS`` (of one part, with different arguments) and
    ``TOO_MANY_PARTS``, as ``extensions.code``. ``@skip`` and ``@include`` are not looked at, and
    a connection below a list counts once.

    On graphene-django's own view: ``validation_rules=[*specified_rules, ProgressiveLimitsRule]``.
    """

    def enter_document(self, node: DocumentNode, *_: Any) -> None:
        """Count before any other rule goes deeper; where it is too much, none does."""
        for definition in node.definitions:
            if isinstance(definition, OperationDefinitionNode):
                self._check(definition)

    def _check(self, operation: OperationDefinitionNode) -> None:
        _, tokens, deepest, connections, runs, parts = limits()
        root = self.context.schema.get_root_type(operation.operation)
        counted = pairs = 0
        asked: list[_Asked] = []
        levels = [_Level([(root, operation.selection_set)])]
        while levels:
            level = levels.pop()
            self._at_most(deepest, level.depth, "QUERY_TOO_DEEP", "levels")
            for nodes in self._merged(level.sets):
                counted += len(nodes)
                pairs += len(nodes) ** 2  # which the rule that fields can be merged compares
                self._at_most(tokens, counted, "TOO_MANY_FIELDS", "fields")
                self._at_most(PAIRS * tokens, pairs, "TOO_MANY_FIELDS", "pairs of equal fields")
                below = _below(level, nodes)
                if below.asked is not None and below.asked is not level.asked:
                    asked.append(below.asked)
                    self._at_most(
                        connections, len(asked), "TOO_MANY_CONNECTIONS", "progressive connections"
                    )
                if below.sets:
                    levels.append(below)
        for one in asked:
            for name, ways in one.parts.items():
                what = f"runs of {name!r} with different arguments"
                self._at_most(runs, len(ways), "TOO_MANY_RUNS", what)
        total = sum(len(ways) for one in asked for ways in one.parts.values())
        self._at_most(parts, total, "TOO_MANY_PARTS", "parts of progressive connections")

    def _at_most(self, limit: int, count: int, code: str, what: str) -> None:
        if count > limit:
            raise _refusal(ValidationAbortedError, code, what, limit)

    def _merged(self, sets: Sequence[_Set]) -> Iterator[list[tuple[Any, FieldNode]]]:
        """The fields of selection sets by response key, each with the type it is selected on."""
        merged: dict[str, list[tuple[Any, FieldNode]]] = {}
        spread: set[str] = set()
        left = list(reversed(sets))
        while left:
            parent, selections = left.pop()
            for node in selections.selections:
                if isinstance(node, FieldNode):
                    key = (node.alias or node.name).value
                    merged.setdefault(key, []).append((parent, node))
                    continue
                fragment: Any = node
                if isinstance(node, FragmentSpreadNode):
                    name = node.name.value
                    if name in spread:
                        continue
                    spread.add(name)
                    fragment = self.context.get_fragment(name)
                if fragment is not None:
                    left.append((self._on(fragment, parent), fragment.selection_set))
        yield from merged.values()

    def _on(self, fragment: Any, parent: Any) -> Any:
        condition = fragment.type_condition
        return self.context.schema.get_type(condition.name.value) if condition else parent


_Set = tuple[Any, SelectionSetNode]


@dataclass(slots=True)
class _Asked:
    """What is asked of one connection: its parts, each with the different arguments of its runs."""

    names: frozenset[str]
    parts: dict[str, set[str]] = field(default_factory=dict)


@dataclass(slots=True)
class _Level:
    """Selection sets at one place of the response; *asked* where that is a connection or a node."""

    sets: list[_Set]
    depth: int = 1
    asked: _Asked | None = None
    inside: tuple[str, ...] = ()


def _below(level: _Level, nodes: list[tuple[Any, FieldNode]]) -> _Level:
    """The level below one field, which may begin a connection, lead to its nodes or be a part."""
    below = _Level([], level.depth + 1)
    for parent, node in nodes:
        name = node.name.value
        type_ = _type_of(parent, name)
        if node.selection_set is not None and type_ is not None:
            below.sets.append((type_, node.selection_set))
        if level.asked is not None:
            if name in level.asked.names and level.inside in ((), ("edges", "node")):
                arguments = sorted(print_ast(argument) for argument in node.arguments)
                level.asked.parts.setdefault(name, set()).add(", ".join(arguments))
            elif (*level.inside, name) in (("edges",), ("edges", "node")):
                below.asked, below.inside = level.asked, (*level.inside, name)
        if below.asked is None and (names := _parts_of(type_)) is not None:
            below.asked = _Asked(names)
    return below


def _type_of(parent: Any, name: str) -> GraphQLNamedType | None:
    known = getattr(parent, "fields", {}).get(name)
    return None if known is None else get_named_type(known.type)


def _parts_of(type_: Any) -> frozenset[str] | None:
    """The GraphQL names of the parts, where *type_* is a progressive connection."""
    declared = getattr(type_, "graphene_type", None)
    if isinstance(declared, type) and issubclass(declared, ProgressiveConnection):
        return frozenset(spelling_of(declared, type_).parts)
    return None


def _refusal(kind: type[GraphQLError], code: str, what: str, limit: int) -> GraphQLError:
    return kind(f"The query has more than {limit} {what}.", extensions={"code": code})
