"""Canaries: facts about Django on which ``django_partstream/_current.py`` relies (5.2 was read)."""

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from unittest import mock

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.core.cache import caches
from django.core.cache.backends.base import InvalidCacheBackendError
from django.core.exceptions import DisallowedHost
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.http import request as http_request
from django.test import RequestFactory
from django.utils import timezone, translation

from django_partstream import _current


def relies(*functions):
    """The message of a fact that *functions* of the adapter rely on."""
    names = " and ".join(f"{function.__name__}()" for function in functions)
    upstream = ", ".join(f"{name} {version(name)}" for name in ("Django", "asgiref"))
    return f"{names} of django_partstream._current relied on this before {upstream}."


def in_a_thread(func):
    with ThreadPoolExecutor(1) as thread:
        thread.submit(func).result()


class TestSurroundings:
    """The public functions of Django give the same, slowly."""

    @staticmethod
    def assert_equal():
        told = _current.language(), _current.time_zone_name()
        asked = translation.get_language(), timezone.get_current_timezone_name()
        assert told == asked, relies(_current.language, _current.time_zone_name)
        assert _current.cache_of("default") is caches["default"], relies(_current.cache_of)
        return told

    def changed(self):
        """The languages and zones of this thread, as they change."""
        yield self.assert_equal()
        with translation.override("de"), timezone.override("Asia/Tokyo"):
            yield self.assert_equal()
            with translation.override(None), timezone.override(None):
                yield self.assert_equal()
            yield self.assert_equal()
        with timezone.override(timezone.get_fixed_timezone(90)):
            yield self.assert_equal()
        yield self.assert_equal()

    def test_language_time_zone_and_cache_are_those_of_django_wherever_they_change(self):
        told = []
        in_a_thread(lambda: told.extend(self.changed()))
        here = told[0]
        assert told == [
            here,
            ("de", "Asia/Tokyo"),
            (None, here[1]),
            told[1],
            ("en-us", "+0130"),
            here,
        ]

    def test_a_thread_does_not_have_those_of_another(self):
        with translation.override("de"), timezone.override("Asia/Tokyo"):
            context, theirs = contextvars.copy_context(), []
            in_a_thread(lambda: theirs.append(context.run(self.assert_equal)))
            in_a_thread(lambda: theirs.append(self.assert_equal()))
            assert self.assert_equal() == ("de", "Asia/Tokyo")
        assert ("de", "Asia/Tokyo") not in theirs

    def test_a_coroutine_and_the_threads_that_it_calls_have_those_of_their_task(self):
        async def task():
            with translation.override("de"), timezone.override("Asia/Tokyo"):
                return self.assert_equal(), await sync_to_async(self.assert_equal)()

        assert asyncio.run(task()) == (("de", "Asia/Tokyo"),) * 2
        assert async_to_sync(task)() == (("de", "Asia/Tokyo"),) * 2

    @pytest.mark.parametrize("setting", ["LANGUAGE_CODE", "TIME_ZONE"])
    def test_the_settings_are_read_on_each_use(self, settings, setting):
        setattr(settings, setting, {"LANGUAGE_CODE": "fr", "TIME_ZONE": "Asia/Tokyo"}[setting])
        in_a_thread(self.assert_equal)

    def test_the_caches_of_other_settings_are_other_caches(self, settings):
        before = _current.cache_of("default")
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
        self.assert_equal()
        assert _current.cache_of("default") is not before
        with pytest.raises(InvalidCacheBackendError):
            _current.cache_of("missing")

    def test_a_project_without_a_time_zone_has_no_name_of_one(self, settings):
        settings.TIME_ZONE = None
        assert _current.time_zone_name() == ""


class TestHosts:
    """``HttpRequest.get_host()`` gives the same, slowly."""

    @pytest.mark.parametrize(
        "meta",
        [
            {"HTTP_HOST": "a.example:81"},
            {"HTTP_HOST": "a.example", "HTTP_X_FORWARDED_HOST": "b.example"},
            {"SERVER_NAME": "c.example", "SERVER_PORT": "81"},
        ],
        ids=["host", "forwarded", "server"],
    )
    @pytest.mark.parametrize("forwarded", [True, False])
    def test_the_host_of_a_request_is_what_get_host_returns(self, settings, meta, forwarded):
        settings.ALLOWED_HOSTS, settings.USE_X_FORWARDED_HOST = ["*"], forwarded
        request = RequestFactory().get("/", **meta)
        assert _current.host_of(request) == request.get_host(), relies(_current.host_of)
        with mock.patch.object(HttpRequest, "_get_raw_host", return_value="raw") as raw:
            assert _current.host_of(request) == "raw", relies(_current.host_of)
            assert request.get_host() == "raw", relies(_current.host_of)
        assert raw.call_count >= 2

    @pytest.mark.parametrize("replaced", ["instance", "class", "subclass"])
    def test_a_get_host_of_the_project_is_asked(self, monkeypatch, replaced):
        class Tenants(WSGIRequest):
            def get_host(self):
                return "own"

        request = RequestFactory().get("/", headers={"host": "a.example"})
        if replaced == "subclass":
            request = Tenants(request.environ)
        else:
            target = HttpRequest if replaced == "class" else request
            monkeypatch.setattr(target, "get_host", lambda *_: "own")
        assert _current.host_of(request) == "own"

    def test_a_host_is_allowed_by_the_settings_of_each_request(self, settings):
        request = RequestFactory().get("/", headers={"host": "a.example"})
        settings.ALLOWED_HOSTS = ["a.example"]
        assert [_current.host_of(request) for _ in range(2)] == ["a.example"] * 2
        for hosts in (["b.example"], []):
            settings.ALLOWED_HOSTS = hosts
            for _ in range(2):
                with pytest.raises(DisallowedHost):
                    _current.host_of(request)
        local = RequestFactory().get("/", headers={"host": "localhost"})
        settings.DEBUG = True  # which allows the names of this machine
        assert _current.host_of(local) == "localhost"
        settings.DEBUG = False
        with pytest.raises(DisallowedHost):
            _current.host_of(local)

    def test_a_host_is_compared_once_with_the_same_settings(self, settings):
        settings.ALLOWED_HOSTS = [".example"]
        request = RequestFactory().get("/", headers={"host": "once.example"})
        assert _current.host_of(request) == "once.example"
        with mock.patch.object(http_request, "validate_host", side_effect=AssertionError):
            assert _current.host_of(request) == "once.example", relies(_current.host_of)

    def test_a_client_cannot_make_the_memory_of_hosts_grow(self, settings):
        settings.ALLOWED_HOSTS = ["*"]
        for number in range(2 * _current.MOST_HOSTS):
            request = RequestFactory().get("/", headers={"host": f"h{number}.example"})
            assert _current.host_of(request) == f"h{number}.example"
        assert len(_current._allowed) <= _current.MOST_HOSTS

    def test_what_is_no_request_has_no_host(self):
        assert _current.host_of(None) is None
