"""The system checks of background functions: engines, caches, and Celery's broker."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest
from django.core import mail
from django.core.checks import run_checks

from django_partstream import background
from django_partstream.checks import engines
from django_partstream.jobs import functions

ROOT = Path(__file__).parents[2]

LOCMEM = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
NOTHING = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
SHARED = {
    "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
    "LOCATION": "/nonexistent",
}


def take(message):
    """An engine by its dotted path."""


@pytest.fixture(autouse=True)
def _as_manage_py_check(monkeypatch, settings):
    """Check as outside of a test run, on a live site, with no background function."""
    monkeypatch.delattr(mail, "outbox")
    monkeypatch.setattr(functions, "_declared", {})
    settings.DEBUG = False
    settings.ROOT_URLCONF = "tests.no_urls"  # those of the example have a background function
    settings.CACHES = {"default": LOCMEM, "shared": SHARED, "nothing": NOTHING}


@pytest.fixture
def declare():
    """Declare a background function in a cache."""

    def declared(cache):
        def forecast():
            raise AssertionError("A check calls nothing.")

        forecast.__qualname__ = f"forecast_in_{cache}"
        background(cache=cache)(forecast)

    return declared


def problems():
    return [found for found in run_checks() if (found.id or "").startswith("partstream.")]


def ids():
    return sorted(problem.id for problem in problems())


class TestEngines:
    @pytest.mark.parametrize("engine", ["thread", f"{__name__}.take"])
    def test_an_engine_that_can_be_imported_is_no_problem(self, settings, engine):
        settings.PARTSTREAM = {"BACKGROUND": engine}
        settings.CACHES = {"default": SHARED}
        assert problems() == []

    @pytest.mark.parametrize("path", ["no.such.enqueue", f"{__name__}.SHARED"])
    def test_a_path_that_names_no_function_is_an_error_with_the_remedy(self, settings, path):
        settings.PARTSTREAM = {"BACKGROUND": path}
        (problem,) = problems()
        assert problem.id == "partstream.E007"
        assert repr(path) in problem.msg
        assert problem.hint.startswith("Name ")

    def test_an_engine_without_its_package_is_an_error_with_the_line_for_pip(self, settings):
        settings.PARTSTREAM = {"BACKGROUND": "celery"}
        with (
            mock.patch.dict(sys.modules, {"celery": None}),
            mock.patch.dict(sys.modules),  # restores what the import has added
        ):
            sys.modules.pop("django_partstream.engines.celery", None)
            (problem,) = problems()
        assert problem.id == "partstream.E007"
        assert problem.hint == "pip install 'django-partstream[celery]'"

    def test_an_unknown_engine_is_a_bad_value_and_nothing_else(self, settings):
        settings.PARTSTREAM = {"BACKGROUND": "rabbit"}
        assert ids() == ["partstream.E003"]

    @pytest.mark.parametrize("debug", [True, False])
    def test_an_engine_without_workers_is_a_warning_on_a_live_site(self, settings, debug):
        settings.PARTSTREAM = {"BACKGROUND": "tasks"}
        settings.CACHES = {"default": SHARED}
        settings.DEBUG = debug
        module = SimpleNamespace(enqueue=take, is_local=lambda: True)
        with mock.patch.dict(sys.modules, {"django_partstream.engines.tasks": module}):
            found = problems()
        assert [problem.id for problem in found] == ([] if debug else ["partstream.W010"])
        assert all("TASKS['default']" in problem.hint for problem in found)


class TestCaches:
    def test_a_project_without_background_functions_may_have_any_cache(self):
        assert problems() == []

    def test_a_cache_of_each_process_is_a_warning_with_threads_on_a_live_site(
        self, declare, settings
    ):
        declare("default")
        (problem,) = problems()
        assert problem.id == "partstream.W009"
        assert "'default'" in problem.msg
        assert "silence partstream.W009" in problem.hint
        settings.DEBUG = True
        assert problems() == []

    def test_the_caches_of_the_functions_are_checked_and_no_others(self, declare):
        declare("shared")
        assert problems() == []

    @pytest.mark.parametrize("cache", ["nothing", "unknown"])
    @pytest.mark.parametrize("debug", [True, False])
    def test_a_cache_that_keeps_nothing_or_does_not_exist_is_an_error(
        self, declare, settings, cache, debug
    ):
        settings.DEBUG = debug
        declare(cache)
        (problem,) = problems()
        assert problem.id == "partstream.E008"
        assert repr(cache) in problem.msg

    @pytest.mark.parametrize("debug", [True, False])
    def test_a_cache_of_each_process_is_an_error_where_workers_compute(
        self, declare, settings, debug
    ):
        settings.PARTSTREAM = {"BACKGROUND": "tasks"}
        settings.DEBUG = debug
        module = SimpleNamespace(enqueue=take, is_local=lambda: False)
        with mock.patch.dict(sys.modules, {"django_partstream.engines.tasks": module}):
            assert ids() == ["partstream.E008"]  # of functions that are not imported yet
            declare("shared")
            assert problems() == []
            declare("default")
            assert ids() == ["partstream.E008"]

    def test_an_engine_of_the_project_may_have_its_threads_here(self, declare, settings):
        settings.PARTSTREAM = {"BACKGROUND": f"{__name__}.take"}
        declare("default")
        assert ids() == ["partstream.W009"]

    def test_a_test_run_is_left_alone(self, declare, monkeypatch):
        monkeypatch.setattr(mail, "outbox", [], raising=False)
        declare("nothing")
        assert problems() == []

    @pytest.mark.parametrize("apps", [[], ["tests.core"]])
    def test_a_function_in_no_app_is_an_error(self, declare, monkeypatch, apps):
        configs = [SimpleNamespace(name=name) for name in apps]
        monkeypatch.setattr(functions.apps, "get_app_configs", lambda: configs)
        declare("shared")
        found = [one.id for one in engines.check_functions()]
        assert found == ([] if apps else ["partstream.E013"])

    def test_functions_that_only_the_urls_import_are_checked(self, declare, settings):
        class Resolver:
            @property
            def url_patterns(self):
                declare("nothing")
                raise ImportError("broken further down")

        with mock.patch.object(engines, "get_resolver", Resolver):
            assert [one.id for one in engines.check_background_caches()] == ["partstream.E008"]


class TestCelery:
    """The checks of a project on Celery, whose app is made or not."""

    @pytest.fixture
    def make(self, settings, monkeypatch):
        """Make the app of a project with these settings, the default of all threads."""
        celery = pytest.importorskip("celery")
        from celery import _state

        settings.PARTSTREAM = {"BACKGROUND": "celery"}
        settings.CACHES = {"default": SHARED}
        before = _state.default_app
        _state.set_default_app(None)
        # A test module may have made an app, which then is the one of this thread.
        monkeypatch.setattr(_state._tls, "current_app", None, raising=False)

        def made(**options):
            app = celery.Celery("shop", set_as_current=False)
            app.conf.update(options)
            app.set_default()

        yield made
        _state.set_default_app(before)

    def test_a_process_without_an_app_is_a_warning_and_stays_without(self, make):
        from celery import _state

        (problem,) = problems()
        assert problem.id == "partstream.W011"
        assert "First steps with Django" in problem.hint
        assert _state.default_app is None

    @pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "rediss://127.0.0.1:1/0"])
    def test_redis_without_limits_is_a_warning_with_those_that_lack(self, make, url):
        make(broker_url=url, broker_transport_options={"socket_timeout": 3})
        (problem,) = problems()
        assert problem.id == "partstream.W012"
        assert "no max_retries and no socket_connect_timeout" in problem.msg
        assert problem.hint == (
            "Add to broker_transport_options: 'max_retries': 0, 'socket_connect_timeout': 1."
        )

    def test_rabbitmq_needs_a_bound_of_retries_only(self, make):
        make(broker_url="amqp://127.0.0.1:1//")
        (problem,) = problems()
        assert (problem.id, problem.hint) == (
            "partstream.W012",
            "Add to broker_transport_options: 'max_retries': 0.",
        )

    @pytest.mark.parametrize(
        "options",
        [
            {
                "broker_url": "redis://127.0.0.1:1/0",
                "broker_transport_options": {
                    "max_retries": 0,
                    "socket_timeout": 1,
                    "socket_connect_timeout": 1,
                },
            },
            {
                "broker_url": "amqp://127.0.0.1:1//",
                "broker_transport_options": {"max_retries": 0},
            },
            {"broker_url": "memory://"},
            {"broker_url": "redis://127.0.0.1:1/0", "task_always_eager": True},
        ],
    )
    def test_a_broker_with_limits_and_one_that_needs_none_are_no_problem(
        self, make, settings, options
    ):
        settings.DEBUG = True  # an eager app is told of on a live site
        make(**options)
        assert problems() == []

    @pytest.mark.parametrize("url", ["rabbit://127.0.0.1", "redis://127.0.0.1:1/0"])
    def test_a_broker_that_cannot_be_used_is_an_error_with_the_remedy(self, make, url):
        make(broker_url=url)
        with mock.patch("kombu.transport.redis.redis", None):  # as without the package
            (problem,) = problems()
        assert problem.id == "partstream.E007"
        assert "pip install" in problem.hint

    def test_an_eager_app_on_a_live_site_is_a_warning(self, make):
        make(task_always_eager=True)
        (problem,) = problems()
        assert problem.id == "partstream.W010"
        assert "task_always_eager" in problem.hint

    def test_a_cache_of_each_process_is_an_error(self, make, settings):
        settings.CACHES = {"default": LOCMEM}
        assert ids() == ["partstream.E008", "partstream.W011"]


WORKER = """
import django
from django.conf import settings

settings.configure(INSTALLED_APPS=["django_partstream"], PARTSTREAM={"BACKGROUND": "celery"})
django.setup()

from celery import Celery

assert "django_partstream.run" in Celery("worker").tasks
"""


def test_a_worker_with_the_app_of_partstream_knows_the_task():
    pytest.importorskip("celery")
    subprocess.run([sys.executable, "-c", WORKER], cwd=ROOT, timeout=60, check=True)


@pytest.mark.parametrize(
    ("apps", "imports", "is_warned"),
    [
        ([], [], True),
        (["django_partstream"], [], False),
        ([], ["django_partstream.engines.celery"], False),
    ],
)
def test_an_app_whose_workers_may_not_know_the_task_is_warned_of_once(
    monkeypatch, caplog, apps, imports, is_warned
):
    pytest.importorskip("celery")
    from django_partstream.engines import celery as engine

    monkeypatch.setattr(engine, "_has_looked", False)
    conf = SimpleNamespace(imports=imports, include=())
    monkeypatch.setattr(engine, "run", mock.Mock(app=SimpleNamespace(conf=conf)))
    monkeypatch.setattr(engine, "function_named", mock.Mock(return_value=mock.Mock(limit=60)))
    monkeypatch.setattr(engine.apps, "is_installed", apps.__contains__)
    for _ in range(2):
        engine.enqueue({"function": "shop.forecast"})
    assert len(caplog.records) == is_warned
    assert all("INSTALLED_APPS" in record.message for record in caplog.records)
