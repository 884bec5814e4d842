"""Rows of models: files, annotations, and query sets under a guard in a partial."""

from decimal import Decimal
from functools import partial
from operator import attrgetter

import pytest
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db import models
from django.db.models import Count, F, Prefetch
from django.db.models.expressions import RawSQL
from django.test.utils import isolate_apps
from django.utils.functional import SimpleLazyObject, cached_property
from rest_framework import serializers

from django_partstream import ProgressiveView, lazy, safe_call
from example_schema.models import Customer, Order
from tests.rest.writing import refusal, sent, sent_by


@pytest.fixture
def document():
    """A model with file fields and without a table."""
    with isolate_apps("example_schema"):

        class Document(models.Model):
            file = models.FileField(null=True)
            image = models.ImageField(blank=True)

            class Meta:
                app_label = "example_schema"

        yield Document


def test_file_fields_of_rows_are_their_file_names_or_null(document):
    rows = [
        document(pk=1),
        document(pk=2, file="a.txt", image="b.png"),
        document(pk=3, file=None),
    ]
    assert sent(rows) == [
        {"id": 1, "file": None, "image": ""},
        {"id": 2, "file": "a.txt", "image": "b.png"},
        {"id": 3, "file": None, "image": ""},
    ]


def test_a_file_inside_a_value_is_its_name(document):
    one = document(pk=1, file="a.txt")
    assert sent({"file": one.file, "images": [one.image]}) == {"file": "a.txt", "images": [""]}


def test_an_open_file_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    from django.core.files import File

    with (tmp_path / "a.txt").open() as opened:
        assert "send its name or URL" in str(refusal(File(opened)))


@pytest.mark.django_db
class TestModels:
    def test_a_row_becomes_its_concrete_fields_as_in_values(self):
        customer = Customer.objects.create(name="Ann", email="ann@example.com", city="Oslo")
        order = Order.objects.create(customer=customer, total=Decimal("9.50"))
        shown = sent(order)
        assert shown == sent(Order.objects.values().get())
        assert shown["customer_id"] == customer.pk
        assert shown["total"] == 9.5

    def test_query_sets_managers_and_iterators_of_rows_become_lists(self):
        Customer.objects.create(name="Ann", email="ann@example.com", city="Oslo")
        assert sent(Customer.objects.values_list("name", flat=True)) == ["Ann"]
        assert sent(Customer.objects.values_list("name", "city")) == [["Ann", "Oslo"]]
        for make in (
            lambda: Customer.objects,
            Customer.objects.all,
            lambda: Customer.objects.raw("select * from example_schema_customer"),
            Customer.objects.iterator,
            lambda: {"in": [Customer.objects.all()]}["in"][0],
        ):
            assert [row["name"] for row in sent_by(make)] == ["Ann"]

    def test_a_related_manager_is_the_rows_of_its_object(self):
        customer = Customer.objects.create(name="Ann", email="ann@example.com", city="Oslo")
        Order.objects.create(customer=customer, total=Decimal("9.50"))
        assert [row["total"] for row in sent({"orders": customer.orders})["orders"]] == [9.5]

    def test_deferred_fields_of_rows_are_not_fetched(self, django_assert_num_queries):
        Customer.objects.create(name="Ann", email="ann@example.com", city="Oslo")
        with django_assert_num_queries(2):  # with and without orjson
            (row,) = sent_by(lambda: Customer.objects.only("name"))
        assert set(row) == {"id", "name"}

    @pytest.mark.parametrize("wrap", [list, SimpleLazyObject], ids=["list", "lazy"])
    def test_a_user_row_is_refused_with_the_remedy(self, wrap):
        user = User(username="ann", password="hash")
        value = [user] if wrap is list else SimpleLazyObject(lambda: user)
        assert "Serialise it yourself" in str(refusal(value))


@pytest.mark.django_db
class TestAnnotations:
    @pytest.fixture(autouse=True)
    def _ann(self):
        Customer.objects.create(name="Ann", email="ann@example.com", city="Oslo")

    @pytest.mark.parametrize(
        "rows",
        [
            lambda rows: rows,
            lambda rows: rows.only("name"),
            lambda rows: rows.order_by("orders_made")[:1],
            lambda rows: rows.union(rows),
            lambda rows: rows.values("name", "orders_made"),
        ],
        ids=["all", "only", "slice", "union", "values"],
    )
    def test_annotations_are_on_the_rows(self, rows):
        annotated = Customer.objects.annotate(orders_made=Count("orders"))
        (row,) = sent(rows(annotated))
        assert (row["name"], row["orders_made"]) == ("Ann", 0)

    def test_an_alias_of_the_query_is_not_on_the_rows(self):
        (row,) = sent(Customer.objects.alias(twin=F("name")).filter(twin="Ann"))
        assert "twin" not in row

    def test_annotations_take_no_query_of_their_own(self, django_assert_num_queries):
        with django_assert_num_queries(1):
            sent(Customer.objects.annotate(orders_made=Count("orders")).only("name"))


ANNOTATED = Customer.objects.annotate(orders_made=Count("orders"))
EXTRA = Customer.objects.extra(select={"orders_made": "0"})
RAW = "SELECT *, 0 AS orders_made FROM example_schema_customer"


@pytest.mark.django_db
class TestSelectedColumns:
    """However rows are handed over, each column that they were selected with is sent."""

    @pytest.fixture(autouse=True)
    def _ann(self):
        Customer.objects.create(name="Ann", email="ann@example.com", city="Oslo")

    @pytest.mark.parametrize(
        "make",
        [
            lambda: ANNOTATED.all(),
            lambda: list(ANNOTATED.all()),
            lambda: [ANNOTATED.first()],
            lambda: [ANNOTATED.get()],
            lambda: ANNOTATED.iterator(),
            lambda: list(ANNOTATED.in_bulk().values()),
            lambda: Paginator(ANNOTATED.order_by("pk"), 5).page(1),
            lambda: ANNOTATED.values(),
            lambda: EXTRA.all(),
            lambda: list(EXTRA.all()),
            lambda: EXTRA.iterator(),
            lambda: EXTRA.values(),
            lambda: Customer.objects.raw(RAW),
            lambda: list(Customer.objects.raw(RAW)),
            lambda: Customer.objects.raw(RAW).iterator(),
        ],
    )  # fmt: skip
    def test_a_row_has_its_fields_and_the_columns_beside_them(self, make):
        (row,) = sent_by(make)
        assert set(row) == {"id", "name", "email", "city", "created_at", "orders_made"}
        assert (row["name"], row["orders_made"]) == ("Ann", 0)

    def test_rows_by_their_keys_have_these_columns_too(self):
        pk = Customer.objects.get().pk
        assert sent(ANNOTATED.all().in_bulk())[str(pk)]["orders_made"] == 0

    def test_a_column_may_have_a_name_that_is_no_identifier(self):
        (row,) = sent(Customer.objects.raw('SELECT id, 1 AS "a b" FROM example_schema_customer'))
        assert set(row) == {"id", "a b"}

    def test_a_column_of_many_values_is_a_list(self):
        (customer,) = list(ANNOTATED.all())
        customer.years = [2024]
        assert sent(customer)["years"] == [2024]

    @pytest.mark.parametrize("make", [lambda rows: rows, list], ids=["query set", "list"])
    def test_rows_of_other_queries_are_not_among_the_columns(self, make):
        Order.objects.create(customer=Customer.objects.get(), total="1.00")
        rows = (
            Order.objects.select_related("customer")
            .prefetch_related(
                Prefetch("customer__orders", to_attr="same"), Prefetch("items", to_attr="parts")
            )
            .annotate(doubled=F("total") * 2)
        )
        (row,) = made = make(rows)
        assert (row.customer.name, row.parts, len(row.customer.same)) == ("Ann", [], 1)
        columns = {field.attname for field in Order._meta.concrete_fields}
        assert set(sent(made)[0]) == {*columns, "doubled"}
        assert set(sent(row.customer)) == {"id", "name", "email", "city", "created_at"}

    def test_what_a_class_computes_is_no_column(self, monkeypatch):
        computed = cached_property(lambda self: "computed")
        computed.__set_name__(Customer, "computed")
        monkeypatch.setattr(Customer, "computed", computed, raising=False)
        monkeypatch.setattr(Customer, "orders_made", None, raising=False)
        (customer,) = list(ANNOTATED.all())
        assert customer.computed == "computed"
        customer._token = "secret"
        row = sent(customer)
        assert row["orders_made"] == 0
        assert row.keys().isdisjoint({"computed", "_token", "_state"})

    def test_a_property_may_hold_the_annotation_of_a_query_set(self, monkeypatch):
        held = property(attrgetter("_made"), lambda row, made: setattr(row, "_made", made))
        monkeypatch.setattr(Customer, "orders_made", held, raising=False)
        assert sent(ANNOTATED.all())[0]["orders_made"] == 0

    @pytest.mark.parametrize("make", [lambda rows: rows, list], ids=["query set", "list"])
    def test_a_field_is_sent_as_its_descriptor_has_it(self, monkeypatch, make):
        class Translated:
            def __set__(self, row, text):
                vars(row)["city"] = text

            def __get__(self, row, kind):
                return row and f"{vars(row)['city']} in Norwegian"

        monkeypatch.setattr(Customer, "city", Translated())
        assert sent(make(Customer.objects.all()))[0]["city"] == "Oslo in Norwegian"

    def test_an_attribute_that_was_set_on_a_row_of_a_query_set_is_no_column(self):
        rows = ANNOTATED.all()
        rows[:1]
        for row in rows:
            row.note = "secret"
        assert "note" not in sent(rows)[0]

    def test_deferred_fields_stay_unfetched_in_lists_too(self, django_assert_num_queries):
        rows = list(ANNOTATED.only("name"))
        with django_assert_num_queries(0):
            (row,) = sent(rows)
        assert set(row) == {"id", "name", "orders_made"}


@pytest.mark.django_db
class TestSerializers:
    @pytest.fixture(autouse=True)
    def _ann(self):
        Customer.objects.create(name="Ann", email="ann@example.com", city="Oslo")

    class Named(serializers.ModelSerializer):
        class Meta:
            model = Customer
            fields = ("name", "created_at")

    def test_a_serializer_is_its_data(self):
        named = self.Named(Customer.objects.get())
        assert sent(named) == {"name": "Ann", "created_at": named.data["created_at"]}

    def test_a_list_serializer_is_its_data_also_inside_of_a_value(self):
        named = self.Named(Customer.objects.all(), many=True)
        assert [row["name"] for row in sent(named)] == ["Ann"]
        assert [row["name"] for row in sent({"rows": named, 1: 2})["rows"]] == ["Ann"]

    def test_a_part_that_is_a_serializer_is_delivered(self, serve):
        parts = [
            ("lazy", lazy(lambda request: self.Named(Customer.objects.all(), many=True))),
            ("there", self.Named(Customer.objects.all(), many=True)),
        ]
        view = type("View", (ProgressiveView,), {"get_parts": lambda self: parts})
        page = serve(view).get("/").json()
        assert [row["name"] for part in page["results"] for (row,) in part.values()] == ["Ann"] * 2
        assert "errors" not in page


@pytest.mark.django_db
def test_a_guard_in_a_partial_covers_a_query_set(serve):
    def broken_rows(request):
        return Customer.objects.annotate(x=RawSQL("no_such_column + 1", [])).values("x")

    guarded = partial(safe_call(broken_rows, fallback=[]))
    view = type("View", (ProgressiveView,), {"get_parts": lambda self: [("a", lazy(guarded))]})
    page = serve(view).get("/").json()
    assert page["results"] == [{"a": []}]
    assert "errors" not in page
