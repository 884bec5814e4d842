"""Tags of values: what makes two of them equal, and what does not."""

import re

import pytest

from django_partstream import cursors, tags
from django_partstream.tags import Tagger

AUDIENCE = ["rest", "shop.views.Dashboard", ["shop.customer", "1"]]


def tag(name="orders", text=b"[1]", form="json", audience=AUDIENCE):
    return Tagger(audience).tag(name, text, form=form)


def test_a_tag_is_96_bits_in_base64url():
    assert re.fullmatch(r"[A-Za-z0-9_-]{16}", tag())


def test_a_tag_is_the_same_for_the_same_value():
    assert tag() == tag()


@pytest.mark.parametrize(
    "other",
    [
        {"name": "order"},
        {"text": b"[2]"},
        {"text": b""},
        {"form": "yaml"},
        {"audience": [*AUDIENCE, ["tenant", 1]]},
        {"audience": [*AUDIENCE[:2], ["shop.customer", "2"]]},
    ],
)
def test_a_tag_is_another_where_anything_differs(other):
    assert tag(**other) != tag()


@pytest.mark.parametrize(
    "told",
    [
        [("json", "a", b"b"), ("json", "ab", b""), ("jsona", "b", b""), ("", "jsona", b"b")],
        [("json", "a", b'"b"]'), ("json", 'a","b', b"]"), ('json","a', "b", b"]")],
        [("json", "", b'"]'), ("json", '"]', b""), ('json"', "]", b"")],
    ],
)
def test_no_two_messages_run_into_each_other(told):
    assert len({tag(name, text, form) for form, name, text in told}) == len(told)


def test_a_tag_of_another_secret_is_another(settings):
    before = tag()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 8
    assert tag() != before


def test_the_key_of_tags_is_no_key_of_cursors(settings):
    assert tags._key(settings.SECRET_KEY) != cursors._key(settings.SECRET_KEY)


def test_the_keys_that_are_remembered_are_bounded():
    assert tags._key.cache_info().maxsize == 16
