"""The page on background parts: its code runs, its settings pass the checks, its figures are so."""

import json
import os
import re
import subprocess
import sys
import types
import unittest
from importlib.util import find_spec

import graphene
import pytest
from django.apps import AppConfig, apps
from django.urls import path
from graphene_django.views import GraphQLView

from django_partstream import lazy
from django_partstream.engines import run_message, thread
from django_partstream.exceptions import PartPending
from django_partstream.jobs import engine, functions, heart, states
from django_partstream.testing import background_never, background_now, walk, walk_connection
from example_schema.models import Order
from partstream_graphql import ProgressiveConnectionField
from tests.documentation import ROOT, block, blocks, run_module, shop_of, shortened

PAGE = ROOT / "docs" / "background.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

TEXT = " ".join(PAGE.read_text().split())
SETTINGS = [code for code in blocks(PAGE, "python") if code.startswith("# settings.py")]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}


@pytest.fixture
def shop(monkeypatch, settings):
    """The project of the shop as an installed app, and ``shop(name)`` to run a block of the page."""
    config = AppConfig("shop", types.SimpleNamespace(__path__=["shop"]))
    config.apps, config.models = apps, {}
    monkeypatch.setitem(apps.app_configs, "shop", config)
    return shop_of(PAGE, monkeypatch, settings)


@pytest.fixture
def outlook(shop, serve):
    """A client of the page's view, at the address of its tests."""
    shop("forecasts")
    return serve(path("api/outlook/", shop("outlook").OutlookView.as_view()))


def test_every_python_block_of_the_page_is_run_by_a_test():
    named = [code.partition("\n")[0] for code in blocks(PAGE, "python")]
    assert named == [
        "# shop/forecasts.py",
        "# shop/outlook.py",
        "# shop/graph.py",
        "# shop/signals.py",
        "# settings.py: threads",
        "# settings.py: tasks",
        "# shop/celery.py",
        "# shop/__init__.py",
        "# settings.py: Celery on Redis",
        "# settings.py: Celery on RabbitMQ",
        "# shop/engine.py",
        "# settings.py: an engine of your own",
        "# shop/tests.py",
    ]


@pytest.mark.django_db
def test_the_page_with_a_pending_part_is_as_shown(outlook, monkeypatch):
    monkeypatch.setattr(PartPending, "retry_after", 0.5)
    (sample,) = blocks(PAGE, "json")
    first = outlook.get("/api/outlook/?parts=overview,orders,forecast").json()
    with background_never():
        asked = outlook.get("/api/outlook/", {"cursor": first["cursor"]})
        page = asked.json()
        assert page["pending"][0].pop("progress") is None
    told = json.loads(sample)
    assert told["pending"][0].pop("progress") == 0.3
    assert shortened(page) == told
    assert asked["Retry-After"] == "1"
    assert set(asked["Cache-Control"].split(", ")) == {"private", "no-store"}


@pytest.mark.django_db
def test_the_forecast_of_the_page_tells_its_progress_and_arrives(outlook, monkeypatch):
    told = []
    monkeypatch.setattr(sys.modules["shop.forecasts"], "progress", told.append)
    with background_now():
        assert walk(outlook, "/api/outlook/").parts["forecast"] == 90
    assert told == [(day + 1) / 30 for day in range(30)]
    assert sys.modules["shop.forecasts"].forecast(30) == 90  # the plain function


@pytest.mark.django_db
def test_the_same_parts_serve_graphql(outlook, shop, serve):
    class Query(graphene.ObjectType):
        outlook = ProgressiveConnectionField(shop("graph").Outlook)

    query = """query ($after: String) { outlook(after: $after) {
        pageInfo { hasNextPage endCursor } pending { name }
        edges { node { name overview { store } orders { id } forecast error { code } } }
    } }"""
    view = GraphQLView.as_view(schema=graphene.Schema(query=Query))
    client = serve(path("graphql/", view))
    with background_now():
        walked = walk_connection(client, query)
    assert (walked.parts["forecast"], walked.errors) == (90.0, [])


@pytest.mark.django_db(transaction=True)
def test_a_saved_order_drops_the_forecast_of_the_page(outlook, shop):
    from django.db.models.signals import post_save

    receiver = shop("signals").drop_the_forecast
    try:
        with background_now():
            assert walk(outlook, "/api/outlook/").parts["forecast"] == 90
            Order.objects.get(pk=1).delete()
            assert walk(outlook, "/api/outlook/").parts["forecast"] == 90
            Order.objects.get().save()
            assert walk(outlook, "/api/outlook/").parts["forecast"] == 45
    finally:
        post_save.disconnect(receiver, sender=Order)


@pytest.mark.django_db
def test_the_test_case_of_the_page_passes(outlook, shop):
    case = shop("tests").OutlookTest
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    assert (result.testsRun, result.errors, result.failures) == (3, [], [])


@pytest.mark.django_db
def test_the_engine_of_the_page_carries_a_message_to_its_worker(
    outlook, shop, serve, monkeypatch, settings
):
    class Queue:
        def enqueue(self, *job):
            jobs.append(job)

    jobs = []
    rq = types.SimpleNamespace(get_queue={"default": Queue()}.__getitem__)
    monkeypatch.setitem(sys.modules, "django_rq", rq)
    shop("engine")
    settings.PARTSTREAM = run_module(
        monkeypatch, block(PAGE, "shop.engine.enqueue"), "own"
    ).PARTSTREAM
    monkeypatch.setattr(engine, "works_in_transactions", lambda: True)
    assert outlook.get("/api/outlook/?parts=forecast").json()["pending"]
    ((function, message),) = jobs
    assert function is run_message
    assert json.loads(json.dumps(message)) == message
    run_message(message)
    assert walk(outlook, "/api/outlook/?parts=forecast").parts == {"forecast": 90}


@pytest.fixture
def project(tmp_path):
    """
    Write a project with the page's modules and a block of settings, and run Python there.

    ``project(settings)`` gives ``run(*arguments)``, which returns what the process has printed.
    """
    package = tmp_path / "shop"
    package.mkdir()
    for name in ("__init__", "celery"):
        (package / f"{name}.py").write_text(block(PAGE, f"# shop/{name}.py\n"))
    (package / "forecasts.py").write_text(
        "from django_partstream import background\n\n\n@background\ndef forecast(days):\n    ...\n"
    )
    (package / "urls.py").write_text("import shop.forecasts\n\nurlpatterns = []\n")

    def written(*texts):
        (package / "settings.py").write_text(
            'SECRET_KEY = "x" * 50\n'
            f"DATABASES = {DATABASES!r}\n"
            'ROOT_URLCONF = "shop.urls"\n'
            'INSTALLED_APPS = ["django_partstream", "shop"]\n' + "\n".join(texts)
        )
        return run

    def run(*arguments):
        environ = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "shop.settings",
            "PYTHONPATH": f"{tmp_path}:{ROOT}",
        }
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return written


def settings_of(name):
    (code,) = [code for code in SETTINGS if code.startswith(f"# settings.py: {name}\n")]
    return code


KNOWS_THE_TASK = """
from shop.celery import app

app.loader.import_default_modules()
app.finalize()
assert "django_partstream.run" in app.tasks
"""


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("threads", "redis"),
        ("tasks", "django_tasks_db"),
        ("Celery on Redis", "celery"),
        ("Celery on RabbitMQ", "celery"),
    ],
)
def test_the_settings_of_the_page_pass_the_checks(project, name, package):
    if not find_spec(package):
        pytest.skip(f"No {package}.")
    run = project(settings_of("threads"), settings_of(name))
    assert "no issues" in run("-m", "django", "check")


@pytest.mark.parametrize("name", ["Celery on Redis", "Celery on RabbitMQ"])
def test_a_worker_of_the_page_knows_the_task(project, name):
    if not find_spec("celery"):
        pytest.skip("No Celery.")
    project(settings_of("threads"), settings_of(name))("-c", KNOWS_THE_TASK)


def test_a_worker_without_the_app_of_partstream_knows_the_task_by_the_import_of_the_page(project):
    if not find_spec("celery"):
        pytest.skip("No Celery.")
    (imports,) = re.findall(r"`(CELERY_IMPORTS = .*?)`", TEXT)
    run = project(
        settings_of("threads"),
        settings_of("Celery on Redis"),
        'INSTALLED_APPS = ["shop"]',
        imports,
    )
    run("-c", KNOWS_THE_TASK)


def test_the_figures_of_the_page_are_those_of_the_code():
    rows = dict(re.findall(r"^\| ([^|]+?) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE))
    assert f"{thread.THREADS} threads of each server process" in rows["computes in"]
    assert rows["too much work"].startswith(f"{thread.WAITING} jobs wait")
    assert f"failure for {states.FAILED} s" in rows["the function raises"]
    assert f"after {states.LEASE} s" in rows["a worker is killed (`kill -9`, out of memory)"]
    assert states.DEATHS == 3
    assert rows["a job kills its worker three times"].endswith(
        f"{states.POISONED // 60} minutes at most"
    )
    assert f"{states.REFUSED} s later" in rows["the broker is down"]
    assert f"after {engine.DEADLINE:.0f} s" in rows["the broker hangs"]
    assert f"after {states.ASKED} s" in rows["a message is lost"]
    assert f"ask again after {states.ASKED} seconds" in TEXT
    assert f"`enqueue()` has {engine.DEADLINE:.0f} seconds" in TEXT
    assert "five times a second" in TEXT
    assert heart.PROGRESS_EVERY == 1 / 5


def test_the_defaults_of_the_page_are_those_of_the_decorator():
    table = re.findall(r"^\| `(\w+)` \| `?(\"?\w+\"?)`? \|", PAGE.read_text(), re.MULTILINE)
    declared = functions.background.__kwdefaults__
    assert {name: repr(value).replace("'", '"') for name, value in declared.items()} == dict(table)


def test_the_arithmetic_of_the_page_is_that_of_its_command():
    from benchmarks import waiting

    assert waiting.table() in PAGE.read_text()
    assert "$ python -m benchmarks.waiting " in PAGE.read_text()


@pytest.mark.django_db
@pytest.mark.parametrize("refused", [{1, 2}, (1, 2), object()], ids=["set", "tuple", "object"])
def test_an_argument_that_the_page_names_is_refused(outlook, serve, refused, caplog):
    function = sys.modules["shop.forecasts"].forecast
    view = type(
        "View",
        (sys.modules["shop.outlook"].ProgressiveView,),
        {"get_parts": lambda view: [("a", lazy(lambda request: function(refused)))]},
    )
    (error,) = serve(view).get("/").json()["errors"]
    assert error["retryable"] is False
    assert "has no JSON form" in caplog.text
