"""An execution that puts off the fields in ``@defer``, on graphql-core 3.2."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from graphql import ExecutionResult, GraphQLError

from partstream_graphql._graphql_core import Context
from partstream_graphql.deferral import Deferral, Group
from partstream_graphql.split import Split, Splitter


class Deferring(Context):
    """Executes an operation without the fields that ``@defer`` puts off."""

    deferral: Deferral
    splitter: Splitter

    def begin(self, deferral: Deferral) -> None:
        """Have the execution use *deferral*."""
        self.deferral, deferral.context = deferral, self
        self.splitter = Splitter(
            self.schema,
            self.fragments,
            self.variable_values,
            self.operation.selection_set,
            most=deferral.most,
            deferral=deferral,
        )

    def execute_operation(self, operation: Any, root_value: Any) -> Any:
        """The data of the operation, or an awaitable of them."""
        root = self.schema.query_type
        return self.execute_fields(root, root_value, None, self.splitter.split(root, None))

    def collect_subfields(self, return_type: Any, field_nodes: Any) -> Any:
        """The fields below a field, split."""
        return self.splitter.split(return_type, field_nodes)

    def execute_fields(self, parent_type: Any, source_value: Any, path: Any, fields: Any) -> Any:
        """The data of an object, or an awaitable of them."""
        if type(fields) is Split and fields.is_shared:
            fields = self.deferral.put_off(parent_type, source_value, path, fields)
        return super().execute_fields(parent_type, source_value, path, fields)

    def execute_group(self, group: Group) -> Any:
        """The result of *group*, or an awaitable of it."""
        try:
            data = self.execute_fields(group.type, group.source, group.path, group.fields)
        except Exception as exc:  # noqa: BLE001 - an error of a group is told with its fragment
            return self._failed(exc)
        if self.is_awaitable(data):
            return self._later(data)
        return self.build_response(data, self.collected_errors.errors)

    async def _later(self, data: Awaitable[Any]) -> ExecutionResult:
        try:
            made = await data
        except Exception as exc:  # noqa: BLE001 - as in execute_group()
            return self._failed(exc)
        return self.build_response(made, self.collected_errors.errors)  # type: ignore[no-any-return]

    def _failed(self, exc: Exception) -> ExecutionResult:
        error = exc if isinstance(exc, GraphQLError) else GraphQLError(str(exc), original_error=exc)
        self.collected_errors.add(error, None)
        return self.build_response(None, self.collected_errors.errors)  # type: ignore[no-any-return]


class DeferringExecutor:
    """Stands in for the class of an execution, which it gives a *deferral*."""

    def __init__(self, deferral: Deferral) -> None:
        self._deferral = deferral

    def build(self, *args: Any, **kwargs: Any) -> Any:
        """The context of the execution, or a list of errors."""
        built = Deferring.build(*args, **kwargs)
        if isinstance(built, Deferring):
            built.begin(self._deferral)
        return built
