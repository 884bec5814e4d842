"""Values of parts as JSON, each with and without orjson."""

import array
import datetime
import enum
import ipaddress
import itertools
import json
import math
import pickle
import sqlite3
import uuid
from collections import OrderedDict, UserDict, UserList, UserString, deque, namedtuple
from decimal import Decimal
from types import MappingProxyType, SimpleNamespace

import pytest
from django.contrib.sessions.backends.base import SessionBase
from django.core.paginator import Paginator
from django.db import models
from django.http import QueryDict
from django.utils.functional import LazyObject, SimpleLazyObject, lazystr
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder

from django_partstream.failures import failure_of
from django_partstream.parts import lazy
from partstream_rest.values import JSONText, dumps
from tests.rest.writing import refusal, refusal_of, sent, sent_by, texts


class Kind(models.TextChoices):
    GOOD = "good"


class Colour(str, enum.Enum):  # noqa: UP042 - many projects have such
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Size(enum.Enum):
    SMALL = Decimal("1.5")


class Metres(float):
    """A subclass of float; numpy has such."""


class Own:
    """A value that says it is a list, and is none: it returns itself."""

    def tolist(self):
        return self

    def __repr__(self):
        return "Own()"


class Pairs:
    """An old kind of sequence, without ``__iter__``."""

    def __init__(self, *pairs):
        self.pairs = pairs

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, place):
        return self.pairs[place]


class Endless:
    """An endless iterable that is no iterator."""

    def __iter__(self):
        return itertools.count()


class Answering:
    """An object that answers to any name, as a mock does."""

    def __getattr__(self, name):
        return name


Point = namedtuple("Point", "x y")
UTC = datetime.UTC

VALUES = [
    (None, None),
    (True, True),
    ("ü", "ü"),
    (2**64 - 1, 2**64 - 1),
    (-(2**63), -(2**63)),
    (1.5, 1.5),
    (-0.0, -0.0),
    (1e22, 1e22),
    ((1, 2), [1, 2]),
    (Point(1, 2), [1, 2]),
    ({"a": {"b": [1]}}, {"a": {"b": [1]}}),
    (OrderedDict(a=1), {"a": 1}),
    (UserDict(a=1), {"a": 1}),
    (MappingProxyType({"a": 1}), {"a": 1}),
    (QueryDict("a=1&a=2"), {"a": "2"}),
    ({Kind.GOOD: Kind.GOOD}, {"good": "good"}),
    (Colour.RED, "red"),
    (Level.LOW, 1),
    (Size.SMALL, 1.5),
    (Metres(1.5), 1.5),
    (mark_safe("<b>"), "<b>"),
    (UserString("text"), "text"),
    (lazystr("later"), "later"),
    (gettext_lazy("Monday"), "Monday"),
    ({3}, [3]),
    (range(2), [0, 1]),
    (UserList([1]), [1]),
    ({"a": 1}.keys(), ["a"]),
    (array.array("d", [1.5]), [1.5]),
    (deque([(1, 2), (3, 4)]), [[1, 2], [3, 4]]),
    (deque(), []),
    (Pairs((1, 2), (3, 4)), [[1, 2], [3, 4]]),
    (Paginator([(1, 2), (3, 4)], 2).page(1), [[1, 2], [3, 4]]),
    (Paginator([{"id": 1, "total": 2}], 2).page(1), [{"id": 1, "total": 2}]),
    (Decimal("1.50"), 1.5),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (datetime.datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01T00:00:00Z"),
    (datetime.datetime(2024, 1, 1, 2, 3, 4, 5678), "2024-01-01T02:03:04.005678"),
    (datetime.date(2024, 1, 1), "2024-01-01"),
    (datetime.time(1, 2), "01:02:00"),
    (datetime.timedelta(minutes=1), "60.0"),
    (ipaddress.ip_network("10.0.0.0/8"), "10.0.0.0/8"),
    (ipaddress.ip_interface("::1/64"), "::1/64"),
    (SimpleLazyObject(lambda: 5), 5),
    (SimpleLazyObject(lambda: {"a": SimpleLazyObject(lambda: "b")}), {"a": "b"}),
    (SimpleLazyObject(lambda: None), None),
    # NaN and infinity are null.
    (math.nan, None),
    (-math.inf, None),
    (Metres("nan"), None),
    (Decimal("NaN"), None),
    ([math.nan, {"a": math.inf}], [None, {"a": None}]),
    # Keys as json.dumps() writes them.
    (
        {1.5: 2, True: 3, None: 4, 7: 5, 2**70: 6, 1e22: 7, math.inf: 8},
        {"1.5": 2, "true": 3, "null": 4, "7": 5, str(2**70): 6, "1e+22": 7, "Infinity": 8},
    ),
    ({Level.LOW: 1, Metres(2): 2}, {"1": 1, "2.0": 2}),
    (
        {"a": {None: {}}, 1: None},
        {"a": {"null": {}}, "1": None},
    ),
    ({1: {2: [{3: datetime.date(2024, 1, 1)}]}}, {"1": {"2": [{"3": "2024-01-01"}]}}),
]


@pytest.mark.parametrize(
    ("value", "expected"), [pytest.param(*pair, id=repr(pair[0])[:60]) for pair in VALUES]
)
def test_a_value_becomes_the_json_of_its_kind(value, expected):
    made = sent(value)
    assert (made, repr(made)) == (expected, repr(expected))
    assert sent({"in": [value]}) == {"in": [expected]}


@pytest.mark.parametrize(
    "make",
    [
        lambda: iter([1, 2]),
        lambda: (number for number in (1, 2)),
        lambda: map(int, "12"),
        lambda: itertools.chain([1], [2]),
        lambda: itertools.islice(itertools.count(1), 2),
        lambda: SimpleLazyObject(lambda: iter([1, 2])),
    ],
)
def test_an_iterator_is_a_list_of_its_items_wherever_it_stands(make):
    assert sent_by(make) == [1, 2]
    assert sent_by(lambda: {"a": make()}) == {"a": [1, 2]}
    # The encoder gives up at the key, at NaN or at the end, and the walk still finds the items.
    assert sent_by(lambda: [make(), {1: 2}, math.nan, make()]) == [[1, 2], {"1": 2}, None, [1, 2]]


class Stream:
    """An iterable that is no iterator, and yet is used up, as is the cursor of a database."""

    def __init__(self):
        self._items = iter([1, 2])

    def __iter__(self):
        yield from self._items


@pytest.mark.parametrize("giving_up", [{1: 2}, math.nan, 2**64 - 1], ids=repr)
def test_what_is_used_up_when_it_is_read_is_read_once(giving_up):
    """The encoder gives up after it has read the items, and the walk still finds them."""
    made = sent_by(lambda: [Stream(), giving_up])
    assert made[0] == [1, 2]


def test_a_form_of_a_projects_encoder_is_asked_for_once():
    class Reading(JSONEncoder):
        def default(self, obj):
            return next(obj.text) if isinstance(obj, Own) else super().default(obj)

    def make():
        own = Own()
        own.text = iter(["a"])
        return {"own": own, 1: math.nan}

    renderer = type("Renderer", (JSONRenderer,), {"encoder_class": Reading})()
    assert sent_by(make, renderer) == {"own": "a", "1": None}


def test_zip_is_a_list_of_lists():
    assert sent_by(lambda: zip("ab", [1, 2], strict=True)) == [["a", 1], ["b", 2]]


def test_a_row_of_a_driver_is_an_object_of_its_columns():
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    assert sent(connection.execute("SELECT 1 AS a, 2 AS b").fetchall()) == [{"a": 1, "b": 2}]
    connection.close()


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (2**64, ValueError),
        (-(2**63) - 1, ValueError),
        ("\ud800", ValueError),
        ({"\ud800": 1}, ValueError),
        (b"x", TypeError),
        (bytearray(b"x"), TypeError),
        (memoryview(b"x"), TypeError),
        ({b"x": 1}, TypeError),
        ({(1, 2): 1}, TypeError),
        ({datetime.date(2024, 1, 1): 1}, TypeError),
        ({uuid.UUID(int=1): 1}, TypeError),
        ({Size.SMALL: 1}, TypeError),
        (object(), TypeError),
        (object, TypeError),
        (SimpleNamespace(a=1), TypeError),
        (Answering(), TypeError),
        (len, TypeError),
        (lazy(len), TypeError),
        (1j, TypeError),
        ([[[object()]]], TypeError),
        (Own(), TypeError),
        (datetime.time(1, tzinfo=UTC), ValueError),
        (Decimal("sNaN"), ValueError),
        (Decimal("1e400"), ValueError),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_value_without_json_form_is_refused_and_not_retryable(value, kind):
    for given_value in (value, [{"a": value}], [{1: [value]}]):
        exc = refusal(given_value)
        assert isinstance(exc, kind)
        assert failure_of(exc).retryable is False


def test_a_value_that_becomes_itself_is_refused_by_its_kind():
    """Its form in JSON would be asked for without end."""
    assert "Own has no form in JSON" in str(refusal([Own()]))


def test_a_value_that_contains_itself_is_refused_and_not_retryable():
    ring = []
    ring.append(ring)
    exc = refusal(ring)
    assert isinstance(exc, ValueError)
    assert failure_of(exc).retryable is False


def test_a_value_that_has_no_end_of_forms_is_refused_as_one_that_is_too_deep():
    class Nested:
        def __iter__(self):
            yield Nested()

    assert type(refusal(Nested())) is ValueError


def test_a_deep_value_is_sent():
    """Deeper than orjson goes."""
    deep = leaf = []
    for _ in range(300):
        leaf.append([])
        leaf = leaf[0]
    assert sent(deep) == deep


@pytest.mark.parametrize("before", [[], [{1: 2}], [iter([])]], ids=repr)
def test_an_exception_of_the_value_itself_is_raised_as_it_is_and_once(before):
    asked = []

    def failing():
        asked.append(1)
        raise PermissionError("secret")

    exc = refusal([*before, UserDict(a=deque([SimpleLazyObject(failing)]))])
    assert type(exc) is PermissionError
    assert len(asked) == 2  # with and without orjson


def test_an_exit_inside_a_value_stays_an_exit():
    class Leaving(LazyObject):
        def _setup(self):
            raise SystemExit(3)

    for make in (lambda: [Leaving()], lambda: [iter([Leaving()])]):
        with pytest.raises(SystemExit):
            texts(make)


def test_a_text_is_on_a_single_line_with_the_escapes_of_drf():
    value = {"a\u2028b": "\u2029\n\r", 1: "\u2028"}
    for text in texts(lambda: value):
        assert text.splitlines() == [text]
        assert "\u2028" not in text.decode()
        assert "\u2029" not in text.decode()
        assert json.loads(text) == {"a\u2028b": "\u2029\n\r", "1": "\u2028"}
    assert dumps("\u2028") == b'"\\u2028"'


def test_a_text_is_small_for_a_cache_and_comes_back_as_a_text():
    (text, _) = texts(lambda: [1, 2, 3])
    kept = pickle.dumps(text)
    assert len(kept) < 100
    assert type(pickle.loads(kept)) is JSONText
    assert pickle.loads(kept) == text == b"[1,2,3]"


class TestEncoders:
    """The encoder of the view's first JSON renderer is asked before ours."""

    class Money:
        def __init__(self, amount):
            self.amount = amount

        def __iter__(self):
            return iter("never asked")

    class OwnEncoder(JSONEncoder):
        def default(self, obj):
            if isinstance(obj, TestEncoders.Money):
                return f"{obj.amount} EUR"
            if isinstance(obj, Decimal):
                return str(obj)
            return super().default(obj)

    def renderer(self, encoder):
        return type("Own", (JSONRenderer,), {"encoder_class": encoder})()

    def test_a_projects_encoder_gives_the_form_of_what_it_knows(self):
        value = {1: self.Money(5), "total": Decimal("1.50"), "at": datetime.date(2024, 1, 1)}
        assert sent(value, self.renderer(self.OwnEncoder)) == {
            "1": "5 EUR", "total": "1.50", "at": "2024-01-01",
        }  # fmt: skip

    def test_what_it_leaves_to_its_base_class_has_our_forms(self):
        renderer = self.renderer(self.OwnEncoder)
        assert sent(Paginator([{"id": 1, "total": 2}], 2).page(1), renderer) == [
            {"id": 1, "total": 2}
        ]
        assert isinstance(refusal(b"x", renderer), TypeError)

    def test_djangos_encoder_keeps_its_forms(self):
        from django.core.serializers.json import DjangoJSONEncoder

        value = [Decimal("1.50"), datetime.timedelta(minutes=1), deque([1])]
        renderer = self.renderer(DjangoJSONEncoder)
        assert sent(value, renderer) == ["1.50", "P0DT00H01M00S", [1]]

    def test_the_encoder_of_the_standard_library_has_ours_behind_it(self):
        assert sent(deque([Decimal("1.5")]), self.renderer(json.JSONEncoder)) == [1.5]

    def test_an_encoder_that_knows_nothing_else_refuses_and_is_not_retryable(self):
        class Alone(json.JSONEncoder):
            def default(self, obj):
                return json.JSONEncoder.default(self, obj)

        exc = refusal([deque()], self.renderer(Alone))
        assert "Object of type deque is not JSON serializable" in str(exc)
        assert failure_of(exc).retryable is False

    def test_the_first_json_renderer_counts_and_no_other(self):
        from rest_framework.renderers import BrowsableAPIRenderer

        renderers = [BrowsableAPIRenderer(), self.renderer(self.OwnEncoder), JSONRenderer()]
        assert sent(Decimal("1.50"), *renderers) == "1.50"
        assert sent(Decimal("1.50"), *reversed(renderers)) == 1.5


#: A leaf is a function that makes a value, so that an iterator is new each time.
ZONES = st.none() | st.timezones() | st.just(UTC)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(2**65), 2**65), st.floats(),
    st.text(st.characters()), st.text("0123456789-.\u2028\n", min_size=15),
    st.sampled_from([Kind.GOOD, Colour.RED, Level.LOW, Size.SMALL, Metres(1.5), mark_safe("<b>")]),
    st.datetimes(timezones=ZONES), st.dates(), st.times(), st.timedeltas(), st.uuids(),
    st.decimals(allow_nan=False), st.ip_addresses(), st.text().map(lazystr),
    st.binary(max_size=1), st.sampled_from([object(), 1j]),
).map(lambda leaf: lambda: leaf)  # fmt: skip
KEYS = st.text() | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none()


def made_of(kind):
    """A function from functions that make items to a function that makes a *kind* of them."""
    return lambda items: lambda: kind([item() for item in items])


def mapping_of(kind):
    """The same for a *kind* of mapping."""
    return lambda items: lambda: kind({name: item() for name, item in items.items()})


VALUES_OF_ANY_KIND = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        *(st.lists(inner, max_size=4).map(made_of(kind)) for kind in (list, tuple, deque, iter)),
        *(
            st.dictionaries(KEYS, inner, max_size=4).map(mapping_of(kind))
            for kind in (dict, OrderedDict, UserDict)
        ),
    ),
    max_leaves=12,
)


@given(VALUES_OF_ANY_KIND)
def test_any_value_is_sent_alike_or_refused_alike_with_and_without_orjson(make):
    try:
        sent_by(make)
    except (TypeError, ValueError):
        refusal_of(make)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(codec="utf-8"))
        | st.datetimes(timezones=ZONES)
        | st.dates()
        | st.times()
        | st.timedeltas()
        | st.uuids()
        | st.decimals(allow_nan=False, allow_infinity=False).filter(
            lambda number: math.isfinite(float(number))
        ),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(KEYS.filter(lambda key: key not in (math.inf, -math.inf)), inner)
        ),
        max_leaves=20,
    )
)
def test_a_value_that_drf_can_render_is_sent_as_drf_renders_it(value):
    expected = json.loads(JSONRenderer().render([value]))
    made = sent([value])
    assert (made, repr(made)) == (expected, repr(expected))


def test_a_session_is_refused_because_it_has_a_hash_of_the_password():
    session = SessionBase()
    session._session_cache = {"_auth_user_hash": "hash"}
    for value in (session, {"session": session}):
        assert "hash of its user's password" in str(refusal(value))
