"""The request is found among the arguments of a call, in every place."""

from types import SimpleNamespace

import pytest

from django_partstream import identity
from django_partstream.identity import Asked, reader_identity, reader_of, request_of


@pytest.fixture(autouse=True)
def _contexts(monkeypatch):
    """A front has registered that arguments bring a context in ``context``, and no other has."""
    monkeypatch.setattr(identity, "CONTEXT_ATTRIBUTES", {"context"})


class View:
    context = "its own business"

    def get_parts(self):
        """Make it an owner of parts."""


class Asking:
    META: dict[str, str] = {}


INFO = SimpleNamespace(context=Asking())
VIEW = View()
REQUEST = Asking()


@pytest.mark.parametrize(
    ("args", "kwargs", "owners", "asker", "rest"),
    [
        ((REQUEST, 1), {}, (), REQUEST, (1,)),
        ((VIEW, REQUEST, 1), {}, (VIEW,), REQUEST, (1,)),
        ((7, INFO), {}, (7,), INFO, ()),
        ((View, 7, INFO), {}, (View, 7), INFO, ()),
        ((VIEW,), {"request": REQUEST}, (VIEW,), REQUEST, ()),
        ((VIEW, 1), {"request": REQUEST}, (VIEW,), REQUEST, (1,)),
        ((), {"request": REQUEST}, (), REQUEST, ()),
        (("EUR",), {}, (), None, ("EUR",)),
        ((1,), {"request": 5}, (), None, (1,)),
    ],
)
def test_the_arguments_of_a_call_are_split_at_its_request(args, kwargs, owners, asker, rest):
    asked = Asked.of(args, kwargs)
    assert (asked.owners, asked.asker, asked.rest) == (owners, asker, rest)


@pytest.mark.parametrize(
    ("args", "kwargs", "nobody"),
    [
        ((None,), {}, True),
        ((VIEW, None), {}, True),
        ((), {"request": None}, True),
        ((REQUEST,), {}, False),
        (("EUR", None), {}, False),
        ((), {}, False),
    ],
)
def test_none_in_place_of_the_request_is_a_call_by_hand(args, kwargs, nobody):
    assert Asked.of(args, kwargs).by_hand is nobody


def test_an_argument_with_a_context_is_no_asker_until_a_front_registers_it(monkeypatch):
    monkeypatch.setattr(identity, "CONTEXT_ATTRIBUTES", set())
    assert Asked.of((7, INFO), {}).asker is None
    assert reader_identity(INFO) is INFO
    identity.CONTEXT_ATTRIBUTES.add("context")
    assert Asked.of((7, INFO), {}).asker is INFO


USER = SimpleNamespace(pk=1)


@pytest.mark.parametrize(
    ("context", "request_", "reader"),
    [
        (REQUEST, REQUEST, REQUEST),
        ({"request": REQUEST}, REQUEST, REQUEST),
        (SimpleNamespace(request=REQUEST), REQUEST, REQUEST),
        (OWN := {"request": REQUEST, "user": USER}, REQUEST, OWN),
        (OTHER := SimpleNamespace(request=REQUEST, user=USER), REQUEST, OTHER),
        (ALONE := {"user": USER}, ALONE, ALONE),
        (None, None, None),
    ],
)
def test_the_request_and_the_reader_are_found_in_any_context(context, request_, reader):
    info = SimpleNamespace(context=context)
    assert request_of(info) is request_
    assert reader_of(info) is reader


def test_a_request_with_a_context_of_its_own_is_request_and_reader():
    request = Asking()
    request.context = {"request": REQUEST, "user": USER}
    assert request_of(request) is reader_of(request) is request
