"""
The adapter for Django REST framework.

=============================== ================================================================
class                           fact
=============================== ================================================================
:class:`RememberingNegotiation` ``DefaultContentNegotiation`` chooses by the ``Accept`` header and
                                the media types of the renderers alone, in their order, unless
                                the suffix or a parameter of the address names a format
=============================== ================================================================

``tests/rest/test_drf_adapter.py`` has a test of each row.
"""

from __future__ import annotations

from collections.abc import Iterable

from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from partstream_rest.queries import parameters

#: The length of an ``Accept`` header that is remembered, and the number of choices.
MAX_ACCEPT, MAX_CHOICES = 256, 256

#: The place of a renderer and the media type that it was chosen for.
_choices: dict[tuple[str, ...], tuple[int, str]] = {}


class RememberingNegotiation(DefaultContentNegotiation):
    """DRF's own content negotiation, with its choices remembered."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """
        The renderer for *request*, and the media type that it was chosen for.

        Raises:
            NotAcceptable: there is none.
        """
        asked = request._request
        accept: str = asked.META.get("HTTP_ACCEPT", "*/*")
        names_format = format_suffix or self.settings.URL_FORMAT_OVERRIDE in parameters(asked)
        chosen: tuple[BaseRenderer, str]
        if names_format or len(accept) > MAX_ACCEPT:
            chosen = super().select_renderer(request, renderers, format_suffix)
            return chosen
        candidates = [*renderers]
        known = (accept, *[renderer.media_type for renderer in candidates])
        choice = _choices.get(known)
        if choice is None:
            renderer, media_type = super().select_renderer(request, candidates)
            if len(_choices) >= MAX_CHOICES:
                _choices.clear()
            choice = _choices[known] = candidates.index(renderer), media_type
        place, media_type = choice
        return candidates[place], media_type


def remembering(negotiator: BaseContentNegotiation) -> BaseContentNegotiation:
    """A negotiator that remembers, in place of DRF's own; another *negotiator* as it is."""
    return RememberingNegotiation() if type(negotiator) is DefaultContentNegotiation else negotiator
