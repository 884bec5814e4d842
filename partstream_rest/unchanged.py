"""
The values that a client has already, and need not be sent again.

The header ``Partstream-Have: orders="dGFnIG9mIG9yZGVy", caf%C3%A9="dGFnIG9mIGNhZsOp"`` has the tags
that the client was given, by part. Only a request with the header is given tags; an empty header
asks for them. The rules:

- A name is percent-encoded (RFC 3986, section 2.1), in UTF-8. Blanks and empty members between the
  commas count for nothing (RFC 9110, section 5.6.1).
- A header that breaks a rule, is too long or has a name twice says nothing, so the client gets all
  values. That is never an error.
- A part is unchanged if the client has the tag of its value. A part that failed has no tag.
- A tag is of a value as the core has it and of the renderer that writes it. Code that looks into
  ``response.data`` may change any value, so its page has all values and no tags.
- No cache may keep such an answer: it is for the copies of a single client.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote

from django.utils.cache import patch_vary_headers
from django.utils.functional import cached_property

from django_partstream.tags import Tagger
from partstream_rest.pages import PageBody, PageLinks, PageResponse
from partstream_rest.renderers import speller

HEADER = "Partstream-Have"
META_KEY = "HTTP_PARTSTREAM_HAVE"

#: The characters of a header that is read; servers refuse little more. It has room for 260 parts
#: with names of ten letters.
MAX_LENGTH = 8192

#: A member of the list, perhaps an empty one: a name and a tag.
_MEMBER = r"""[ \t]*+(?:((?:[\w!#$&'()*+./^`|~-]|%[0-9A-Fa-f]{2})++)="([\w-]++)"[ \t]*+)?+"""
_member = re.compile(_MEMBER, re.ASCII)
_list = re.compile(rf"{_MEMBER}(?:,{_MEMBER})*+", re.ASCII)


def read_tags(header: str) -> dict[str, str]:
    """The tags in *header*, by the name of their part; none if it breaks a rule."""
    if len(header) > MAX_LENGTH or not _list.fullmatch(header):
        return {}
    members = [one for one in _member.findall(header) if one[0]]
    try:
        tags = {unquote(name, errors="strict"): tag for name, tag in members}
    except UnicodeDecodeError:
        return {}
    return tags if len(tags) == len(members) else {}


def form_of(renderer: Any, media_type: str) -> str:
    """The form in which *renderer* writes values as *media_type*, for their tags."""
    kind = type(renderer)
    return f"{kind.__module__}.{kind.__qualname__} {media_type}"


class Look(NamedTuple):
    """
    A look at a value: its *tag*, and the name by which the client *has* it, or None.

    The tag is None where no value has tags.
    """

    tag: str | None
    has: str | None


NO_TAG = Look(None, None)


class Held:
    """
    The values that a client has, by the *header* of its request.

    *tagger* makes the tags that the client is given.
    """

    def __init__(self, header: str, tagger: Tagger) -> None:
        self._header, self._tagger = header, tagger

    @cached_property
    def _tags(self) -> dict[str, str]:
        return read_tags(self._header)

    def look(
        self,
        name: str,
        text: bytes | None,
        *,
        form: str,
        spelled: Callable[[str], str] | None = None,
    ) -> Look:
        """
        Look whether the client has the value *text* of the part *name*, sent in this *form*.

        *spelled* spells a name as the renderer does, where it renames keys. The client then knows
        the part by that name.
        """
        tag = self._tagger.tag(name, text or b"null", form=form)
        if name not in self._tags and spelled is not None and self._tags:
            name = spelled(name)
        # In constant time, though the client may have the value whenever it asks.
        has = hmac.compare_digest(self._tags.get(name, ""), tag)
        return Look(tag, name if has else None)


class TaggedPageResponse(PageResponse):
    """
    A page for a client that was given tags, or asks for them.

    While it is rendered it gets ``etags`` and ``unchanged``, and loses the values that the client
    has. No cache may keep it.
    """

    is_momentary = True
    _held: Held | None

    def __init__(self, body: PageBody, *, links: PageLinks, held: Held) -> None:
        body.others["etags"] = {}
        super().__init__(body, links=links, personal=True)
        self._held = held

    @property
    def rendered_content(self) -> Any:
        """The page as bytes, without the values that the client has."""
        vary_on_tags(self)
        held, self._held = self._held, None  # a pickled response must not have the key of tags
        if self._body is not None and held is not None:
            self._leave_out(self._body, held)
        return super().rendered_content

    def _leave_out(self, body: PageBody, held: Held) -> None:
        """Tag the values of *body*, and leave out the values that are *held*."""
        asked: Any = self  # DRF sets the attributes of negotiation on a response
        renderer = asked.accepted_renderer
        form = form_of(renderer, asked.accepted_media_type)
        spelled = speller(renderer, {**asked.renderer_context, "response": self})
        failed = {error["index"] for error in body.others.get("errors", ())}
        unchanged = []
        for index, (name, text) in enumerate(body.results):
            if index in failed:
                continue
            tag, has = held.look(name, text, form=form, spelled=spelled)
            body.others["etags"][name] = tag
            if has is not None:
                body.results[index] = name, None
                unchanged.append(has)
        if unchanged:
            body.others["unchanged"] = unchanged


def vary_on_tags(response: Any) -> None:
    """Say that *response* depends on the tags of the request."""
    patch_vary_headers(response, [HEADER])
