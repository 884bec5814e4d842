"""The session of a request whose response is a stream."""

from __future__ import annotations

import logging
from typing import Any

from django.http import HttpRequest

from django_partstream.delivery.attempts import Attempt

logger = logging.getLogger("django_partstream")


class SessionWatch:
    """
    A look at the session of *request* while its stream runs.

    The session, as the view has left it, was saved before the first byte. A change by a part is not
    saved. To see it, the session's own mark is taken away in between.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._session: Any = getattr(request, "session", None)
        self._was_modified = False

    def begin(self) -> None:
        """Take the mark of the session away."""
        if self._session is not None:
            self._was_modified, self._session.modified = self._session.modified, False

    def look(self, attempt: Attempt) -> None:
        """Warn if the session was modified since the last look, by *attempt* or beside it."""
        if self._session is not None and self._session.modified:
            self._was_modified, self._session.modified = True, False
            logger.warning(
                "The session was modified in a stream of %s, by the part %r or beside it. That is "
                "not saved: a stream sends its headers first. Modify the session in get_parts().",
                attempt.scope.name,
                attempt.name,
            )

    def end(self) -> None:
        """Put the mark back, for a middleware that reads the stream before it saves the session."""
        if self._session is not None:
            self._session.modified = self._was_modified
