"""An operation that a request asks for: parsed, validated, and run in its transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from graphene_django.settings import graphene_settings
from graphql import (
    ASTValidationRule,
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
    validate,
    validate_schema,
)

from django_partstream.delivery import loops
from partstream_graphql._graphene import mutation_failed
from partstream_graphql._graphql_core import tokens_of
from partstream_graphql._sub_fields import remember_sub_fields
from partstream_graphql.fields import awaited
from partstream_graphql.http.counting import Demand, Size, count_operation
from partstream_graphql.http.documents import documents_of
from partstream_graphql.http.introspection import Introspection
from partstream_graphql.http.limits import (
    Limits,
    limits,
    parse_within_limits,
    refuse_above,
    refuse_long,
    too_deep,
)
from partstream_graphql.http.merging import Merging


@dataclass(frozen=True, slots=True)
class Key:
    """A text, and everything that decides whether it is valid in its schema."""

    text: str
    rules: tuple[type[ASTValidationRule], ...]
    limits: Limits
    max_errors: int


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed text; *is_valid* if it was found valid in an earlier request."""

    key: Key
    node: DocumentNode
    is_valid: bool

    def validate(self, schema: GraphQLSchema) -> list[GraphQLError]:
        """The errors of the document in *schema*. Without errors it is remembered."""
        if self.is_valid:
            return []
        key, node = self.key, self.node
        try:
            errors = validate_schema(schema) or validate(schema, node, key.rules, key.max_errors)
        except RecursionError:
            return [too_deep()]
        if not errors:
            remember_sub_fields(node, key.text)
            documents_of(schema).put(key, node, len(key.text))
        return errors


@dataclass(slots=True)
class Asked:
    """
    An operation that a request asks for: its *text*, named *digest*, and its *name* in it.

    A *refusal* says that there is no text for it to run, or too much in its batch. A *mistake*
    says why the text has no *document*.
    """

    digest: str | None
    text: str
    name: str | None
    refusal: GraphQLError | None = None
    document: Document | None = None
    mistake: Exception | None = None

    def parse(self, schema: GraphQLSchema, rules: tuple[type[ASTValidationRule], ...]) -> None:
        """Parse the text, or take the document that was valid by the same *rules*."""
        if not self.text:
            return
        key = Key(self.text, rules, limits(), graphene_settings.MAX_VALIDATION_ERRORS)
        known = documents_of(schema).get(key)
        try:
            node = known or parse_within_limits(self.text)
        except Exception as exc:  # noqa: BLE001 - graphene-django answers every exception here
            self.mistake = exc
        else:
            self.document = Document(key, node, is_valid=known is not None)

    @property
    def operation(self) -> OperationDefinitionNode | None:
        """The operation itself; None if the document has no such operation."""
        return get_operation_ast(self.document.node, self.name) if self.document else None


def may_run(request: Any, operation: OperationDefinitionNode) -> bool:
    """Whether *operation* may be run: a GET only reads (RFC 9110, section 9.2.1)."""
    return request.method != "GET" or operation.operation is OperationType.QUERY


def run_operation(
    operation: OperationDefinitionNode | None,
    request: Any,
    execute: Callable[[], Any],
    loop: loops.one_loop | None = None,
) -> ExecutionResult:
    """
    The result of *execute*, awaited if it is awaitable, in the event loop of its pages.

    *loop* is that loop, if the operation goes on later.

    A mutation runs in a transaction, if graphene-django is set to do so, and fails with it.
    """
    atomic = _is_atomic(operation)
    with loop or loops.one_loop(), transaction.atomic() if atomic else nullcontext():
        result = execute()
        if isawaitable(result):
            result = loops.run(awaited, result)
        if atomic and mutation_failed(request):
            transaction.set_rollback(True)
    return result  # type: ignore[no-any-return]


def _is_atomic(operation: OperationDefinitionNode | None) -> bool:
    if operation is None or operation.operation is not OperationType.MUTATION:
        return False
    database = connections[DEFAULT_DB_ALIAS].settings_dict
    return (
        graphene_settings.ATOMIC_MUTATIONS is True
        or database.get("ATOMIC_MUTATIONS", False) is True
    )


def parse_batch(
    operations: Collection[Asked], schema: GraphQLSchema, rules: tuple[type[ASTValidationRule], ...]
) -> None:
    """Parse the *operations* of a batch. If they pass a limit together, all are refused."""
    try:
        refuse_long(sum(len(asked.text) for asked in operations))
        budget = BatchBudget(schema, limits())
        for asked in operations:
            asked.parse(schema, rules)
            budget.add(asked)
    except GraphQLError as exc:
        for asked in operations:
            asked.refusal = exc


class BatchBudget:
    """The limits of an operation, for all operations of a batch together."""

    def __init__(self, schema: GraphQLSchema, most: Limits) -> None:
        self._schema, self._most = schema, most
        self._size, self._demand, self._introspection = Size(most), Demand(most), Introspection()
        self._tokens = 0

    def add(self, asked: Asked) -> None:
        """
        Add an operation, if it was parsed.

        Raises:
            GraphQLError: the batch passes a limit; its code says which.
        """
        if asked.document is None:
            return
        node, most = asked.document.node, self._most
        self._tokens += tokens_of(node)
        refuse_above(most.tokens, self._tokens, "tokens", "TOO_MANY_TOKENS")
        merging, chosen = Merging(self._schema, node), asked.operation
        for operation in merging.operations:
            demand = self._demand if operation is chosen else Demand(most)
            count_operation(merging, operation, most, self._size, demand)
        if chosen is not None:
            self._introspection.add_operation(merging, merging.root_of(chosen))
