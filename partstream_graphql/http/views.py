"""
The view: graphene-django's own, with remembered documents, limits, and masked failures.

``execute_graphql_request`` types graphene-django's method again, with further steps between its
steps: find the text, parse it, choose the operation, validate the document, execute it (GraphQL
specification, sections 2, 5 and 6). So do ``parse_body`` and ``get_graphql_params``. A test
compares the source of the originals with the source that was read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.core.exceptions import BadRequest
from django.http import (
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseBase,
    HttpResponseNotAllowed,
    UnreadablePostError,
)
from graphene_django.views import GraphQLView, HttpError
from graphql import (
    ASTValidationRule,
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    specified_rules,
)

from django_partstream.conf import setting
from django_partstream.identity import is_personal
from django_partstream.privacy import mark_private, with_privacy
from django_partstream.tenancy import capture
from partstream_graphql._csrf import dispatched
from partstream_graphql._sub_fields import execute_document
from partstream_graphql.executions import (
    Execution,
    Timing,
    extensions_of,
    watched_execution,
)
from partstream_graphql.fields import check_schema
from partstream_graphql.http.delivery import Delivery, shape_asked
from partstream_graphql.http.incremental import Shape
from partstream_graphql.http.negotiation import negotiate, status_of_answer
from partstream_graphql.http.operations import Asked, may_run, parse_batch, run_operation
from partstream_graphql.http.persisted import (
    NOT_FOUND,
    NotSupported,
    PersistedDocuments,
    digest_in,
)
from partstream_graphql.http.reading import BODIES, operations_in, parameters_in, read_body
from partstream_graphql.http.rules import with_limits
from partstream_graphql.masking import mask_below


class ProgressiveGraphQLView(GraphQLView):
    """
    A drop-in for graphene-django's ``GraphQLView``, with the same options and responses.

    - A valid text is neither parsed nor validated again.
    - An operation that asks too much is refused, and so is a batch whose operations ask too much
      together.
    - A malformed request is a 400. Media types and statuses are those of GraphQL over HTTP.
    - The response to a GET is private if it is for a single reader, has a failure, or lacks a part
      that is pending. In the last case no ``Cache-Control`` of the project counts.
    - The CSRF cookie is sent as ever, but not with the answer to a POST that came without it.
    - A field below a part may fail after the part has ended. The text of its exception is logged
      and does not reach the client, unless ``DEBUG`` is on. ``format_error()``, graphene-django's
      own hook, finds the exception in ``original_error``.
    - Resolvers below a part may be ``async def``, as resolvers of parts may on any view.
    - *incremental*: whether a client that asks for it gets the fragments with ``@defer`` later;
      true by default.
    - *persisted*: documents that clients name by hash: :class:`AutomaticPersistedQueries` or
      :class:`TrustedDocuments`.

    Raises:
        TypeError: a type of the schema has the name of a type of this library.
    """

    persisted: PersistedDocuments = NotSupported()
    #: Whether a client that asks for incremental delivery gets it.
    incremental: bool = True

    #: The delivery of the fragments with ``@defer``.
    _delivery: Delivery | None = None
    _is_answer = _is_unknown_hash = _is_private = _is_pending = False

    def __init__(
        self,
        *args: Any,
        persisted: PersistedDocuments | None = None,
        incremental: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.persisted = persisted or self.persisted
        self.incremental = self.incremental if incremental is None else incremental
        #: The operations of a batch, by the identity of their entries in its list.
        self._batch: dict[int, Asked] = {}
        check_schema(self.schema.graphql_schema)

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """The view function. A private response says so unless the view decides."""
        view: Callable[..., HttpResponseBase] = with_privacy(super().as_view(**initkwargs))
        return view

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Answer *request*, in the media type that it prefers."""
        try:
            response = dispatched(GraphQLView, super().dispatch, request, *args, **kwargs)
        except BaseException:
            if self._delivery is not None:
                self._delivery.close()
            raise
        if self._delivery is not None:
            return self._delivery.respond(response)
        if not self.batch:
            negotiate(request, response)
        if request.method == "GET" and self._is_private_to(request, response):
            mark_private(response)
            response.is_momentary = self._is_pending
        return response

    def _is_private_to(self, request: Any, response: Any) -> bool:
        """Whether *response* is for this reader or tenant only, or tells of a failure."""
        failed = self._is_private or response.status_code >= 400
        return failed or is_personal(request) or capture(request) is not None

    def parse_body(self, request: Any) -> Any:
        """
        The parameters in the body of *request*; in a batch, a list of them.

        Raises:
            HttpError: the body is malformed, or the batch has too many operations.
        """
        try:
            kind = self.get_content_type(request)
            data = read_body(kind, request.body) if kind in BODIES else super().parse_body(request)
            if self.batch:
                self._prepare_batch(request, operations_in(data))
            elif not isinstance(data, Mapping):
                raise BadRequest("The received data is not a valid JSON query.")
        except (BadRequest, UnreadablePostError) as exc:
            raise HttpError(HttpResponseBadRequest(str(exc))) from exc
        except GraphQLError as exc:
            raise HttpError(HttpResponseBadRequest(exc.message)) from exc
        return data

    @staticmethod
    def get_graphql_params(request: Any, data: Any) -> tuple[Any, Any, Any, Any]:
        """
        The query, variables, operation name and id of an operation.

        Raises:
            HttpError: a parameter is malformed.
        """
        try:
            return parameters_in(request.GET, data)
        except BadRequest as exc:
            raise HttpError(HttpResponseBadRequest(str(exc))) from exc

    @staticmethod
    def format_error(error: Any) -> dict[str, Any]:
        """The JSON object of *error*; a refused request has the code of its cause."""
        if isinstance(error, HttpError) and isinstance(error.__cause__, GraphQLError):
            error = error.__cause__
        formatted: dict[str, Any] = GraphQLView.format_error(error)
        return formatted

    def get_response(self, request: Any, data: Any, show_graphiql: bool = False) -> Any:
        """
        The body and the status of the response, as graphene-django makes them.

        An unknown hash has the status 200: in Apollo's protocol it is no mistake of the client.
        """
        self._is_answer = self._is_unknown_hash = False
        encode: Any = self.json_encode
        try:
            body, status = super().get_response(request, data, show_graphiql)
        finally:
            self.__dict__["json_encode"] = encode  # a batch goes on with another operation
        if self._is_answer and not self.batch:
            status = status_of_answer(request, status)
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
        asked = self._batch.get(id(data))
        if asked is None:
            asked = self._find(request, data, query, operation_name)
            asked.parse(self.schema.graphql_schema, self._rules())
        if asked.refusal is not None:
            self._is_unknown_hash = asked.refusal.message == NOT_FOUND
            return self._failed([asked.refusal])
        if not asked.text:
            if show_graphiql:
                return None
            raise _no_query()
        operation = asked.operation
        if operation is not None and not may_run(request, operation):
            if show_graphiql:
                return None
            raise HttpError(_only_by_post(operation))
        self._is_answer = True
        return self._answer(request, asked, variables)

    def _prepare_batch(self, request: Any, entries: list[Any]) -> None:
        """
        Find and parse each operation of a batch, before the first of them runs.

        Raises:
            HttpError: an operation is malformed.
        """
        for data in entries:
            query, _, operation_name, _ = self.get_graphql_params(request, data)
            asked = self._batch[id(data)] = self._find(request, data, query, operation_name)
            if not asked.text and asked.refusal is None:
                raise _no_query()
        parse_batch(self._batch.values(), self.schema.graphql_schema, self._rules())

    def _find(self, request: Any, data: Any, query: Any, operation_name: str | None) -> Asked:
        """The operation that *data* asks for, with its text or a refusal."""
        asked = Asked(None, "", operation_name)
        try:
            asked.digest = digest_in(data, request.GET)
            asked.text = self.persisted.text(asked.digest, query)
        except GraphQLError as exc:
            asked.refusal = exc
        return asked

    def _rules(self) -> tuple[type[ASTValidationRule], ...]:
        rules = specified_rules if self.validation_rules is None else self.validation_rules
        return with_limits(rules)

    def _answer(self, request: Any, asked: Asked, variables: Any) -> ExecutionResult:
        """The answer to a well-formed request, which may ask for an invalid document."""
        if asked.document is None:
            return self._failed([asked.mistake])
        if errors := asked.document.validate(self.schema.graphql_schema):
            return self._failed(errors)
        self.persisted.ran(asked.digest, asked.text)
        execute = partial(self._execute, request, asked.document.node, variables, asked.name)
        shape = shape_asked(self, request, asked)
        try:
            with watched_execution() as execution:
                if shape is None:
                    result = run_operation(asked.operation, request, execute)
                else:
                    result = self._deliver(request, asked, shape, execution, execute)
        except Exception as exc:  # noqa: BLE001 - graphene-django answers every exception here
            return self._failed([exc])
        if result.errors:
            result.errors = mask_below(execution.paths, result.errors)
        if execution.timings:
            self._tell(execution.timings)
        if request.method == "GET":
            self._is_private = bool(result.errors) or execution.is_private
            self._is_pending = execution.pending
        return result

    def _deliver(
        self, request: Any, asked: Asked, shape: Shape, execution: Execution, execute: Any
    ) -> ExecutionResult:
        """The result of an operation, without the fields that are delivered later."""
        encode: Any = self.json_encode
        delivery = Delivery(
            request,
            shape,
            most=setting("MAX_DEFERRED"),
            encode=partial(encode, request),
            format_errors=partial(self._formatted, execution),
            timings=execution.timings,
        )
        result = delivery.run(asked.operation, execute)
        if delivery.begin(result):
            self._delivery = delivery
            self.__dict__["json_encode"] = delivery.encoding_first(encode)
        return result

    def _tell(self, timings: list[Timing]) -> None:
        """Have the response to this operation tell *timings*, which are told once."""
        encode: Any = self.json_encode
        told = extensions_of(timings)
        timings.clear()

        def encoded(request: Any, response: dict[str, Any], **options: Any) -> str:
            extensions = {**response.get("extensions", {}), **told}
            text: str = encode(request, {**response, "extensions": extensions}, **options)
            return text

        self.__dict__["json_encode"] = encoded

    def _formatted(self, execution: Execution, errors: list[GraphQLError]) -> list[Any]:
        """The JSON objects of *errors*, which were raised in *execution*."""
        return [self.format_error(error) for error in mask_below(execution.paths, errors)]

    def _execute(
        self,
        request: Any,
        document: DocumentNode,
        variables: Any,
        operation_name: str | None,
        executor: Any = None,
    ) -> Any:
        """The result of an operation of *document*, or an awaitable of it."""
        return execute_document(
            self.schema.graphql_schema,
            document,
            executor=executor or self.execution_context_class,
            root_value=self.get_root_value(request),
            context_value=self.get_context(request),
            variable_values=variables,
            operation_name=operation_name,
            middleware=self.get_middleware(request) or None,
        )

    def _failed(self, errors: list[Any]) -> ExecutionResult:
        """A result without data. graphene-django formats any exception among *errors*."""
        self._is_private = True
        return ExecutionResult(data=None, errors=errors)


def _no_query() -> HttpError:
    return HttpError(HttpResponseBadRequest("Must provide query string."))


def _only_by_post(operation: OperationDefinitionNode) -> HttpResponse:
    kind = operation.operation.value
    message = f"Can only perform a {kind} operation from a POST request."
    return HttpResponseNotAllowed(["POST"], message)
