"""
The parameters of a request, read out of its body and its query string.

graphene-django's view reads them, and answers some malformed requests with a server error. Here
each of them is told to be malformed: bytes that are no UTF-8, JSON that is nested too deeply, NaN
and infinite numbers, lone surrogates, values of another type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, NoReturn

from django.core.exceptions import BadRequest

from django_partstream.conf import setting
from partstream_graphql.errors import coded_error

GRAPHQL_TEXT = "application/graphql"

#: The media types of bodies that :func:`read_body` reads.
BODIES = ("application/json", GRAPHQL_TEXT)

#: A surrogate that is escaped in JSON, whether or not its other half is there.
_surrogate = re.compile(r"\\u[dD][89a-fA-F]")


def read_body(kind: str, body: bytes) -> Any:
    """
    The value of a *body* of the media type *kind*.

    Raises:
        BadRequest: it is no UTF-8, or no JSON.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise BadRequest("The body is not encoded as UTF-8.") from None
    if kind == GRAPHQL_TEXT:
        return {"query": text}
    try:
        return read_json(text)
    except ValueError:
        raise BadRequest("POST body sent invalid JSON.") from None


def read_json(text: str) -> Any:
    """
    The value of a JSON *text* that came from outside.

    Raises:
        ValueError: it is no JSON (RFC 8259), has a number that is infinite or not a number, has
            a text that cannot be encoded, or is nested too deeply.
    """
    try:
        value = _decoder.decode(text)
        if _surrogate.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        _refuse(digits)
    return number


def _refuse(number: str) -> NoReturn:
    raise ValueError(f"{number} has no value in JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)


def operations_in(batch: Any) -> list[Any]:
    """
    The operations of a *batch*, a JSON value.

    Raises:
        BadRequest: it is no list of objects, or an empty list.
        GraphQLError: ``TOO_MANY_OPERATIONS``.
    """
    if not isinstance(batch, list) or not all(isinstance(entry, dict) for entry in batch):
        raise BadRequest("A batch is a JSON list of objects, sent as application/json.")
    if not batch:
        raise BadRequest("Received an empty list in the batch request.")
    most = setting("MAX_BATCH")
    if len(batch) > most:
        raise coded_error(f"A batch has {most} operations at most.", "TOO_MANY_OPERATIONS")
    return batch


def parameters_in(query: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[Any, Any, Any, Any]:
    """
    The query, variables, operation name and id in a *query* string or else in the body *data*.

    Raises:
        BadRequest: a parameter is not of its type (GraphQL over HTTP, section 5.1).
    """

    def given(name: str) -> Any:
        return query.get(name) or data.get(name)

    text, variables, operation_name = given("query"), given("variables"), given("operationName")
    if text is not None and not isinstance(text, str):
        raise BadRequest("The query must be a string.")
    if operation_name is not None and not isinstance(operation_name, str):
        raise BadRequest("The operation name must be a string.")
    operation_name = None if operation_name == "null" else operation_name
    return text, _read_variables(variables), operation_name, given("id")


def _read_variables(variables: Any) -> Any:
    """*variables*, which are JSON text in a query string and in a form."""
    if variables and isinstance(variables, str):
        try:
            variables = read_json(variables)
        except ValueError:
            raise BadRequest("Variables are invalid JSON.") from None
    if not is_map(variables):
        raise BadRequest("The variables must be a JSON object.")
    return variables or None


def is_map(value: Any) -> bool:
    """
    Whether *value* is a JSON object, or stands for no object or an empty object.

    In a query string or a form a parameter may be empty. Some encoders write an empty map as an
    empty list.
    """
    return value is None or isinstance(value, Mapping) or value in ("", [])
