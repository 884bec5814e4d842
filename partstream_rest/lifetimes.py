"""How long caches may keep a page."""

from __future__ import annotations

import re
import time

from django.utils.http import http_date, parse_http_date_safe

from django_partstream._django import names_headers
from django_partstream.cursors import expiry_of
from django_partstream.privacy import keep_private
from partstream_rest.pages import PageResponse

#: A directive of Cache-Control that gives a page a lifetime.
_lifetime = re.compile(
    r"\b(?P<name>s-maxage|max-age|(?P<stale>stale-(?:while-revalidate|if-error)))"
    r'\s*=\s*"?(?P<seconds>\d+)"?',
    re.IGNORECASE,
)

#: The headers that give a page a lifetime.
_LIFETIMES = frozenset({"cache-control", "expires"})


def set_cache_headers(response: PageResponse) -> None:
    """
    Keep a private page out of caches, unless the view has decided itself.

    The lifetime that a view gives to a page is cut to that of its cursor. A page that a cache
    serves for longer would send its readers to a 410.
    """
    if keep_private(response) or not response.token:
        return
    if names_headers(response, _LIFETIMES):
        _end_with_cursor(response, expiry_of(response.token))


def _end_with_cursor(response: PageResponse, expiry: int) -> None:
    """
    End the lifetimes in the headers of *response* at *expiry*, in seconds since the epoch.

    Directives: RFC 9111, section 5.2.2, and RFC 5861.
    """
    headers = response.headers
    if "Cache-Control" in headers:
        seconds = max(expiry - int(time.time()), 0)
        headers["Cache-Control"] = _cut(headers["Cache-Control"], seconds)
    expires = parse_http_date_safe(headers.get("Expires", ""))
    if expires is not None and expires > expiry:
        headers["Expires"] = http_date(expiry)


def _cut(cache_control: str, seconds: int) -> str:
    """The directives of *cache_control*, none of them with a lifetime beyond *seconds*."""
    fresh = [int(one["seconds"]) for one in _lifetime.finditer(cache_control) if not one["stale"]]
    stale = seconds - min(max(fresh, default=0), seconds)  # counted from the end of the others

    def cut(directive: re.Match[str]) -> str:
        longest = stale if directive["stale"] else seconds
        return f"{directive['name']}={min(int(directive['seconds']), longest)}"

    return _lifetime.sub(cut, cache_control)
