"""Pages for a client that has values already: it is told their tags, and what has not changed."""

import pickle
from unittest import mock

import pytest
from django.utils.decorators import method_decorator
from djangorestframework_camel_case.render import CamelCaseJSONRenderer
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer, JSONRenderer
from rest_framework.viewsets import ViewSet

from django_partstream import ProgressiveView, cached_for, lazy, safe_call
from django_partstream.testing import part_fails, walk
from partstream_rest import values
from partstream_rest.pages import PageBody
from tests.pending import waiting
from tests.rest.having import answer, have, page, tags_of
from tests.rest.streaming import view_of


class Shop(ProgressiveView):
    """Five parts, of which ``orders`` changes with ``stock``."""

    chunk_size = 2
    stock = 1

    def get_parts(self):
        return [
            ("orders", lazy(lambda request: [{"id": type(self).stock}])),
            ("café", {"open": True}),
            ("nothing", None),
            ("fails", lazy(self.fail)),
            ("news", lazy(safe_call(self.fail, fallback=[]))),
        ]

    def fail(self, request):
        raise ValueError


@pytest.fixture
def shop(serve):
    """A client for a shop of its own, with the view as ``shop.view``."""
    view = type("Shop", (Shop,), {})
    client = serve(view)
    client.view = view
    return client


@pytest.fixture
def no_objects(monkeypatch):
    """Fail a test in which a text is decoded."""
    monkeypatch.setattr(PageBody, "objects", mock.Mock(side_effect=AssertionError))


def without_etags(page):
    return {key: one for key, one in page.items() if key not in ("etags", "unchanged", "cursor")}


class TestWithoutTheHeader:
    def test_a_page_tells_no_tags(self, shop):
        response = shop.get("/")
        assert list(response.json()) == ["results", "cursor", "meta"]
        assert "Partstream-Have" not in response["Vary"]
        assert "Cache-Control" not in response


class TestAPageForAClientWithoutValues:
    def test_has_every_value_and_its_tag(self, shop):
        plain, asked = shop.get("/").json(), page(shop)
        assert without_etags(asked) == without_etags(plain)
        assert list(asked["etags"]) == ["orders", "café"]
        assert "unchanged" not in asked

    def test_tells_the_same_tags_again(self, shop):
        assert tags_of(shop) == tags_of(shop)

    def test_has_no_tag_of_a_part_that_failed(self, shop):
        asked = page(shop, "/?parts=nothing,fails,news")
        second = page(shop, f"/?cursor={asked['cursor']}")
        assert (list(asked["etags"]), list(second["etags"])) == (["nothing"], ["news"])
        assert asked["errors"][0]["part"] == "fails"

    def test_without_parts_has_no_tags(self, serve):
        assert page(serve(view_of()))["etags"] == {}


class TestAPageForAClientWithValues:
    def test_has_null_for_the_values_that_have_not_changed(self, shop):
        first = page(shop)
        again = page(shop, tags=first["etags"])
        assert again["results"] == [{"orders": None}, {"café": None}]
        assert again["unchanged"] == ["orders", "café"]
        assert again["etags"] == first["etags"]
        assert again["meta"] == first["meta"]

    def test_has_the_value_that_has_changed_and_its_new_tag(self, shop):
        tags = tags_of(shop)
        shop.view.stock = 2
        again = page(shop, tags=tags)
        assert again["results"] == [{"orders": [{"id": 2}]}, {"café": None}]
        assert again["unchanged"] == ["café"]
        assert again["etags"]["orders"] != tags["orders"]
        shop.view.stock = 1
        assert page(shop, tags=again["etags"])["etags"] == tags

    def test_has_the_values_that_the_client_does_not_name(self, shop):
        tags = tags_of(shop)
        assert page(shop, tags={"café": tags["café"]})["results"] == [
            {"orders": [{"id": 1}]},
            {"café": None},
        ]

    def test_says_that_null_has_not_changed(self, shop):
        again = page(shop, "/?parts=nothing", tags_of(shop, "/?parts=nothing"))
        assert (again["results"], again["unchanged"]) == ([{"nothing": None}], ["nothing"])

    def test_says_that_a_fallback_has_not_changed(self, shop):
        again = page(shop, "/?parts=news", tags_of(shop, "/?parts=news"))
        assert (again["results"], again["unchanged"]) == ([{"news": None}], ["news"])
        with mock.patch.object(shop.view, "fail", return_value=["new"]):
            assert page(shop, "/?parts=news", again["etags"])["results"] == [{"news": ["new"]}]

    def test_has_the_error_of_a_part_that_fails_now(self, shop):
        tags = tags_of(shop)
        with part_fails("orders"):
            again = page(shop, tags=tags)
        assert again["results"] == [{"orders": None}, {"café": None}]
        assert (again["unchanged"], list(again["etags"])) == (["café"], ["café"])
        assert [(error["part"], error["index"]) for error in again["errors"]] == [("orders", 0)]

    def test_has_a_cursor_behind_which_the_walk_goes_on(self, shop):
        first = page(shop, tags=tags_of(shop))
        second = page(shop, f"/?cursor={first['cursor']}", first["etags"])
        assert [name for result in second["results"] for name in result] == ["nothing", "fails"]

    def test_takes_the_tags_of_parts_that_were_asked_for_alone(self, shop):
        tags = tags_of(shop, "/?parts=café")
        assert page(shop, tags=tags)["unchanged"] == ["café"]
        assert page(shop, "/?parts=café", tags_of(shop))["unchanged"] == ["café"]

    @pytest.mark.usefixtures("no_objects")
    def test_is_put_together_without_decoding_a_value(self, shop):
        assert page(shop, tags=tags_of(shop))["unchanged"] == ["orders", "café"]

    def test_is_the_page_of_a_view_set_too(self, serve):
        from django.urls import path

        view = type("Shop", (ViewSet, Shop), {})
        client = serve(path("", view.as_view({"get": "get"})))
        assert page(client, tags=tags_of(client))["unchanged"] == ["orders", "café"]

    def test_may_come_from_another_process_with_the_same_secret(self, shop, settings):
        tags = tags_of(shop)
        settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "new" * 20
        again = page(shop, tags=tags)
        assert "unchanged" not in again  # a tag of an earlier key is of another value
        assert page(shop, tags=again["etags"])["unchanged"] == ["orders", "café"]


def test_a_walk_in_a_test_has_the_tags_and_the_names_of_what_has_not_changed(shop):
    first = walk(shop, "/", headers={"Partstream-Have": ""})
    assert (list(first.etags), first.unchanged) == (["orders", "café", "nothing", "news"], [])
    again = walk(shop, "/", headers={"Partstream-Have": have(first.etags)})
    assert (again.etags, again.unchanged) == (first.etags, list(first.etags))
    assert set(again.parts.values()) == {None}
    assert [error["part"] for error in again.errors] == ["fails"]
    assert walk(shop, "/").etags == {}


class TestPendingParts:
    def test_have_no_tag_before_their_value(self, serve):
        client = serve(waiting({"a": 0, "b": 1}))
        first = page(client, tags={})
        assert (list(first["etags"]), first["pending"][0]["part"]) == (["a"], "b")
        second = page(client, f"/?cursor={first['cursor']}", first["etags"])
        assert (list(second["etags"]), second["results"]) == (["b"], [{"b": "b"}])

    def test_are_pending_though_the_client_has_an_earlier_value(self, serve):
        view = waiting({"a": 0})
        client = serve(view)
        tags = tags_of(client)
        view.work.needed = {"a": 2}
        again = answer(client, tags=tags)
        assert again.json()["pending"][0]["part"] == "a"
        assert (again.json()["results"], again.json()["etags"]) == ([], {})
        assert again["Retry-After"]
        assert page(client, tags=tags)["unchanged"] == ["a"]


class TestWhatIsAskedFirst:
    def test_a_permission_refuses_a_client_that_has_the_values(self, shop):
        tags = tags_of(shop)
        refusing = type("Refusing", (BasePermission,), {"has_permission": lambda *_: False})
        with mock.patch.object(shop.view, "permission_classes", [refusing]):
            refused = answer(shop, tags=tags)
        assert (refused.status_code, list(refused.json())) == (403, ["detail"])

    def test_a_part_that_has_left_the_response_is_not_told(self, shop):
        tags = tags_of(shop)
        with mock.patch.object(shop.view, "get_parts", return_value=[("café", 1)]):
            again = page(shop, tags=tags)
        assert (again["results"], list(again["etags"])) == ([{"café": 1}], ["café"])

    @pytest.mark.parametrize("query", ["cursor=x", "parts=x"])
    def test_a_refused_request_is_refused_as_ever(self, shop, query):
        asked, plain = answer(shop, f"/?{query}", tags_of(shop)), shop.get(f"/?{query}")
        assert (asked.status_code, asked.json()) == (plain.status_code, plain.json())

    @pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
    def test_other_methods_are_answered_as_without_the_header(self, shop, method):
        sent = shop.generic(method, "/", HTTP_PARTSTREAM_HAVE=have(tags_of(shop)))
        plain = shop.generic(method, "/")
        for response in (sent, plain):
            response.headers.pop("Link", None)  # it has a cursor
        assert (sent.content, dict(sent.headers)) == (plain.content, dict(plain.headers))


class TestCachedParts:
    class View(ProgressiveView):
        calls: list[str] = []

        def get_parts(self):
            return [("kept", lazy(self.get_kept)), ("made", lazy(self.get_made))]

        @cached_for(60)
        def get_kept(self, request):
            self.calls.append("kept")
            return [{"id": 1}]

        def get_made(self, request):
            self.calls.append("made")
            return [{"id": 2}]

    @pytest.fixture(params=["orjson", "standard library"])
    def encoder(self, request, monkeypatch):
        if request.param == "orjson":
            pytest.importorskip("orjson")
        else:
            monkeypatch.setattr(values, "orjson", None)

    @pytest.fixture
    def site(self, serve, encoder):
        self.View.calls.clear()
        return serve(self.View)

    def test_the_function_of_a_cached_part_is_not_called_again(self, site):
        tags = tags_of(site)
        again = page(site, tags=tags)
        assert again["unchanged"] == ["kept", "made"]
        assert self.View.calls == ["kept", "made", "made"]

    @pytest.mark.usefixtures("no_objects")
    def test_a_cached_value_is_neither_encoded_nor_decoded(self, site):
        tags = tags_of(site, "/?parts=kept")
        with mock.patch.object(values, "_encoded", side_effect=AssertionError):
            assert page(site, "/?parts=kept", tags)["unchanged"] == ["kept"]

    def test_a_dropped_value_that_is_made_again_alike_has_not_changed(self, site):
        tags = tags_of(site)
        self.View.get_kept.invalidate()
        assert page(site, tags=tags)["unchanged"] == ["kept", "made"]
        assert self.View.calls == ["kept", "made"] * 2


class Loud(JSONRenderer):
    """A renderer that writes orders in capitals, under the media type of JSON."""

    def render(self, data, accepted_media_type=None, renderer_context=None):
        text = super().render(data, accepted_media_type, renderer_context)
        return text.replace(b"orders", b"ORDERS")


class Words(BaseRenderer):
    """A renderer of another format, which is not JSON."""

    media_type, format, charset = "text/words", "words", "utf-8"

    def render(self, data, accepted_media_type=None, renderer_context=None):
        return repr(data)


class TestRenderers:
    class View(ProgressiveView):
        renderer_classes = [JSONRenderer, Words, BrowsableAPIRenderer]

        def get_parts(self):
            return [("today_stats", {"all_orders": 1})]

    def test_a_tag_of_json_is_none_of_another_format(self, serve):
        client = serve(self.View)
        (tag,) = tags_of(client).values()
        for media_type in ("text/words", "text/html"):
            text = answer(client, tags={"today_stats": tag}, accept=media_type).content.decode()
            assert "all_orders" in text
            assert tag not in text

    @pytest.mark.parametrize("form", ["?format=json", ""])
    def test_a_format_in_the_address_is_that_of_the_header(self, serve, form):
        client = serve(self.View)
        tags = tags_of(client, accept="application/json")
        assert page(client, f"/{form}", tags)["unchanged"] == ["today_stats"]

    def test_another_format_has_its_own_tags(self, serve):
        client = serve(self.View)
        first = answer(client, accept="text/words").content.decode()
        told = eval(first)
        again = eval(answer(client, tags=told["etags"], accept="text/words").content.decode())
        assert (again["results"], again["unchanged"]) == ([{"today_stats": None}], ["today_stats"])

    def test_a_tag_does_not_outlive_a_change_of_the_renderer(self, serve, monkeypatch):
        client = serve(self.View)
        tags = tags_of(client)
        monkeypatch.setattr(self.View, "renderer_classes", [Loud])
        assert page(client, tags=tags)["results"] == [{"today_stats": {"all_ORDERS": 1}}]

    def test_a_renderer_that_renames_keys_is_told_either_name(self, serve):
        client = serve(type("Camel", (self.View,), {"renderer_classes": [CamelCaseJSONRenderer]}))
        first = page(client)
        assert first["results"] == [{"todayStats": {"allOrders": 1}}]
        assert list(first["etags"]) == ["todayStats"]
        (tag,) = first["etags"].values()
        for name in ("todayStats", "today_stats"):
            again = page(client, tags={name: tag})
            assert again["results"] == [{"todayStats": None}]
            assert (again["unchanged"], again["etags"]) == ([name], first["etags"])
        assert page(client, tags={"TodayStats": tag})["results"] == first["results"]

    def test_a_renderer_with_an_envelope_takes_the_names_of_parts(self, serve):
        class Envelope(JSONRenderer):
            def render(self, data, accepted_media_type=None, renderer_context=None):
                return super().render({"data": data, "ok": True}, accepted_media_type, {})

        client = serve(type("View", (self.View,), {"renderer_classes": [Envelope]}))
        tags = page(client)["data"]["etags"]
        for name, unchanged in (("today_stats", ["today_stats"]), ("data", None)):
            again = page(client, tags={name: tags["today_stats"]})
            assert again["data"].get("unchanged") == unchanged

    def test_a_renderer_that_writes_a_list_takes_the_names_of_parts(self, serve):
        class Listing(JSONRenderer):
            def render(self, data, accepted_media_type=None, renderer_context=None):
                return super().render([data], accepted_media_type, renderer_context)

        client = serve(type("View", (self.View,), {"renderer_classes": [Listing]}))
        (first,) = page(client)
        (again,) = page(client, tags=first["etags"])
        assert again["unchanged"] == ["today_stats"]
        assert "unchanged" not in page(client, tags={"x": "y"})[0]

    def test_a_renderer_that_fails_on_a_name_alone_takes_the_names_of_parts(self, serve):
        class Picky(JSONRenderer):
            def render(self, data, accepted_media_type=None, renderer_context=None):
                assert "results" in data
                return super().render(data, accepted_media_type, renderer_context)

        client = serve(type("View", (self.View,), {"renderer_classes": [Picky]}))
        tags = tags_of(client)
        assert page(client, tags=tags)["unchanged"] == ["today_stats"]
        assert "unchanged" not in page(client, tags={"x": tags["today_stats"]})


class TestCodeThatLooksIntoTheData:
    """It may change any value, so all values are there, and none has a tag."""

    def site(self, serve, change):
        class View(Shop):
            def finalize_response(self, *args, **kwargs):
                response = super().finalize_response(*args, **kwargs)
                change(response)
                return response

        return serve(View)

    def test_the_page_has_all_values_and_no_tags(self, serve, shop):
        tags = tags_of(shop)
        client = self.site(serve, lambda response: response.data)
        again = page(client, tags=tags)
        assert again["results"] == [{"orders": [{"id": 1}]}, {"café": {"open": True}}]
        assert (again["etags"], again.get("unchanged")) == ({}, None)

    def test_a_change_is_sent_to_a_client_that_has_the_value_before_it(self, serve):
        changes = []

        def change(response):
            if changes:
                response.data["results"][1]["café"]["open"] = changes[0]

        client = self.site(serve, change)
        tags = tags_of(client)
        changes.append(False)
        assert page(client, tags=tags)["results"][1] == {"café": {"open": False}}
        assert page(client, tags=tags)["etags"] == {}
        changes.clear()
        assert page(client, tags=tags)["unchanged"] == ["orders", "café"]

    def test_data_that_are_replaced_are_sent(self, serve):
        def change(response):
            response.data = {"mine": 1}

        client = self.site(serve, change)
        assert page(client, tags={"café": "x"}) == {"mine": 1}

    def test_a_middleware_that_reads_the_data_of_a_rendered_page_changes_nothing(self, shop):
        again = answer(shop, tags=tags_of(shop))
        assert again.data == again.json()
        assert again.data["unchanged"] == ["orders", "café"]


def test_a_page_that_is_pickled_has_no_key_in_it(shop, settings):
    from django_partstream.tags import _key

    response = answer(shop, tags=tags_of(shop))
    assert _key(settings.SECRET_KEY) not in pickle.dumps(response)


def test_a_decorator_of_dispatch_sees_a_page(serve):
    def exclaiming(view):
        def wrapper(*args, **kwargs):
            response = view(*args, **kwargs)
            response["X-Seen"] = "yes"
            return response

        return wrapper

    client = serve(method_decorator(exclaiming, name="dispatch")(type("Shop", (Shop,), {})))
    again = answer(client, tags=tags_of(client))
    assert (again["X-Seen"], again.json()["unchanged"]) == ("yes", ["orders", "café"])
