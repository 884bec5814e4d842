"""The production page: its settings pass the checks, its commands are valid, its code runs."""

import re
import shlex
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.core.management import call_command
from django.db.utils import ConnectionHandler
from django.test import override_settings
from django.urls import path
from django.views.decorators.cache import cache_page
from django.views.decorators.vary import vary_on_headers

from django_partstream import ProgressiveView, cached_for, lazy
from django_partstream.conf import SETTINGS
from django_partstream.signals import part_resolved
from django_partstream.testing import walk
from tests.documentation import run_module

PAGE = Path(__file__).parent.parent / "docs" / "production.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

PYTHON = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
COMMANDS = re.findall(r"^\$ (.*)$", PAGE.read_text(), re.MULTILINE)


def run(code, **names):
    exec(compile(code, PAGE, "exec"), names)
    return names


def test_the_settings_on_the_production_page_pass_djangos_checks():
    told, pooled = (run(code) for code in PYTHON if "DATABASES" in code)
    kept = {name: told[name] for name in ("CACHES", "PARTSTREAM", "LOGGING")}
    with override_settings(**kept):
        assert run_checks() == []
    assert told["PARTSTREAM"].keys() <= SETTINGS.keys()
    for databases in (told["DATABASES"], pooled["DATABASES"]):
        settings = ConnectionHandler(databases)["default"].settings_dict
        assert settings["NAME"] == "shop"


def test_the_commands_on_the_production_page_are_accepted_by_their_servers():
    from gunicorn.config import Config
    from uvicorn.main import main

    for name, *options in map(shlex.split, COMMANDS):
        if name == "python":
            continue  # by the test of the static files
        if name == "gunicorn":
            told = Config().parser().parse_args(options)
            assert told.graceful_timeout < told.timeout
        else:
            assert name == "uvicorn"
            assert main.make_context(name, options).params["workers"] == 4


def test_the_static_files_that_the_page_collects_import_each_other(tmp_path, monkeypatch, settings):
    storage, lines = (code for code in PYTHON if "storage" in code)
    run_module(monkeypatch, storage, "shop.storage")
    told = run(lines, BASE_DIR=tmp_path)
    settings.STATIC_ROOT, settings.STORAGES = told["STATIC_ROOT"], told["STORAGES"]
    (command,) = [shlex.split(line)[2:] for line in COMMANDS if line.startswith("python manage.py")]
    call_command(*command, ignore_patterns=["example_schema"], verbosity=0)
    folder = told["STATIC_ROOT"] / "django_partstream"
    (client,) = folder.glob("partstream.*.js")
    (stream,) = folder.glob("stream.*.js")
    assert f'import("./{stream.name}")' in client.read_text()


def test_the_cached_view_on_the_production_page_keeps_readers_apart(client, settings, db):
    class DashboardView(ProgressiveView):
        chunk_size = 1

        def get_parts(self):
            return [("reader", lazy(lambda request: str(request.user))), ("last", 1)]

    (code,) = [code for code in PYTHON if "cache_page" in code]
    view = run(
        code, DashboardView=DashboardView, cache_page=cache_page, vary_on_headers=vary_on_headers
    )["view"]
    urls = ModuleType("cached")
    urls.urlpatterns = [path("", view)]
    settings.ROOT_URLCONF = urls
    anonymous = walk(client, "/").pages
    assert walk(client, "/").pages == anonymous
    client.force_login(User.objects.create_user("ann"))
    assert walk(client, "/").parts == {"reader": "ann", "last": 1}
    client.logout()
    assert walk(client, "/").pages == anonymous


def test_the_invalidation_code_on_the_production_page_runs(rf):
    (code,) = [code for code in PYTHON if "invalidate" in code]
    declared, used = code.split("\n\n\n")
    body = declared.replace("...", "return next(self.runs)").replace("\n", "\n    ")
    names = run(f"class DashboardParts:\n    {body}", cached_for=cached_for)
    parts = names["DashboardParts"]
    parts.runs, parts.get_parts = iter(range(9)), list
    request = rf.get("/")
    request.user = SimpleNamespace(pk=1, is_authenticated=True)

    def ask():
        return [parts().get_analytics(request) for _ in range(2)]

    assert ask() == [0, 0]
    for number, line in enumerate(used.strip().splitlines(), start=1):
        run(line, **names, request=request)
        assert ask() == [number, number]


def test_the_signal_receiver_on_the_production_page_gets_resolved_parts():
    (code,) = [code for code in PYTHON if "part_resolved" in code]
    statsd = mock.Mock()
    observe = run(code, statsd=statsd)["observe"]
    try:
        part_resolved.send(None, name="a", status="ok", seconds=0.5, request=None)
    finally:
        part_resolved.disconnect(observe)
    statsd.timing.assert_called_once_with("part.a.ok", 500)
