"""Rows of models: files, annotations, and query sets under a guard in a partial."""

from functools import partial

import pytest
from django.db import models
from django.db.models import Count, F
from django.db.models.expressions import RawSQL
from django.test.utils import isolate_apps

from django_partstream import ProgressiveView, lazy, safe_call
from example_schema.models import Customer
from partstream_rest.values import plain


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
    assert plain(rows) == [
        {"id": 1, "file": None, "image": ""},
        {"id": 2, "file": "a.txt", "image": "b.png"},
        {"id": 3, "file": None, "image": ""},
    ]


def test_a_file_inside_a_value_is_its_name(document):
    one = document(pk=1, file="a.txt")
    assert plain({"file": one.file, "images": [one.image]}) == {"file": "a.txt", "images": [""]}


def test_an_open_file_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    from django.core.files import File

    with (tmp_path / "a.txt").open() as opened, pytest.raises(TypeError):
        plain(File(opened))


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
        (row,) = plain(rows(annotated))
        assert (row["name"], row["orders_made"]) == ("Ann", 0)

    def test_an_alias_of_the_query_is_not_on_the_rows(self):
        (row,) = plain(Customer.objects.alias(twin=F("name")).filter(twin="Ann"))
        assert "twin" not in row

    def test_annotations_take_no_query_of_their_own(self, django_assert_num_queries):
        with django_assert_num_queries(1):
            plain(Customer.objects.annotate(orders_made=Count("orders")).only("name"))


@pytest.mark.django_db
def test_a_guard_in_a_partial_covers_a_query_set(serve):
    def broken_rows(request):
        return Customer.objects.annotate(x=RawSQL("no_such_column + 1", [])).values("x")

    guarded = partial(safe_call(broken_rows, fallback=[]))
    view = type("View", (ProgressiveView,), {"get_parts": lambda self: [("a", lazy(guarded))]})
    page = serve(view).get("/").json()
    assert page["results"] == [{"a": []}]
    assert "errors" not in page
