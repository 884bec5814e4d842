"""
The limits of an operation, each of them a key of ``PARTSTREAM``.

Length and tokens are counted while the text is parsed. :mod:`~partstream_graphql.http.rules`
counts the rest.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from graphql import DocumentNode, GraphQLError, GraphQLSyntaxError, parse

from django_partstream.conf import setting
from partstream_graphql._graphql_core import was_cut_off
from partstream_graphql.errors import coded_error


class Limits(NamedTuple):
    """The limits in force. A document that passed under other limits is validated again."""

    length: int
    tokens: int
    depth: int
    connections: int
    runs: int
    parts: int


_SETTINGS = [f"MAX_QUERY_{name.upper()}" for name in Limits._fields]


def limits() -> Limits:
    """The limits in force."""
    return Limits(*map(setting, _SETTINGS))


def parse_within_limits(text: Any) -> DocumentNode:
    """
    Parse *text*.

    Raises:
        GraphQLSyntaxError: as ``graphql.parse()``.
        GraphQLError: ``QUERY_TOO_LONG`` (characters) or ``TOO_MANY_TOKENS``, comments included.
    """
    longest, most = setting("MAX_QUERY_LENGTH"), setting("MAX_QUERY_TOKENS")
    if isinstance(text, str) and len(text) > longest:
        raise too_much(longest, "characters", "QUERY_TOO_LONG")
    try:
        return parse(text, max_tokens=most)
    except GraphQLSyntaxError as exc:
        if was_cut_off(exc, most):
            raise too_much(most, "tokens", "TOO_MANY_TOKENS") from None
        raise


def too_much(limit: int, counted: str, code: str) -> GraphQLError:
    """The error for a query that has more than *limit* of the things *counted*."""
    return coded_error(f"The query has more than {limit} {counted}.", code)
