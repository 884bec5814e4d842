"""
The facts about Django REST framework that ``partstream_rest._drf`` relies on.

A red test here means that a release of DRF has changed such a fact. The message names the class of
the adapter to look at.
"""

from importlib.metadata import version
from unittest import mock

import pytest
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import (
    AdminRenderer,
    BaseRenderer,
    BrowsableAPIRenderer,
    JSONRenderer,
)
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from django_partstream import ProgressiveView
from partstream_rest import _drf

RELIES = (
    "RememberingNegotiation of partstream_rest._drf relied on this before djangorestframework "
    + version("djangorestframework")
)


class Versioned(BaseRenderer):
    media_type = "application/json; version=2"
    format = "v2"


RENDERERS = [
    [JSONRenderer],
    [JSONRenderer, BrowsableAPIRenderer],
    [BrowsableAPIRenderer, JSONRenderer],
    [Versioned, JSONRenderer],
    [AdminRenderer, Versioned],
]
ACCEPTS = [
    None,
    "",
    "*/*",
    "application/json",
    "application/*",
    "application/json; indent=4",
    "application/json; version=2",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "text/csv",
    "*/*; charset=x",
    "nonsense, , application/json",
    "application/json, " * 40,
]
ADDRESSES = ["/", "/?format=json", "/?format=api", "/?format=", "/?format=none", "/?a=1"]


@pytest.fixture(autouse=True)
def _nothing_remembered():
    _drf._choices.clear()


def chosen(negotiator, kinds, accept, address="/", suffix=None):
    headers = {} if accept is None else {"HTTP_ACCEPT": accept}
    request = Request(APIRequestFactory().get(address, **headers))
    renderers = [kind() for kind in kinds]
    try:
        renderer, media_type = negotiator.select_renderer(request, renderers, suffix)
    except Exception as exc:
        return type(exc)
    assert any(renderer is each for each in renderers)
    return type(renderer), media_type


def test_a_remembered_choice_is_the_choice_of_drf():
    ours = _drf.RememberingNegotiation()
    for _ in range(2):
        for kinds in RENDERERS:
            for accept in ACCEPTS:
                for address in ADDRESSES:
                    for suffix in (None, "json", "v2"):
                        asked = kinds, accept, address, suffix
                        theirs = chosen(DefaultContentNegotiation(), *asked)
                        assert chosen(ours, *asked) == theirs, RELIES
    assert _drf._choices


def test_a_choice_is_made_once_for_the_same_header_and_media_types():
    ours = _drf.RememberingNegotiation()
    first = chosen(ours, [JSONRenderer], "*/*")
    with mock.patch.object(
        DefaultContentNegotiation, "select_renderer", side_effect=AssertionError
    ):
        assert chosen(ours, [JSONRenderer], "*/*") == first
        assert chosen(ours, [Versioned], "*/*") is AssertionError
        assert chosen(ours, [JSONRenderer], "text/csv") is AssertionError


def test_the_pages_of_a_view_share_a_choice(serve):
    class View(ProgressiveView):
        def get_parts(self):
            return [("a", 1)]

    client = serve(View)
    first = client.get("/")
    with mock.patch.object(
        DefaultContentNegotiation, "select_renderer", side_effect=AssertionError
    ):
        assert client.get("/").content == first.content


def test_a_refusal_is_not_remembered():
    ours = _drf.RememberingNegotiation()
    assert chosen(ours, [JSONRenderer], "text/csv") is NotAcceptable
    assert not _drf._choices


def test_choices_are_bounded_in_number_and_length():
    ours = _drf.RememberingNegotiation()
    for number in range(_drf.MAX_CHOICES * 2 + 10):
        chosen(ours, [JSONRenderer], f"*/*; a={number}")
        chosen(ours, [JSONRenderer], f"*/*; a={number}; b={'x' * _drf.MAX_ACCEPT}")
    assert 0 < len(_drf._choices) <= _drf.MAX_CHOICES
    assert max(len(accept) for accept, *_ in _drf._choices) <= _drf.MAX_ACCEPT


@pytest.mark.parametrize("derived", [True, False], ids=["subclass", "own class"])
def test_the_negotiator_of_a_project_is_asked_for_each_page(serve, derived):
    asked = []

    class Negotiation(DefaultContentNegotiation if derived else object):
        def select_renderer(self, request, renderers, format_suffix=None):
            asked.append(request)
            return renderers[0], renderers[0].media_type

        def select_parser(self, request, parsers):
            return parsers[0]

    class View(ProgressiveView):
        content_negotiation_class = Negotiation

        def get_parts(self):
            return [("a", 1)]

    client = serve(View)
    assert [client.get("/").status_code for _ in range(3)] == [200] * 3
    assert len(asked) == 3


def test_the_negotiator_of_a_base_class_of_a_project_counts(serve):
    class Negotiation(DefaultContentNegotiation):
        """A subclass may do anything, so it is left alone."""

    class Base(APIView):
        content_negotiation_class = Negotiation

    class View(ProgressiveView, Base):
        """The base class of the project comes last."""

    assert type(View().get_content_negotiator()) is Negotiation
    assert type(ProgressiveView().get_content_negotiator()) is _drf.RememberingNegotiation
