"""The view: graphene-django's own, with documents remembered, limits, and failures masked."""

from __future__ import annotations

from contextlib import nullcontext
from inspect import isawaitable
from typing import Any

from asgiref.sync import async_to_sync
from django.db import connection, transaction
from django.http import HttpResponseBadRequest, HttpResponseNotAllowed
from graphene_django.constants import MUTATION_ERRORS_FLAG
from graphene_django.settings import graphene_settings
from graphene_django.views import GraphQLView, HttpError
from graphql import (
    ASTValidationRule,
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    execute,
    get_operation_ast,
    specified_rules,
    validate,
    validate_schema,
)

from partstream_graphql.fields import awaited, check_schema
from partstream_graphql.http.documents import documents_of
from partstream_graphql.http.limits import ProgressiveLimitsRule, limits, parse_within_limits
from partstream_graphql.http.persisted import NotSupported, PersistedDocuments, digest_in
from partstream_graphql.masking import mask_below_connections


class ProgressiveGraphQLView(GraphQLView):
    """
    A drop-in for graphene-django's ``GraphQLView``, with the same options and responses.

    - A text that was found valid is neither parsed nor validated again
      (:mod:`~partstream_graphql.http.documents`).
    - Operations that ask too much are refused (:mod:`~partstream_graphql.http.limits`).
    - What fails in a field below a part, after its resolver has ended, is told by graphql-core
      with the text of the exception. Here that text is logged instead, unless ``DEBUG`` is on.
      ``format_error()``, graphene-django's own hook, still finds it in ``original_error``.
    - Resolvers below a part may be ``async def``, as those of parts may on any view.
    - *persisted*: documents that clients name by hash (:mod:`~partstream_graphql.http.persisted`).

    Raises:
        TypeError: two types of the schema have one name, and one is this library's.
    """

    persisted: PersistedDocuments = NotSupported()

    def __init__(
        self, *args: Any, persisted: PersistedDocuments | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.persisted = persisted or self.persisted
        check_schema(self.schema.graphql_schema)

    def get_response(self, request: Any, data: Any, show_graphiql: bool = False) -> Any:
        """Answer as ever; but that a hash is not known is no mistake of the client's."""
        self._not_found = False
        result, status = super().get_response(request, data, show_graphiql)
        return result, 200 if self._not_found else status

    def execute_graphql_request(
        self,
        request: Any,
        data: Any,
        query: Any,
        variables: Any,
        operation_name: str | None,
        show_graphiql: bool = False,
    ) -> ExecutionResult | None:
        """Execute an operation that may be run; None where GraphiQL is shown instead."""
        try:
            digest = digest_in(data, request.GET)
            text = self.persisted.text(digest, query) if _is_text(query) else query
        except GraphQLError as exc:
            self._not_found = exc.message == "PersistedQueryNotFound"
            return ExecutionResult(data=None, errors=[exc])
        if not text:
            if show_graphiql:
                return None
            raise HttpError(HttpResponseBadRequest("Must provide query string."))
        schema = self.schema.graphql_schema
        if errors := validate_schema(schema):
            return ExecutionResult(data=None, errors=errors)

        # As graphene-django has it: parse, refuse what a GET must not do, then validate.
        documents = documents_of(schema)
        own = specified_rules if self.validation_rules is None else self.validation_rules
        rules: tuple[type[ASTValidationRule], ...] = (ProgressiveLimitsRule, *own)
        most_errors = graphene_settings.MAX_VALIDATION_ERRORS
        key = (text, rules, limits(), most_errors) if isinstance(text, str) else None
        known = documents.get(key)
        try:
            document = known or parse_within_limits(text)
        except Exception as exc:
            return ExecutionResult(errors=[_as_it_is(exc)])
        operation = get_operation_ast(document, operation_name)
        if not self._may_run(request, operation):
            if show_graphiql:
                return None
            kind = operation.operation.value if operation else ""
            raise HttpError(
                HttpResponseNotAllowed(
                    ["POST"], f"Can only perform a {kind} operation from a POST request."
                )
            )
        if known is None:
            if errors := validate(schema, document, rules, most_errors):
                return ExecutionResult(data=None, errors=errors)
            documents.put(key, document, len(text))
        self.persisted.ran(digest, text)
        return self._execute(request, document, operation, variables, operation_name)

    def _may_run(self, request: Any, operation: OperationDefinitionNode | None) -> bool:
        """A GET is safe: it runs queries only."""
        return (
            request.method != "GET"
            or operation is None
            or operation.operation is OperationType.QUERY
        )

    def _execute(
        self,
        request: Any,
        document: DocumentNode,
        operation: OperationDefinitionNode | None,
        variables: Any,
        operation_name: str | None,
    ) -> ExecutionResult:
        atomic = (
            operation is not None
            and operation.operation is OperationType.MUTATION
            and (
                graphene_settings.ATOMIC_MUTATIONS is True
                or connection.settings_dict.get("ATOMIC_MUTATIONS", False) is True
            )
        )
        options = {
            "root_value": self.get_root_value(request),
            "context_value": self.get_context(request),
            "variable_values": variables,
            "operation_name": operation_name,
            "middleware": self.get_middleware(request),
        }
        if self.execution_context_class:
            options["execution_context_class"] = self.execution_context_class
        try:
            with (
                mask_below_connections() as mask,
                transaction.atomic() if atomic else nullcontext(),
            ):
                result: Any = execute(self.schema.graphql_schema, document, **options)
                if isawaitable(result):
                    result = async_to_sync(awaited)(result)
                if atomic and getattr(request, MUTATION_ERRORS_FLAG, False) is True:
                    transaction.set_rollback(True)
        except Exception as exc:
            return ExecutionResult(errors=[_as_it_is(exc)])
        if result.errors:
            result.errors = mask(result.errors)
        return result  # type: ignore[no-any-return]


def _is_text(query: Any) -> bool:
    """Whether it can be looked up; of what is no text the parser says what it thinks."""
    return not query or isinstance(query, str)


def _as_it_is(exc: Exception) -> Any:
    """An error that graphene-django formats whatever it is, though no ``GraphQLError``."""
    return exc
