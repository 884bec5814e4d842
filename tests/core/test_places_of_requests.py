"""The request is found among the arguments of a call, in every place."""

from types import SimpleNamespace

import pytest

from django_partstream.identity import Asked


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
