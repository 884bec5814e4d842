"""
The query string of a page: the cursor in it, and the query string that the cursor carries.

The cursor carries the parameters of the first request, without credentials. So a client that
sends only ``?cursor=`` stays in the response that it first asked for.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from django.http import HttpRequest, QueryDict
from rest_framework.settings import api_settings

from django_partstream.caching.keys import UNKEYED_PARAMS
from django_partstream.cursors import Cursor
from django_partstream.exceptions import CursorInvalid, QueryRequired

CURSOR_PARAM = "cursor"
PARTS_PARAM = "parts"
FORMAT_PARAM = "format"

#: A query string with a cursor and nothing else, which need not be parsed.
_cursor_alone = re.compile(rf"{CURSOR_PARAM}=[A-Za-z0-9_.-]+")

# They choose a page or its form, so the value of a part is the same whatever they are.
UNKEYED_PARAMS.update({CURSOR_PARAM, PARTS_PARAM, FORMAT_PARAM})

_nothing = QueryDict(encoding="utf-8")


def parameters(request: HttpRequest) -> QueryDict:
    """The ``GET`` of *request*. Without a query in the address it is empty, and is not parsed."""
    has_query = request.META.get("QUERY_STRING") or "GET" in request.__dict__
    return request.GET if has_query else _nothing


def read_token(request: HttpRequest) -> str:
    """
    Take the cursor out of the ``GET`` of *request* and return it; empty for the start.

    A loader may append ``?cursor=`` to an address that has a query already. Its
    ``?a=1?cursor=...`` is read as ``?a=1&cursor=...``.

    Raises:
        CursorInvalid: the parameter is there more than once.
    """
    raw: str = request.META.get("QUERY_STRING", "")
    if f"{CURSOR_PARAM}=" not in raw:
        return ""
    if "GET" not in request.__dict__ and _cursor_alone.fullmatch(raw):
        request.GET = QueryDict(mutable=True, encoding=request.encoding)  # type: ignore[assignment]
        return raw[len(CURSOR_PARAM) + 1 :]
    query = request.GET
    if f"?{CURSOR_PARAM}=" in raw:
        meant = raw.replace(f"?{CURSOR_PARAM}=", f"&{CURSOR_PARAM}=")
        query = QueryDict(_octets(meant), encoding=request.encoding)
    tokens = query.getlist(CURSOR_PARAM)
    if not tokens:
        return ""
    if len(tokens) > 1:
        raise CursorInvalid
    own = QueryDict(mutable=True, encoding=query.encoding)
    for name, values in query.lists():
        if name != CURSOR_PARAM:
            own.setlist(name, values)
    request.GET = own  # type: ignore[assignment]
    return str(tokens[0])


def last_event_id(request: HttpRequest) -> str:
    """The ``Last-Event-ID`` of *request* (HTML Standard, section 9.2.4); empty without."""
    if request.method == "OPTIONS":
        return ""
    token: str = request.META.get("HTTP_LAST_EVENT_ID", "")
    return token


def named_parts(request: HttpRequest) -> list[str]:
    """The names in ``?parts=a,b&parts=c``; empty for all parts."""
    asked = parameters(request)
    if not asked:
        return []
    names = (name.strip() for text in asked.getlist(PARTS_PARAM) for name in text.split(","))
    return [name for name in names if name]


def _octets(query: str) -> bytes:
    """The bytes of a query string: WSGI keeps them as Latin-1 (PEP 3333), ASGI as UTF-8."""
    try:
        return query.encode("iso-8859-1")
    except UnicodeEncodeError:
        return query.encode()


def carried(request: HttpRequest, excluded: Collection[str]) -> str:
    """
    The query string for a cursor to carry: without *excluded* names, in any case of letters.

    It has no format either: each request says which form of answer it takes.
    """
    asked = parameters(request)
    if not asked:
        return ""
    query = asked.copy()
    never = {name.lower() for name in excluded} | {CURSOR_PARAM}
    names_format = api_settings.URL_FORMAT_OVERRIDE
    for name in [name for name in query if name.lower() in never or name == names_format]:
        del query[name]
    return query.urlencode()


def restore(request: HttpRequest, cursor: Cursor, excluded: Collection[str]) -> None:
    """
    Put the carried parameters into ``request.GET``; its own parameters win, name by name.

    ``META["QUERY_STRING"]`` stays as it is, for page caches use it as a key.

    Raises:
        QueryRequired: the cursor has only a digest of its query string, and *request* does not
            repeat that query string.
    """
    if cursor.query_digest is not None and not cursor.continues(carried(request, excluded)):
        raise QueryRequired
    if not cursor.query:
        return
    merged = QueryDict(cursor.query, mutable=True, encoding=request.encoding)
    for name, values in request.GET.lists():
        merged.setlist(name, values)
    request.GET = merged  # type: ignore[assignment]
