import base64
import copy
import json
import string
from decimal import Decimal
from unittest import mock
from uuid import UUID

import jwt
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.signing import Signer
from hypothesis import given
from hypothesis import strategies as st

from django_partstream import cursors
from django_partstream.cursors import Cursor
from django_partstream.exceptions import CursorExpired, CursorInvalid

ME = ["rest", "shop.Dashboard", {}, ["auth.user", "1"]]


def written(after="orders", position=3, *, audience=ME, ttl=60, **cursor):
    return cursors.write(
        Cursor(after=after, position=position, **cursor), audience=audience, ttl=ttl
    )


def encoded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_cursor_has_the_last_part_its_position_and_the_query():
    cursor = cursors.read(written(query="a=1"))
    assert (cursor.after, cursor.position, cursor.query) == ("orders", 3, "a=1")
    assert cursor.is_for(ME)


def test_the_header_of_a_cursor_is_exactly_the_documented_header():
    assert written().startswith("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.")
    assert jwt.get_unverified_header(written()) == {"typ": "JWT", "alg": "HS256"}


def test_a_cursor_names_neither_its_endpoint_nor_its_user():
    payload = base64.urlsafe_b64decode(written().split(".")[1] + "==")
    assert set(json.loads(payload)) == {"v", "k", "exp", "p", "n"}
    assert b"Dashboard" not in payload
    assert b"user" not in payload


@pytest.mark.parametrize(
    "other",
    [
        ["rest", "shop.Profile", {}, ["auth.user", "1"]],
        ["rest", "shop.Dashboard", {"pk": 2}, ["auth.user", "1"]],
        ["rest", "shop.Dashboard", {}, ["auth.user", "2"]],
        ["rest", "shop.Dashboard", {}, ["shop.customer", "1"]],
        ["rest", "shop.Dashboard", {}, []],
        ["graphql", "shop.Dashboard", {}, ["auth.user", "1"]],
    ],
)
def test_a_cursor_is_refused_for_another_endpoint_or_user(other):
    assert not cursors.read(written()).is_for(other)


@pytest.mark.parametrize("segment", [0, 1, 2])
def test_a_cursor_with_any_letter_changed_is_invalid(segment):
    token = written()
    parts = token.split(".")
    for place in range(len(parts[segment])):
        letter = "A" if parts[segment][place] != "A" else "B"
        changed = parts[segment][:place] + letter + parts[segment][place + 1 :]
        forged = ".".join([*parts[:segment], changed, *parts[segment + 1 :]])
        with pytest.raises(CursorInvalid):
            cursors.read(forged)


def test_a_signature_with_a_second_spelling_in_base64_is_invalid():
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    token = written()
    respelled = token[:-1] + alphabet[alphabet.index(token[-1]) + 1]
    with pytest.raises(CursorInvalid):
        cursors.read(respelled)


@pytest.mark.parametrize(
    "forge",
    [
        lambda token: "",
        lambda token: "garbage",
        lambda token: "a.b.c",
        lambda token: token + "=",
        lambda token: token + ".",
        lambda token: " " + token,
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token.replace(".", "..", 1),
        lambda token: f"{encoded({'typ': 'JWT', 'alg': 'none'})}.{token.split('.')[1]}.",
        lambda token: f"{encoded({'alg': 'HS256', 'typ': 'JWT'})}.{'.'.join(token.split('.')[1:])}",
        lambda token: "é" * 20,
        lambda token: "\ud800",
        lambda token: Signer().sign("orders"),
    ],
)
def test_a_malformed_or_forged_cursor_is_invalid(forge):
    with pytest.raises(CursorInvalid):
        cursors.read(forge(written()))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_token_signed_with_the_raw_secret_key_is_no_cursor(settings, algorithm):
    claims = {"v": 1, "k": "x", "exp": 2**33, "p": "orders", "n": 3}
    with pytest.raises(CursorInvalid):
        cursors.read(jwt.encode(claims, settings.SECRET_KEY, algorithm, sort_headers=False))


def test_a_cursor_of_a_format_that_is_not_known_is_expired():
    with mock.patch.object(cursors, "FORMAT", 3):
        token = written()
    with pytest.raises(CursorExpired):
        cursors.read(token)


def test_a_cursor_expires_to_the_second():
    with mock.patch("time.time", return_value=1000.0):
        token = written(ttl=60)
    with mock.patch("time.time", return_value=1059.9):
        assert cursors.read(token).after == "orders"
    with mock.patch("time.time", return_value=1060.0), pytest.raises(CursorExpired):
        cursors.read(token)


def test_an_altered_cursor_is_invalid_rather_than_expired():
    token = cursors.expire(written())
    with pytest.raises(CursorExpired):
        cursors.read(token)
    with pytest.raises(CursorInvalid):
        cursors.read(token[:-2] + ("AA" if token[-2:] != "AA" else "BB"))


def test_the_secret_key_can_be_rotated_without_breaking_a_walk(settings):
    token = written()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the-new-one-" + "n" * 50
    assert cursors.read(token).is_for(ME)
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(CursorInvalid):
        cursors.read(token)


def test_a_cursor_longer_than_the_maximum_is_not_decoded():
    with mock.patch.object(cursors, "_algorithm") as never, pytest.raises(CursorInvalid):
        cursors.read(cursors.HEADER + "." + "A" * 3000 + "." + "A" * 43)
    assert not never.mock_calls


def test_a_cursor_carries_the_digest_of_a_query_string_that_does_not_fit():
    token = written(query="q=" + "x" * 4000)
    assert len(token) < 300
    cursor = cursors.read(token)
    assert cursor.query == ""
    assert cursor.continues("q=" + "x" * 4000)
    assert not cursor.continues("q=" + "x" * 3999)


def test_a_query_string_that_does_not_fit_beside_a_long_name_leaves_its_digest():
    query, name = "q=" + "x" * 766, "\N{OWL}" * 255
    assert cursors.read(written(query=query)).query == query
    token = written(name, query=query)
    assert len(token) <= 2048
    cursor = cursors.read(token)
    assert (cursor.after, cursor.query) == (name, "")
    assert cursor.continues(query)
    assert not cursor.continues(query + "x")


def test_a_part_name_that_does_not_fit_into_a_cursor_is_an_error_with_its_remedy(settings):
    settings.PARTSTREAM = {"MAX_CURSOR_LENGTH": 256}
    with pytest.raises(ImproperlyConfigured, match="shorter name"):
        written(after="n" * 200)


@pytest.mark.parametrize("name", ["orders", "été", "注文", "a b", 'quo"te', "…" * 255])
def test_a_cursor_gives_back_any_part_name_unchanged(name):
    assert cursors.read(written(after=name)).after == name


#: Payload and signature of a cursor, by its query string.
FORMAT_1 = {
    "": "eyJ2IjoxLCJrIjoiZ1pmSnVrYW5FUFpiTkc2UiIsImV4cCI6MTA2MCwicCI6Im9yZGVycyIsIm4iOjN9"
    ".VbteIfI1QVfe0mo4lmt_5wU_69o7C9zjfxag3lG5j1o",
    "a=1": "eyJ2IjoxLCJrIjoiZ1pmSnVrYW5FUFpiTkc2UiIsImV4cCI6MTA2MCwicCI6Im9yZGVycyIsIm4iOjMs"
    "InEiOiJhPTEifQ.C3e40NGbREU38EzAZoLA2ukV1IbnZCfoXJ28bnwEaZI",
    "a=" + "x" * 1100: "eyJ2IjoxLCJrIjoiZ1pmSnVrYW5FUFpiTkc2UiIsImV4cCI6MTA2MCwicCI6Im9yZGVycyIs"
    "Im4iOjMsImgiOiJiWUhxdFFaYVQyMTlQSTdwIn0.PPBm317w6hB1Iz9U4d-d9HYQoAWNL7Ey3oUG-5k3Teo",
}


@pytest.mark.parametrize("query", FORMAT_1, ids=["no query", "query", "digest of a query"])
def test_a_cursor_of_format_1_is_the_same_to_the_byte(settings, query):
    settings.SECRET_KEY = "k" * 50
    with mock.patch("time.time", return_value=1000.0):
        assert written(query=query) == f"{cursors.HEADER}.{FORMAT_1[query]}"


@pytest.mark.parametrize(
    ("cursor", "claims"),
    [
        (
            {"owed": {"profile": 900, "été": 950}, "query": "a=1"},
            '"p":"orders","n":3,"o":{"profile":900,"été":950},"q":"a=1"',
        ),
        ({"after": "", "position": -1}, '"p":"","n":-1'),
        ({"after": "", "position": -1, "query": "a=1"}, '"p":"","n":-1,"q":"a=1"'),
    ],
    ids=["owes parts", "names no part", "names no part, with a query"],
)
def test_a_cursor_that_owes_parts_or_names_none_has_format_2(cursor, claims):
    with mock.patch("time.time", return_value=1000.0):
        token = written(**cursor)
        again = cursors.read(token)
    payload = base64.urlsafe_b64decode(token.split(".")[1] + "==").decode()
    assert payload == f'{{"v":2,"k":"{again.audience}","exp":1060,{claims}}}'
    expected = {"after": "orders", "position": 3, "owed": {}, "query": "", **cursor}
    assert {name: getattr(again, name) for name in expected} == expected
    assert again.is_for(ME)


def test_an_expired_cursor_that_owes_parts_is_expired():
    with pytest.raises(CursorExpired):
        cursors.read(cursors.expire(written(owed={"profile": 900})))


@pytest.mark.parametrize("version", [0, 3, "2", None, 2.5])
def test_a_signed_cursor_of_a_format_of_a_later_release_is_expired(version):
    token = written()
    claims = {**cursors._claims(token), "v": version, "o": ["of another shape"]}
    with pytest.raises(CursorExpired):
        cursors.read(cursors._sign(json.dumps(claims), cursors.read(token).key))


def test_a_query_string_of_three_eighths_of_the_limit_is_carried_beside_owed_parts():
    owed = {f"part-{number:02}": 1_800_000_000 for number in range(18)}
    assert cursors.can_owe(owed, after="orders", limit=2048)
    assert not cursors.can_owe([*owed, "another"], after="orders", limit=2048)
    for length, is_carried in [(768, True), (769, False)]:
        token = written("n" * 200, query="x" * length, owed=owed)
        assert len(token) <= 2048
        assert cursors.read(token).query == "x" * length * is_carried
        assert cursors.read(token).owed == owed


@pytest.mark.parametrize("limit", [256, 384, 512, 768, 1024, 1160, 2048])
def test_a_walk_carries_its_query_on_every_page_or_on_none(settings, limit):
    settings.PARTSTREAM = {"MAX_CURSOR_LENGTH": limit}
    after, owed = "n" * min(64, limit // 8), {}
    while cursors.can_owe([*owed, f"p{len(owed)}"], after=after, limit=limit):
        owed[f"p{len(owed)}"] = 1_800_000_000
    for length in range(1, limit // 2):
        query = "x" * length
        places = [written("a", query=query), written(after, query=query, owed=owed)]
        assert len({cursors.read(token).query for token in places}) == 1


def test_owed_names_take_a_quarter_of_a_cursor_as_they_are_written():
    """In base64, 4 characters for 3 bytes: the name in JSON, and ``:1800000000,``."""
    for name in ["x" * 3, "é" * 4, '"' * 6]:
        bytes_of_each = len(json.dumps(name, ensure_ascii=False).encode()) + 12
        most = 512 * 3 // 4 // bytes_of_each
        assert cursors.can_owe([name] * most, after="a", limit=2048)
        assert not cursors.can_owe([name] * (most + 1), after="a", limit=2048)


def test_a_single_name_may_be_owed_though_it_takes_more_than_a_quarter():
    long = "x" * 255
    assert cursors.can_owe([long], after=long, limit=1024)
    assert not cursors.can_owe([long, "y"], after=long, limit=1024)
    assert not cursors.can_owe([long], after=long, limit=800)
    assert not cursors.can_owe(["\N{OWL}" * 255], after="\N{OWL}" * 255, limit=2048)


@given(
    st.text(min_size=1, max_size=255),
    st.dictionaries(st.text(min_size=1, max_size=60), st.integers(0, 9_999_999_999), max_size=12),
    st.text(max_size=2000),
    st.integers(256, 2048),
)
def test_a_cursor_that_can_owe_its_parts_is_never_too_long(after, owed, query, limit):
    with mock.patch.object(cursors, "setting", return_value=limit):
        if cursors.can_owe(owed, after=after, limit=limit) and owed:
            assert len(written(after, 999_999, owed=owed, query=query)) <= limit


#: Audiences that must have different digests, remembered or not.
AUDIENCES = [
    ["a", "b"],
    ["a,b"],
    [["a", "b"]],
    [("a",), "b"],
    [1],
    [1.0],
    ["1"],
    [True],
    [None],
    [{"a": 1}],
    [{"a": 2}],
    [b"a"],
    [b"a" * 2000],
    [UUID(int=1)],
    [UUID(int=2)],
    [Decimal("1")],
    ["x" * 2000],
    ["x" * 2001],
]


def test_equal_audiences_have_a_digest_and_different_audiences_have_others():
    key = b"k" * 32
    made = [cursors.digest(key, audience) for audience in AUDIENCES]
    assert len(set(made)) == len(AUDIENCES)
    again = [cursors.digest(key, copy.deepcopy(audience)) for audience in reversed(AUDIENCES)]
    assert again == made[::-1]
    assert not set(made) & {cursors.digest(b"l" * 32, audience) for audience in AUDIENCES}


def test_a_remembered_digest_is_the_digest_that_is_made_anew():
    key = b"k" * 32
    made = [cursors.digest(key, audience) for audience in AUDIENCES]
    cursors._remembered.cache_clear()
    assert made == [cursors._digest(key, audience) for audience in AUDIENCES]


def test_the_digests_of_short_messages_alone_are_remembered_in_bounded_number():
    cursors._remembered.cache_clear()
    for number in range(1500):
        cursors.digest(b"k" * 32, [str(number)])
        cursors.digest(b"k" * 32, [str(number) * 2000])
    kept = cursors._remembered.cache_info()
    assert kept.misses == 1500
    assert kept.currsize == kept.maxsize == 1024


def test_the_key_of_cursors_is_derived_once_for_several_cursors():
    with mock.patch.object(cursors, "salted_hmac", wraps=cursors.salted_hmac) as derived:
        cursors._key.cache_clear()
        for _ in range(5):
            cursors.read(written())
    assert derived.call_count == 1
