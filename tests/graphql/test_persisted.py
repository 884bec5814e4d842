"""Documents that a client names by hash: Apollo's persisted queries and trusted documents."""

import json
from hashlib import sha256
from unittest import mock

import graphene
import pytest
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.urls import path
from graphql import GraphQLError

from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from partstream_graphql.http.persisted import AutomaticPersistedQueries, TrustedDocuments
from partstream_graphql.http.views import ProgressiveGraphQLView

TEXT = "query D($after: String) { dashboard(first: 1, after: $after) { pageInfo { endCursor } a } }"


class Dashboard(ProgressiveConnection):
    a = Part(graphene.String)

    def resolve_a(self, info):
        return "A"


class Query(graphene.ObjectType):
    dashboard = ProgressiveConnectionField(Dashboard)


class Mutation(graphene.ObjectType):
    write = graphene.String()


SCHEMA = graphene.Schema(query=Query, mutation=Mutation)


def digest(text):
    return sha256(text.encode()).hexdigest()


def persisted(text, **more):
    """A request body with the extensions that Apollo's link adds for *text*."""
    hashed = {"persistedQuery": {"version": 1, "sha256Hash": digest(text)}}
    return {"extensions": hashed, **more}


@pytest.fixture
def server(serve):
    """``server(persisted)`` serves the schema with that option: ``.post(body)``, ``.get(query)``."""

    class Server:
        def __init__(self, option=None, **options):
            view = ProgressiveGraphQLView.as_view(schema=SCHEMA, persisted=option, **options)
            self.client = serve(path("graphql/", view))

        def post(self, body):
            return self.client.post("/graphql/", body, content_type="application/json")

        def get(self, query):
            return self.client.get("/graphql/", query)

    return Server


def told(response):
    """Status, message and code of a response with one error."""
    (error,) = response.json()["errors"]
    return response.status_code, error["message"], error.get("extensions", {}).get("code")


def data(response):
    assert response.status_code == 200, response.content
    return response.json()["data"]["dashboard"]["a"]


NOT_FOUND = (200, "PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")


class TestAutomatic:
    @pytest.fixture
    def apollo(self, server):
        return server(AutomaticPersistedQueries())

    def test_a_query_text_is_sent_once_and_then_named_by_its_hash(self, apollo):
        assert told(apollo.post(persisted(TEXT))) == NOT_FOUND
        assert data(apollo.post(persisted(TEXT, query=TEXT))) == "A"
        assert data(apollo.post(persisted(TEXT))) == "A"

    def test_a_get_request_can_name_a_query_by_its_hash(self, apollo):
        query = {"extensions": json.dumps(persisted(TEXT)["extensions"])}
        assert told(apollo.get(query)) == NOT_FOUND
        assert data(apollo.get({**query, "query": TEXT})) == "A"
        assert data(apollo.get({**query, "variables": '{"after": ""}'})) == "A"

    def test_a_persisted_mutation_is_not_run_by_a_get_request(self, apollo):
        text = "mutation { write }"
        assert apollo.post(persisted(text, query=text)).status_code == 200
        response = apollo.get({"extensions": json.dumps(persisted(text)["extensions"])})
        assert response.status_code == 405

    def test_a_query_that_does_not_match_its_hash_is_refused_and_not_kept(self, apollo):
        status, message, code = told(apollo.post(persisted(TEXT, query="{ __typename }")))
        assert (status, message, code) == (
            400,
            "provided sha does not match query",
            "BAD_USER_INPUT",
        )
        assert told(apollo.post(persisted(TEXT))) == NOT_FOUND

    def test_an_invalid_query_is_not_persisted(self, apollo):
        for text in ("{ nothing }", "{ dashboard", "#" * 50_001):
            assert apollo.post(persisted(text, query=text)).status_code == 400
            assert told(apollo.post(persisted(text))) == NOT_FOUND

    def test_a_query_without_a_hash_is_run_as_usual(self, apollo):
        assert data(apollo.post({"query": TEXT})) == "A"
        assert apollo.post({}).status_code == 400

    def test_a_persisted_query_is_found_by_another_view_with_the_same_cache(self, apollo, server):
        apollo.post(persisted(TEXT, query=TEXT))
        assert data(server(AutomaticPersistedQueries()).post(persisted(TEXT))) == "A"

    def test_limits_hold_for_a_persisted_query_from_the_cache(self, apollo, settings):
        apollo.post(persisted(TEXT, query=TEXT))
        settings.PARTSTREAM = {"MAX_QUERY_LENGTH": 10}
        assert told(apollo.post(persisted(TEXT)))[2] == "QUERY_TOO_LONG"

    @pytest.mark.parametrize("down", ["get", "set"])
    def test_a_query_runs_but_is_not_persisted_while_the_cache_is_down(self, apollo, down, caplog):
        with mock.patch.object(LocMemCache, down, side_effect=OSError):
            assert data(apollo.post(persisted(TEXT, query=TEXT))) == "A"
            assert told(apollo.post(persisted(TEXT))) == NOT_FOUND
        assert "cache 'default' of persisted queries failed" in caplog.text

    def test_a_persisted_query_is_not_written_to_the_cache_again(self, apollo):
        apollo.post(persisted(TEXT, query=TEXT))
        with mock.patch.object(LocMemCache, "set") as written:
            apollo.post(persisted(TEXT, query=TEXT))
            apollo.post(persisted(TEXT))
        assert not written.called

    def test_a_persisted_query_is_kept_for_the_given_seconds(self, server):
        with mock.patch.object(LocMemCache, "set") as written:
            server(AutomaticPersistedQueries(seconds=60)).post(persisted(TEXT, query=TEXT))
        assert written.call_args.args[1:] == (TEXT, 60)

    def test_each_query_of_a_batch_is_looked_up_by_its_own_hash(self, server):
        batch = server(AutomaticPersistedQueries(), batch=True)
        batch.post([persisted(TEXT, query=TEXT)])
        answers = batch.post([persisted(TEXT), persisted("{ b }")]).json()
        assert answers[0]["data"]["dashboard"]["a"] == "A"
        assert answers[1]["errors"][0]["message"] == "PersistedQueryNotFound"

    @pytest.mark.parametrize(
        "body",
        [
            {"extensions": "{"},
            {"extensions": {"persistedQuery": {"sha256Hash": 1}}},
            {"extensions": {"persistedQuery": {"sha256Hash": "x" * 201}}},
            {"query": TEXT, "extensions": "[1]"},
            {"query": TEXT, "extensions": [1]},
            {"query": TEXT, "extensions": "a"},
            {"query": TEXT, "extensions": 0},
            {"query": TEXT, "extensions": False},
            {"query": TEXT, "extensions": "[" * 100_000},
        ],
    )
    def test_a_malformed_hash_is_refused(self, apollo, body):
        status, _, code = told(apollo.post(body))
        assert (status, code) == (400, "BAD_USER_INPUT")

    @pytest.mark.parametrize(
        "body",
        [
            r'{"extensions": {"persistedQuery": {"sha256Hash": "\ud800"}}}',
            r'{"query": "{ a } #\udfff", "extensions": {"persistedQuery": {"sha256Hash": "a"}}}',
            r'{"documentId": "\ud800\ud800"}',
            '{"query": "{ a }", "extensions": %s}' % ("[" * 100_000 + "]" * 100_000),
        ],
    )
    def test_a_request_that_no_encoder_makes_is_400(self, apollo, body):
        response = apollo.client.post("/graphql/", body, content_type="application/json")
        assert response.status_code == 400
        assert response.json() == {"errors": [{"message": "POST body sent invalid JSON."}]}

    def test_a_lone_surrogate_in_a_query_string_is_400(self, apollo):
        extensions = r'{"persistedQuery": {"sha256Hash": "\ud800"}}'
        status, _, code = told(apollo.get({"extensions": extensions}))
        assert (status, code) == (400, "BAD_USER_INPUT")

    def test_a_text_in_the_cache_that_does_not_match_its_hash_is_not_run(self, apollo):
        apollo.post(persisted(TEXT, query=TEXT))
        (key,) = [key for key in cache._cache if "document" in key]
        cache.set(key.removeprefix(":1:"), "{ __typename }")
        assert told(apollo.post(persisted(TEXT))) == NOT_FOUND
        assert data(apollo.post(persisted(TEXT, query=TEXT))) == "A"
        assert data(apollo.post(persisted(TEXT))) == "A"

    def test_a_text_with_a_lone_surrogate_does_not_match_a_hash(self):
        with pytest.raises(GraphQLError, match="provided sha does not match query"):
            AutomaticPersistedQueries().text("a", "{ a } #\ud800")

    def test_a_text_that_is_too_long_is_run_and_not_kept(self, server):
        apollo = server(AutomaticPersistedQueries(max_length=len(TEXT)))
        longer = f"{TEXT} "
        for text, answer in [(TEXT, 200), (longer, 200)]:
            assert apollo.post(persisted(text, query=text)).status_code == answer
        assert data(apollo.post(persisted(TEXT))) == "A"
        assert told(apollo.post(persisted(longer))) == NOT_FOUND

    def test_a_text_of_20000_characters_is_kept_by_default_and_a_longer_text_is_not(self, apollo):
        kept, longer = (TEXT.ljust(length) for length in (20_000, 20_001))
        for text in (kept, longer):
            assert data(apollo.post(persisted(text, query=text))) == "A"
        assert data(apollo.post(persisted(kept))) == "A"
        assert told(apollo.post(persisted(longer))) == NOT_FOUND

    @pytest.mark.parametrize("extensions", [[], "null", "", {"persistedQuery": "x"}, {"a": 1}])
    def test_other_extensions_of_a_request_are_ignored(self, apollo, extensions):
        assert data(apollo.post({"query": TEXT, "extensions": extensions})) == "A"


class TestSwitchedOff:
    def test_a_hash_without_persisted_queries_is_answered_not_supported(self, server):
        answer = told(server().post(persisted(TEXT)))
        assert answer == (400, "PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED")

    def test_a_query_with_a_hash_is_run_and_not_kept_without_persisted_queries(self, server):
        assert data(server().post(persisted(TEXT, query=TEXT))) == "A"
        assert not any("document" in key for key in cache._cache)


class TestTrusted:
    @pytest.fixture
    def trusting(self, server):
        return server(TrustedDocuments({digest(TEXT): TEXT}))

    def test_a_trusted_document_is_run_by_its_id(self, trusting):
        assert data(trusting.post(persisted(TEXT))) == "A"
        assert data(trusting.post({"documentId": digest(TEXT)})) == "A"
        assert data(trusting.post({"documentId": f"sha256:{digest(TEXT)}"})) == "A"
        assert data(trusting.get({"documentId": digest(TEXT)})) == "A"

    def test_the_text_of_a_trusted_document_is_run(self, trusting):
        assert data(trusting.post({"query": TEXT})) == "A"
        assert data(trusting.post(persisted(TEXT, query=TEXT))) == "A"

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"query": "{ dashboard { a } }"}, "PERSISTED_QUERY_ONLY"),
            (persisted(TEXT, query="{ dashboard { a } }"), "PERSISTED_QUERY_ONLY"),
            (persisted("{ a }", query="{ a }"), "PERSISTED_QUERY_NOT_FOUND"),
            ({"documentId": "unknown"}, "PERSISTED_QUERY_NOT_FOUND"),
        ],
    )
    def test_a_query_that_is_no_trusted_document_is_refused(self, trusting, body, code):
        assert told(trusting.post(body))[2] == code

    def test_a_query_that_is_no_string_is_refused(self, trusting):
        for query in (["{ dashboard { a } }"], {"a": 1}, 5):
            assert trusting.post({"query": query}).status_code == 400

    @pytest.mark.parametrize(
        "written",
        [
            {digest(TEXT): TEXT},
            {f"sha256:{digest(TEXT)}": TEXT},
            {
                "format": "apollo-persisted-query-manifest",
                "version": 1,
                "operations": [{"id": digest(TEXT), "name": "D", "type": "query", "body": TEXT}],
            },
        ],
        ids=["a map", "a map of prefixed hashes", "Apollo's manifest"],
    )
    def test_trusted_documents_are_read_from_a_file(self, server, tmp_path, written):
        file = tmp_path / "documents.json"
        file.write_text(json.dumps(written))
        assert data(server(TrustedDocuments.from_file(file)).post(persisted(TEXT))) == "A"

    @pytest.mark.parametrize("written", ["[]", '{"a": 1}', "no JSON"])
    def test_a_file_without_trusted_documents_is_refused(self, tmp_path, written):
        file = tmp_path / "documents.json"
        file.write_text(written)
        with pytest.raises(ValueError, match="no JSON object|Expecting value"):
            TrustedDocuments.from_file(file)


def test_a_view_class_may_have_trusted_documents_as_an_attribute(serve):
    class View(ProgressiveGraphQLView):
        persisted = TrustedDocuments({"one": TEXT})

    client = serve(path("graphql/", View.as_view(schema=SCHEMA)))
    assert data(client.post("/graphql/", {"documentId": "one"}, content_type="application/json"))
