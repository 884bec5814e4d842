"""
The view: graphene-django's own, with remembered documents, limits, and masked failures.

``execute_graphql_request`` types graphene-django's method again, with further steps between its
steps: find the text, parse it, choose the operation, validate the document, execute it (GraphQL
specification, sections 2, 5 and 6). A test compares the source of the original with the source
that was read.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from asgiref.sync import async_to_sync
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.http import HttpResponse, HttpResponseBadRequest, HttpResponseNotAllowed
from graphene_django.settings import graphene_settings
from graphene_django.views import GraphQLView, HttpError
from graphql import (
    ASTValidationRule,
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
    specified_rules,
    validate,
    validate_schema,
)

from partstream_graphql._graphene import mutation_failed
from partstream_graphql._graphql_core import execute_document
from partstream_graphql.fields import awaited, check_schema
from partstream_graphql.http.documents import documents_of
from partstream_graphql.http.limits import Limits, limits, parse_within_limits
from partstream_graphql.http.persisted import (
    NOT_FOUND,
    NotSupported,
    PersistedDocuments,
    digest_in,
)
from partstream_graphql.http.rules import ProgressiveLimitsRule
from partstream_graphql.masking import mask_below_connections


class ProgressiveGraphQLView(GraphQLView):
    """
    A drop-in for graphene-django's ``GraphQLView``, with the same options and responses.

    - A valid text is neither parsed nor validated again
      (:mod:`~partstream_graphql.http.documents`).
    - An operation that asks too much is refused (:mod:`~partstream_graphql.http.rules`).
    - A field below a part may fail after the part has ended. The text of its exception is logged
      and does not reach the client, unless ``DEBUG`` is on. ``format_error()``, graphene-django's
      own hook, finds the exception in ``original_error``.
    - Resolvers below a part may be ``async def``, as resolvers of parts may on any view.
    - *persisted*: documents that clients name by hash (:mod:`~partstream_graphql.http.persisted`).

    Raises:
        TypeError: a type of the schema has the name of a type of this library.
    """

    persisted: PersistedDocuments = NotSupported()

    _is_unknown_hash = False

    def __init__(
        self, *args: Any, persisted: PersistedDocuments | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.persisted = persisted or self.persisted
        check_schema(self.schema.graphql_schema)

    def get_response(self, request: Any, data: Any, show_graphiql: bool = False) -> Any:
        """
        The body and the status of the response, as graphene-django makes them.

        An unknown hash has the status 200: in Apollo's protocol it is no mistake of the client.
        """
        self._is_unknown_hash = False
        body, status = super().get_response(request, data, show_graphiql)
        return body, 200 if self._is_unknown_hash else status

    def execute_graphql_request(
        self,
        request: Any,
        data: Any,
        query: Any,
        variables: Any,
        operation_name: str | None,
        show_graphiql: bool = False,
    ) -> ExecutionResult | None:
        """
        Execute the operation of a request. Return None if GraphiQL is shown instead.

        Raises:
            HttpError: there is no query, or a GET asks for more than to read.
        """
        try:
            digest = digest_in(data, request.GET)
            text = self._find_text(digest, query)
        except GraphQLError as exc:
            self._is_unknown_hash = exc.message == NOT_FOUND
            return _failed([exc])
        if not text:
            if show_graphiql:
                return None
            raise HttpError(HttpResponseBadRequest("Must provide query string."))
        if errors := validate_schema(self.schema.graphql_schema):
            return _failed(errors)
        try:
            document = self._parse(text)
        except Exception as exc:  # noqa: BLE001 - graphene-django answers every exception here
            return _failed([exc])
        operation = get_operation_ast(document.node, operation_name)
        if operation is not None and not _may_run(request, operation):
            if show_graphiql:
                return None
            raise HttpError(_only_by_post(operation))
        if errors := self._validate(document):
            return _failed(errors)
        self.persisted.ran(digest, text)
        return self._execute(request, document.node, operation, variables, operation_name)

    def _find_text(self, digest: str | None, query: Any) -> Any:
        """
        The text to run; *query* itself if it is no text, for the parser to refuse.

        Raises:
            GraphQLError: *digest* is unknown, or the text must not be run.
        """
        if query and not isinstance(query, str):
            return query
        return self.persisted.text(digest, query)

    def _parse(self, text: Any) -> _Document:
        """
        The document of *text*, parsed now or remembered.

        Raises:
            GraphQLError: it is too long.
            Exception: it cannot be parsed.
        """
        rules = specified_rules if self.validation_rules is None else self.validation_rules
        key = _Key(
            text, (ProgressiveLimitsRule, *rules), limits(), graphene_settings.MAX_VALIDATION_ERRORS
        )
        known = None
        if isinstance(text, str):
            known = documents_of(self.schema.graphql_schema).get(key)
        return _Document(key, known or parse_within_limits(text), is_valid=known is not None)

    def _validate(self, document: _Document) -> list[GraphQLError]:
        """The errors of *document*. Without errors it is remembered."""
        if document.is_valid:
            return []
        schema, key = self.schema.graphql_schema, document.key
        errors = validate(schema, document.node, key.rules, key.max_errors)
        if not errors:
            documents_of(schema).put(key, document.node, len(key.text))
        return errors

    def _execute(
        self,
        request: Any,
        document: DocumentNode,
        operation: OperationDefinitionNode | None,
        variables: Any,
        operation_name: str | None,
    ) -> ExecutionResult:
        """Execute *document*, in a transaction if graphene-django is set to do so for mutations."""
        atomic = operation is not None and _is_atomic(operation)
        try:
            with (
                mask_below_connections() as mask,
                transaction.atomic() if atomic else nullcontext(),
            ):
                result = execute_document(
                    self.schema.graphql_schema,
                    document,
                    executor=self.execution_context_class,
                    root_value=self.get_root_value(request),
                    context_value=self.get_context(request),
                    variable_values=variables,
                    operation_name=operation_name,
                    middleware=self.get_middleware(request),
                )
                if isawaitable(result):
                    result = async_to_sync(awaited)(result)
                if atomic and mutation_failed(request):
                    transaction.set_rollback(True)
        except Exception as exc:  # noqa: BLE001 - graphene-django answers every exception here
            return _failed([exc])
        if result.errors:
            result.errors = mask(result.errors)
        return result  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class _Key:
    """A text, and everything that decides whether it is valid in its schema."""

    text: Any
    rules: tuple[type[ASTValidationRule], ...]
    limits: Limits
    max_errors: int


@dataclass(frozen=True, slots=True)
class _Document:
    """A parsed text; *is_valid* if it was found valid in an earlier request."""

    key: _Key
    node: DocumentNode
    is_valid: bool


def _failed(errors: list[Any]) -> ExecutionResult:
    """A result without data. graphene-django formats any exception among *errors*."""
    return ExecutionResult(data=None, errors=errors)


def _may_run(request: Any, operation: OperationDefinitionNode) -> bool:
    """Whether *operation* may be run: a GET only reads (RFC 9110, section 9.2.1)."""
    return request.method != "GET" or operation.operation is OperationType.QUERY


def _only_by_post(operation: OperationDefinitionNode) -> HttpResponse:
    kind = operation.operation.value
    message = f"Can only perform a {kind} operation from a POST request."
    return HttpResponseNotAllowed(["POST"], message)


def _is_atomic(operation: OperationDefinitionNode) -> bool:
    """Whether *operation* runs in a transaction, by the settings of graphene-django."""
    if operation.operation is not OperationType.MUTATION:
        return False
    database = connections[DEFAULT_DB_ALIAS].settings_dict
    return (
        graphene_settings.ATOMIC_MUTATIONS is True
        or database.get("ATOMIC_MUTATIONS", False) is True
    )
