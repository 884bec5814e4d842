"""
The limits of an operation, each of them a key of ``PARTSTREAM``.

Length and tokens are counted while the text is parsed. :mod:`~partstream_graphql.http.counting`
and :mod:`~partstream_graphql.http.introspection` count the rest.
"""

from __future__ import annotations

from typing import NamedTuple

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


def parse_within_limits(text: str) -> DocumentNode:
    """
    Parse *text*.

    Raises:
        GraphQLSyntaxError: as ``graphql.parse()``.
        GraphQLError: ``QUERY_TOO_LONG`` (characters), ``TOO_MANY_TOKENS``, comments included, or
            ``QUERY_TOO_DEEP``.
    """
    refuse_long(len(text))
    most = setting("MAX_QUERY_TOKENS")
    try:
        return parse(text, max_tokens=most)
    except GraphQLSyntaxError as exc:
        if was_cut_off(exc, most):
            raise too_much(most, "tokens", "TOO_MANY_TOKENS") from None
        raise
    except RecursionError:
        raise too_deep() from None


def refuse_long(length: int) -> None:
    """
    Refuse a text of *length* characters, or texts of as many together.

    Raises:
        GraphQLError: ``QUERY_TOO_LONG``.
    """
    refuse_above(setting("MAX_QUERY_LENGTH"), length, "characters", "QUERY_TOO_LONG")


def refuse_above(limit: int, count: int, counted: str, code: str) -> None:
    """
    Refuse more than *limit* of the things *counted*.

    Raises:
        GraphQLError: *count* is above *limit*; it has *code*.
    """
    if count > limit:
        raise too_much(limit, counted, code)


def too_deep() -> GraphQLError:
    """The error for a query that is nested so deeply that it cannot be read."""
    return coded_error("The query is nested too deeply.", "QUERY_TOO_DEEP")


def too_much(limit: int, counted: str, code: str) -> GraphQLError:
    """The error for a query that has more than *limit* of the things *counted*."""
    return coded_error(f"The query has more than {limit} {counted}.", code)
