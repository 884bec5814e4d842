"""The page on tenants: its recipes keep two tenants apart on PostgreSQL, and its code runs."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser, User

from django_partstream import cached_for, lazy
from tests import services
from tests.documentation import ROOT, blocks, run_module

PAGE = ROOT / "docs" / "tenants.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

#: Seconds that a recipe may take on a slow machine.
PATIENCE = 300

#: A recipe, and how it keeps its connections.
RUNS = [
    ("policies", "pool"),
    ("roles", "kept"),
    ("schemas", "pool"),
    ("multitenant", "kept"),
    ("multitenant-asgiref", "pool"),
]


@pytest.mark.postgres
@pytest.mark.parametrize(("recipe", "keeping"), RUNS)
def test_no_part_of_a_tenant_reads_a_row_of_another_tenant_or_misses_its_own(recipe, keeping):
    """In a process of its own, for the packages change Django, and django-tenants its settings."""
    command = [sys.executable, "-m", "tests.tenants.rounds", recipe, keeping]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    # CI runs no test again that failed with these words.
    assert not result["wrong"], f"A row of another tenant was read, or an own row missed: {result}"
    assert result["left"] == 0, result
    assert result["reads"] > 2000


def test_each_code_block_of_the_page_is_run_by_a_test():
    named = [code.partition("\n")[0] for code in blocks(PAGE, "python")]
    assert named == [
        "# settings.py",
        "# settings.py",
        "# shop/tenants.py",
        "# shop/middleware.py",
        *["# shop/tenants.py"] * 4,
    ]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, databases=services.DATABASES)
class TestATenantInAToken:
    @pytest.fixture
    def claims(self, monkeypatch, settings):
        """Serve a view to the bearer of a token, with the recipe as the project's tenancy."""
        (code,) = [code for code in blocks(PAGE, "python") if 'claims["org"]' in code]
        run_module(monkeypatch, code, "shop.tenants")
        told = [code for code in blocks(PAGE, "python") if code.startswith("# settings.py")]
        names = {}
        exec(told[0], names)
        monkeypatch.setitem(
            sys.modules, "shop", SimpleNamespace(tenants=sys.modules["shop.tenants"])
        )
        settings.PARTSTREAM = names["PARTSTREAM"]

    @pytest.fixture(params=["user", "no user"])
    def get(self, request, claims, serve):
        """Get a page for a user (or nobody) in an organisation."""
        authentication = pytest.importorskip("rest_framework.authentication")
        from django.db import connections

        from django_partstream import ProgressiveView

        class ByToken(authentication.BaseAuthentication):
            def authenticate(self, http):
                org = http.headers["X-Org"]
                user = User(pk=1) if request.param == "user" else AnonymousUser()
                return user, {"org": org, "iat": http.headers.get("X-Issued")}

        class Revenue(ProgressiveView):
            authentication_classes = [ByToken]
            chunk_size = 1

            def get_parts(self):
                return [("own", lazy(self.get_own)), ("shared", lazy(self.get_shared))]

            @cached_for(60)
            def get_own(self, request):
                return self.revenue(request)

            @cached_for(60, per_user=False)
            def get_shared(self, request):
                return self.revenue(request)

            def revenue(self, request):
                with connections["postgres"].cursor() as cursor:
                    cursor.execute("SELECT %s", [f"of {request.auth['org']}"])
                    return cursor.fetchone()[0]

        client = serve(Revenue)

        def got(org, cursor="", issued="1"):
            return client.get(f"/?cursor={cursor}", headers={"X-Org": org, "X-Issued": issued})

        got.has_user = request.param == "user"
        return got

    def test_a_cached_value_of_one_organisation_is_never_that_of_another(self, get):
        for org in ("a", "b", "a"):
            page = get(org)
            assert page.json()["results"] == [{"own": f"of {org}"}]
            last = get(org, page.json()["cursor"])
            assert last.json()["results"] == [{"shared": f"of {org}"}]

    def test_a_cursor_of_one_organisation_is_not_followed_in_another(self, get):
        cursor = get("a").json()["cursor"]
        assert get("b", cursor).json()["code"] == "invalid_cursor"

    def test_a_page_of_an_organisation_is_private(self, get):
        assert get("a")["Cache-Control"] == "private, no-store"

    def test_a_walk_of_a_user_goes_on_with_a_refreshed_token(self, get):
        status = get("a", get("a").json()["cursor"], issued="2").status_code
        assert status == (200 if get.has_user else 400)


def test_the_thread_locals_on_the_page_are_a_valid_setting(settings):
    from django_partstream.conf import SETTINGS

    (_, code) = [code for code in blocks(PAGE, "python") if code.startswith("# settings.py")]
    names = {}
    exec(code, names)
    ((key, value),) = names["PARTSTREAM"].items()
    assert SETTINGS[key].accepts(value)
