"""A ``ProgressiveView``, bound to a request, and the walk that the request goes on with."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.utils.functional import cached_property
from rest_framework.request import Request

from django_partstream import _current
from django_partstream._fetching import with_peers
from django_partstream.caching.keys import keyed_query
from django_partstream.cursors import Cursor
from django_partstream.endpoints import Endpoint
from django_partstream.exceptions import CursorError, UnknownParts
from django_partstream.identity import is_identified, session_key_of
from django_partstream.pages import Page
from django_partstream.tags import Tagger
from partstream_rest.errors import RequestRefused
from partstream_rest.queries import (
    carried,
    last_event_id,
    named_parts,
    parameters,
    read_token,
    restore,
)
from partstream_rest.unchanged import Held
from partstream_rest.values import Writer

logger = logging.getLogger("django_partstream")

#: Names of views that were logged because nothing tells their readers apart.
_logged: set[str] = set()


class ViewEndpoint(Endpoint):
    """
    A *view* as it is routed, with the arguments of its URL, bound to a *request* of DRF.

    *after* is the cursor that the request follows, if any. *own_query* is the query string of the
    request without that cursor, and *is_resumed* says whether a stream is gone on with.
    """

    after: Cursor | None = None
    own_query = ""
    is_resumed = False

    def __init__(self, view: Any, request: Request) -> None:
        self._asked = asked = request._request
        match, kind = asked.resolver_match, type(view)
        route = match.route if match else ""
        name = f"{kind.__module__}.{kind.__qualname__}"
        super().__init__(
            view,
            request,
            address=["rest", name, route, view.args, view.kwargs],
            varies_on=lambda: [
                request.version,
                keyed_query(parameters(asked)),
                self.writer.encoder_class,
            ],
        )

    @cached_property
    def writer(self) -> Writer:
        """Writes the values of parts, with the encoder of the view."""
        view = self.owner
        return Writer(view.get_renderers, with_peers if view.fetch_peers else _as_it_is)

    @property
    def is_personal(self) -> bool:
        """Whether the request has a reader, a tenant or a session."""
        # To DRF's request, a session that is not there is costly.
        session = getattr(self._asked, "session", None)
        return bool(getattr(session, "session_key", None)) or self.is_identified

    @property
    def query(self) -> str:
        """The query string for the cursors of this response to carry."""
        return carried(self._asked, self.owner.cursor_exclude_params)

    def held(self, header: str) -> Held | None:
        """
        The values that the client has, by the *header* of the request; make it before parts run.

        Return None, which is logged once for each view, if nothing tells the reader from others:
        the client gets no tags.
        """
        try:
            return Held(header, Tagger([*self._audience(), *self._surroundings()]))
        except TypeError as exc:
            if self.name not in _logged:
                _logged.add(self.name)
                logger.warning("%s has no tags: %s.", self.name, exc)
            return None

    def _surroundings(self) -> list[Any]:
        """
        The conditions of a value as it is sent, besides its endpoint, user and tenant.

        A session counts where the reader has no user. A renderer may write by the language.
        """
        own = getattr(self.owner, "cache_identity", None)
        if own is not None:
            reader = own(self.reader)
        else:
            reader = None if is_identified(self.reader) else session_key_of(self.reader)
        return [reader, self.variation, _current.language(), _current.time_zone_name()]

    def follow_query(self, *, authenticate: Callable[[], None]) -> None:
        """
        Take the cursor out of the query string, and put back the parameters that it carries.

        *authenticate* has DRF authenticate the request by its own parameters.

        Raises:
            CursorError: the cursor cannot be followed.
        """
        asked = self._asked
        token = read_token(asked)
        if self.owner.streams:
            # A browser repeats the address, so what it has got to wins over the address.
            last = last_event_id(asked)
            self.is_resumed, token = bool(last), last or token
        own = parameters(asked)
        self.own_query = own.urlencode() if own else ""
        if token:
            cursor = self.follow(token, authenticate=authenticate)
            restore(asked, cursor, self.owner.cursor_exclude_params)
            self.after = cursor

    def take_asked(self, size: int | None) -> Page:
        """
        The next *size* parts that the request asks for; all that are left if *size* is None.

        Raises:
            RequestRefused: the cursor is stale, or ``?parts=`` names a part that is not there.
            PlanError: ``get_parts()`` did not return a list of parts.
        """
        try:
            names = named_parts(self._asked)
            only = self.plan.choose(names) if names else None
            return self.take(after=self.after, size=size, only=only)
        except (CursorError, UnknownParts) as exc:
            raise RequestRefused(exc) from exc


def _as_it_is(rows: Any) -> Any:
    return rows
