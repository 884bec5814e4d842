"""Objects of other libraries as JSON: records by their fields, numbers of numpy and pandas."""

import subprocess
import sys
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.rest.writing import refusal, sent, sent_by


@dataclass
class Line:
    name: str
    total: Decimal
    lines: Any = ()
    _seen: bool = field(default=True, repr=False)


@dataclass
class Action(Line):
    """A record that can be called is still a record."""

    def __call__(self):
        raise AssertionError


@pytest.mark.parametrize("kind", [Line, Action])
def test_a_dataclass_is_an_object_of_its_fields(kind):
    inner = {"name": "b", "total": 2.0, "lines": [], "_seen": True}
    assert sent_by(lambda: kind("a", Decimal("1.5"), iter([kind("b", Decimal(2))]))) == {
        "name": "a", "total": 1.5, "lines": [inner], "_seen": True,
    }  # fmt: skip


def test_a_class_of_records_is_refused():
    assert isinstance(refusal(Line), TypeError)


def test_a_record_of_attrs_is_an_object_of_its_fields():
    attrs = pytest.importorskip("attrs")

    @attrs.define
    class Order:
        number: int
        at: date

    assert sent(Order(1, date(2024, 1, 2))) == {"number": 1, "at": "2024-01-02"}


def test_a_struct_of_msgspec_is_an_object_of_its_fields():
    msgspec = pytest.importorskip("msgspec")

    class Order(msgspec.Struct):
        number: int
        lines: list[Any]

    assert sent(Order(1, [Order(2, [])])) == {"number": 1, "lines": [{"number": 2, "lines": []}]}


class TestPydantic:
    @pytest.fixture
    def pydantic(self):
        return pytest.importorskip("pydantic")

    def test_a_model_is_an_object_of_its_fields(self, pydantic):
        class Order(pydantic.BaseModel):
            a: int
            at: date
            total: Decimal
            inner: Any = None

        order = Order(
            a=1, at=date(2024, 1, 2), total="1.5", inner=Order(a=2, at="2024-01-03", total=1)
        )
        assert sent(order) == {
            "a": 1, "at": "2024-01-02", "total": 1.5,
            "inner": {"a": 2, "at": "2024-01-03", "total": 1.0, "inner": None},
        }  # fmt: skip

    def test_a_field_that_the_model_excludes_is_not_sent(self, pydantic):
        class Account(pydantic.BaseModel):
            name: str
            password: str = pydantic.Field(exclude=True)

        assert sent([Account(name="ann", password="secret")]) == [{"name": "ann"}]

    def test_a_field_that_a_dataclass_of_pydantic_excludes_is_not_sent(self, pydantic):
        @pydantic.dataclasses.dataclass
        class Account:
            name: str
            password: str = pydantic.Field(exclude=True)

        assert sent([Account(name="ann", password="secret")]) == [{"name": "ann"}]

    def test_a_model_of_pydantic_1_is_an_object_of_its_fields(self):
        old = pytest.importorskip("pydantic.v1")

        class Account(old.BaseModel):
            name: str
            password: str = old.Field(exclude=True)

        class Numbers(old.BaseModel):
            __root__: list[int]

        account = Account(name="ann", password="secret")
        assert sent([account, Numbers(__root__=[1])]) == [{"name": "ann"}, [1]]

    def test_a_secret_is_refused(self, pydantic):
        class Account(pydantic.BaseModel):
            password: pydantic.SecretStr

        assert isinstance(refusal(Account(password="secret")), TypeError)

    def test_a_root_model_is_its_root(self, pydantic):
        assert sent(pydantic.RootModel[list[int]]([1, 2])) == [1, 2]


class TestNumpy:
    @pytest.fixture
    def np(self):
        return pytest.importorskip("numpy")

    def test_numbers_are_numbers_and_arrays_lists(self, np):
        value = {
            "int": np.int64(3), "float": np.float64(1.5), "small": np.float32(1.5),
            "bool": np.bool_(True), "str": np.str_("a"),
            "array": np.array([[1, 2], [3, 4]]), "scalar": np.array(5),
            "mixed": np.array([1, "a", None, Decimal(1)], dtype=object),
        }  # fmt: skip
        assert sent(value) == {
            "int": 3, "float": 1.5, "small": 1.5, "bool": True, "str": "a",
            "array": [[1, 2], [3, 4]], "scalar": 5, "mixed": [1, "a", None, 1.0],
        }  # fmt: skip

    def test_what_is_not_a_number_is_null(self, np):
        value = [np.float64("nan"), np.float32("inf"), np.array([np.nan, 1]), np.ma.masked]
        assert sent(value) == [None, None, [None, 1.0], None]

    @pytest.mark.parametrize("unit", ["ns", "us", "s", "ps"])
    def test_times_are_texts_in_any_unit_and_no_numbers(self, np, unit):
        at = np.datetime64("1970-01-02T03:04:05", unit)
        assert sent([at, np.array([at, "NaT"], dtype=f"M8[{unit}]")]) == [
            "1970-01-02T03:04:05",
            ["1970-01-02T03:04:05", None],
        ]
        assert sent(np.timedelta64(60, "s").astype(f"m8[{unit}]")) == "60.0"
        assert sent(np.datetime64("1970-01-02", "D")) == "1970-01-02"

    def test_bytes_and_complex_numbers_are_refused(self, np):
        assert isinstance(refusal(np.bytes_(b"a")), TypeError)
        assert isinstance(refusal(np.array([1j])), TypeError)

    def test_a_number_of_numpy_as_a_key_is_refused(self, np):
        assert isinstance(refusal({np.int64(1): 1}), TypeError)


class TestPandas:
    @pytest.fixture
    def pd(self):
        return pytest.importorskip("pandas")

    @pytest.mark.parametrize("unit", ["ns", "us"])
    def test_times_with_a_time_zone_are_texts_in_any_unit(self, pd, unit):
        times = pd.date_range("2024-01-02", periods=1, tz="UTC").as_unit(unit)
        texts = ["2024-01-02T00:00:00Z"]
        assert sent([times, pd.Series(times), pd.DataFrame({"at": times})]) == [
            texts,
            texts,
            {"at": texts},
        ]

    def test_nat_na_and_nan_are_null(self, pd):
        assert sent([pd.NaT, pd.NA, float("nan")]) == [None, None, None]
        assert sent(pd.NaT) is None
        rows = pd.DataFrame({"at": [datetime(2024, 1, 2), None], "n": [1.5, None]})
        assert sent(rows.to_dict("records")) == [
            {"at": "2024-01-02T00:00:00", "n": 1.5},
            {"at": None, "n": None},
        ]

    def test_nat_is_null_for_a_projects_encoder_too(self, pd):
        from django.core.serializers.json import DjangoJSONEncoder
        from rest_framework.renderers import JSONRenderer

        renderer = type("Own", (JSONRenderer,), {"encoder_class": DjangoJSONEncoder})()
        assert sent([pd.NaT, pd.Timestamp(2024, 1, 2)], renderer) == [None, "2024-01-02T00:00:00"]

    def test_a_series_is_a_list_and_a_frame_an_object_of_its_columns(self, pd):
        frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]}, dtype=object)
        assert sent(frame["a"]) == [1, 2]
        assert sent(frame) == {"a": [1, 2], "b": ["x", None]}
        assert sent(frame.index) == [0, 1]
        times = pd.Series([datetime(2024, 1, 2), None])
        assert sent(times) == ["2024-01-02T00:00:00", None]
        assert sent(times.values) == ["2024-01-02T00:00:00", None]
        assert sent(pd.Timedelta(timedelta(minutes=1))) == "60.0"


def test_none_of_these_libraries_is_imported():
    code = """if True:
        import sys
        import django
        from django.conf import settings
        settings.configure(INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"])
        django.setup()
        from partstream_rest.values import Writer
        assert Writer(list)({"a": iter([1, {2}])}) == b'{"a":[1,[2]]}'
        print(sys.modules.keys() & {"numpy", "pandas", "pydantic", "attrs", "attr", "msgspec"})
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
