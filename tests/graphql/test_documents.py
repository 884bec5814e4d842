"""Query texts are parsed and validated once, and again where the result may differ."""

import gc
import threading
import weakref
from collections import OrderedDict
from unittest import mock

import graphene
import pytest
from django.urls import path
from graphql import GraphQLError, ValidationRule, build_schema, parse

from django_partstream.testing import part_fails
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from partstream_graphql.http import documents
from partstream_graphql.http.documents import Documents, documents_of
from partstream_graphql.http.views import ProgressiveGraphQLView
from tests.locks import WatchedLock

TEXT = (
    "query ($after: String) { dashboard(first: 1, after: $after) { pageInfo { endCursor } a b } }"
)


class Dashboard(ProgressiveConnection):
    a = Part(graphene.String)
    b = Part(graphene.String)

    def resolve_a(self, info):
        return "A"

    def resolve_b(self, info):
        return "B"


def new_schema():
    query = type(
        "Query", (graphene.ObjectType,), {"dashboard": ProgressiveConnectionField(Dashboard)}
    )
    return graphene.Schema(query=query)


@pytest.fixture(scope="module")
def schema():
    return new_schema()


@pytest.fixture
def post(serve):
    """Serve a view and send it a query: ``post(view, text)`` returns the answer."""

    def posted(view, text, **variables):
        client = serve(path("graphql/", view))
        body = {"query": text, "variables": variables}
        return client.post("/graphql/", body, content_type="application/json").json()

    return posted


@pytest.fixture
def work():
    """How often a text was parsed, and how often a document was validated."""
    from partstream_graphql.http import limits, operations

    with (
        mock.patch.object(limits, "parse", wraps=limits.parse) as parsed,
        mock.patch.object(operations, "validate", wraps=operations.validate) as validated,
    ):
        yield lambda: (parsed.call_count, validated.call_count)


def text_of(name):
    return f"query {name} {{ dashboard {{ a }} }}"


@pytest.fixture
def view(schema):
    view = ProgressiveGraphQLView.as_view(schema=schema)
    documents._by_schema.pop(schema.graphql_schema, None)
    return view


def test_a_walk_parses_and_validates_its_query_once(post, view, work):
    first = post(view, TEXT)["data"]["dashboard"]
    second = post(view, TEXT, after=first["pageInfo"]["endCursor"])["data"]["dashboard"]
    assert (first["a"], first["b"], second["a"], second["b"]) == ("A", None, None, "B")
    assert work() == (1, 1)


def test_each_query_text_is_a_document_of_its_own(post, view, work):
    for text in (text_of("One"), text_of("Two"), text_of("One")):
        assert post(view, text)["data"] == {"dashboard": {"a": "A"}}
    assert work() == (2, 2)


def test_an_invalid_query_is_validated_and_answered_with_errors_each_time(post, view, work):
    answers = [post(view, "{ dashboard { nothing } }") for _ in range(2)]
    assert answers[0] == answers[1]
    assert "Cannot query field 'nothing'" in answers[0]["errors"][0]["message"]
    assert work() == (2, 2)


def test_a_query_that_cannot_be_parsed_is_answered_with_an_error_each_time(post, view, work):
    answers = [post(view, "{ dashboard") for _ in range(2)]
    assert answers[0] == answers[1]
    assert work() == (2, 0)


def test_a_query_is_validated_again_for_another_schema(post, view, work):
    post(view, TEXT)
    post(ProgressiveGraphQLView.as_view(schema=new_schema()), TEXT)
    assert work() == (2, 2)


class Refusing(ValidationRule):
    def enter_document(self, node, *_):
        self.report_error(GraphQLError("Not here."))


def test_a_query_is_validated_again_for_other_validation_rules(post, schema, view):
    strict = ProgressiveGraphQLView.as_view(schema=schema, validation_rules=[Refusing])
    assert "errors" not in post(view, TEXT)
    assert post(strict, TEXT)["errors"][0]["message"] == "Not here."


def test_a_lowered_limit_holds_at_once_for_remembered_documents(post, view, settings):
    assert "errors" not in post(view, TEXT)
    settings.PARTSTREAM = {"MAX_QUERY_PARTS": 1}
    assert post(view, TEXT)["errors"][0]["extensions"]["code"] == "TOO_MANY_PARTS"


def test_errors_of_a_remembered_document_have_their_locations(post, view):
    with part_fails("a"):
        errors = [post(view, TEXT)["errors"][0] for _ in range(2)]
    place = [{"line": 1, "column": TEXT.index("a b }") + 1}]
    assert [error["locations"] for error in errors] == [place, place]


def test_no_more_documents_are_remembered_than_max_documents(settings):
    settings.PARTSTREAM = {"MAX_DOCUMENTS": 2}
    kept = Documents()
    for key in "abac":
        kept.get(key) or kept.put(key, parse(text_of(key)), 10)
    assert [kept.get(key) is not None for key in "abc"] == [True, False, True]


def test_no_more_text_of_documents_is_remembered_than_the_maximum():
    kept = Documents()
    most = documents.MAX_TEXT // 10
    for number in range(25):
        kept.put(number, parse("{ a }"), most)
    assert len(kept) == 10
    kept.put("long", parse("{ a }"), most + 1)
    assert kept.get("long") is None
    kept.put(24, parse("{ a }"), 1)  # the same document again takes no more room
    for number in range(100, 109):
        kept.put(number, parse("{ a }"), most)
    assert kept.get(24) is not None


def test_threads_share_remembered_documents_without_mixing_them_up(settings):
    settings.PARTSTREAM = {"MAX_DOCUMENTS": 50}
    kept, wrong = Documents(), []
    known = {number: parse(text_of(f"N{number}")) for number in range(100)}

    def work():
        for number in list(known) * 20:
            found = kept.get(number)
            if found is None:
                kept.put(number, known[number], 3_000)
            elif found is not known[number]:
                wrong.append(number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(kept) <= 50
    assert kept._length == 3_000 * len(kept)


def test_a_document_that_one_thread_finds_is_not_forgotten_by_another_meanwhile(
    settings, monkeypatch
):
    settings.PARTSTREAM = {"MAX_DOCUMENTS": 1}
    met = threading.Event()

    class Slow(OrderedDict):
        """Between a look at a document and its move to the end, another thread puts its own."""

        def move_to_end(self, key):
            other.start()
            assert met.wait(30)
            super().move_to_end(key)

    def put_another():
        kept.put("another", parse("{ b }"), 10)
        met.set()

    monkeypatch.setattr(documents, "OrderedDict", Slow)
    monkeypatch.setattr(documents, "threading", mock.Mock(Lock=lambda: WatchedLock(met.set)))
    other = threading.Thread(target=put_another)
    kept, document = Documents(), parse("{ a }")
    kept.put("key", document, 10)
    assert kept.get("key") is document
    other.join(30)
    assert kept.get("key") is None


def test_remembered_documents_are_freed_with_their_schema():
    schema = build_schema("type Query { a: String }")
    documents_of(schema).put("key", parse("{ a }"), 5)
    assert documents_of(schema).get("key")
    gone = weakref.ref(schema)
    del schema
    gc.collect()
    assert gone() is None


def test_an_overridden_format_error_gets_the_original_error(post, schema):
    class Telling(ProgressiveGraphQLView):
        @staticmethod
        def format_error(error):
            told = ProgressiveGraphQLView.format_error(error)
            return {**told, "kind": type(getattr(error, "original_error", None)).__name__}

    class Item(graphene.ObjectType):
        broken = graphene.Int()

        def resolve_broken(self, info):
            raise KeyError("secret")

    class Board(ProgressiveConnection):
        item = Part(Item)

        def resolve_item(self, info):
            return {}

    query = type("Query", (graphene.ObjectType,), {"board": ProgressiveConnectionField(Board)})
    view = Telling.as_view(schema=graphene.Schema(query=query))
    (error,) = post(view, "{ board { item { broken } } }")["errors"]
    assert (error["kind"], error["message"]) == ("KeyError", "Something went wrong.")
    assert "secret" not in str(error)
