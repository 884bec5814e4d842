import threading
from types import SimpleNamespace

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from django_partstream.checks import check_policies
from django_partstream.conf import SETTINGS, option, setting
from tests import services


def problems():
    return [found for found in run_checks() if (found.id or "").startswith("partstream.")]


def test_a_setting_is_read_on_each_use(settings):
    assert setting("CHUNK_SIZE") == 2
    settings.PARTSTREAM = {"CHUNK_SIZE": 7}
    assert setting("CHUNK_SIZE") == 7


def test_a_class_attribute_wins_over_the_setting(settings):
    settings.PARTSTREAM = {"CHUNK_SIZE": 7}

    class View:
        chunk_size = 4

    assert option(View(), "chunk_size") == 4
    assert option(object(), "chunk_size") == 7


@pytest.mark.parametrize("value", [0, -1, 1.5, "3", True])
def test_the_error_for_a_bad_class_attribute_names_it_and_its_value(value):
    class View:
        chunk_size = value

    with pytest.raises(ImproperlyConfigured) as caught:
        option(View(), "chunk_size")
    assert "View.chunk_size" in str(caught.value)
    assert repr(value) in str(caught.value)


def test_good_settings_pass_the_checks(settings):
    settings.PARTSTREAM = {name: known.default for name, known in SETTINGS.items()}
    assert problems() == []


def test_an_unknown_setting_is_an_error_with_the_likely_name_as_hint(settings):
    settings.PARTSTREAM = {"CHUNKSIZE": 3}
    (problem,) = problems()
    assert problem.id == "partstream.E002"
    assert "'CHUNKSIZE'" in problem.msg
    assert "'CHUNK_SIZE'" in problem.hint


@pytest.mark.parametrize(
    ("key", "value"),
    [("CHUNK_SIZE", 0), ("CURSOR_TTL", "3600"), ("MAX_CURSOR_LENGTH", 10), ("SERVER_TIMING", 1)],
)
def test_a_bad_value_of_a_setting_is_an_error_with_the_allowed_values_as_hint(settings, key, value):
    settings.PARTSTREAM = {key: value}
    (problem,) = problems()
    assert problem.id == "partstream.E003"
    assert repr(value) in problem.msg
    assert SETTINGS[key].wants in problem.hint


@pytest.mark.parametrize(
    ("key", "counted"),
    [
        ("CHUNK_SIZE", "parts"),
        ("CURSOR_TTL", "seconds"),
        ("MAX_CURSOR_LENGTH", "characters"),
        ("CONCURRENCY", "threads"),
        ("MAX_THREADS", "threads"),
        ("MAX_ABANDONED_CALLS", "calls"),
    ],
)
def test_the_hint_of_a_bad_count_says_what_is_counted(settings, key, counted):
    settings.PARTSTREAM = {key: 0}
    (problem,) = problems()
    assert f"a whole number of {counted}, " in problem.hint


def test_settings_that_are_no_dict_are_an_error(settings):
    settings.PARTSTREAM = ["CHUNK_SIZE"]
    assert [problem.id for problem in problems()] == ["partstream.E001"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("TENANCY", "Tenancy"),
        ("TENANCY", ["shop.tenants.Tenancy"]),
        ("THREAD_LOCALS", "shop.middleware._state"),
        ("THREAD_LOCALS", ["state"]),
    ],
)
def test_a_value_that_is_no_dotted_path_is_an_error(settings, key, value):
    settings.PARTSTREAM = {key: value}
    assert [problem.id for problem in problems()] == ["partstream.E003"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("TENANCY", "no.such.Tenancy"),
        ("TENANCY", "tests.core.test_settings.problems"),
        ("THREAD_LOCALS", ["no.such.local"]),
        ("THREAD_LOCALS", ["tests.core.test_settings.problems"]),
    ],
)
def test_a_path_to_an_object_that_cannot_be_used_is_an_error_with_the_remedy(settings, key, value):
    settings.PARTSTREAM = {key: value}
    (problem,) = problems()
    assert problem.id == "partstream.E004"
    assert key in problem.msg
    assert problem.hint.endswith(".")


state = threading.local()


class Middleware:
    state = threading.local()


class TestThreadLocalsOfMiddleware:
    PATH = f"{__name__}.Middleware"

    def test_a_thread_local_that_nothing_carries_is_a_warning_with_the_line_to_paste(
        self, settings
    ):
        settings.MIDDLEWARE = [self.PATH]
        found = problems()
        assert {problem.id for problem in found} == {"partstream.W005"}
        assert [problem.msg.split()[0] for problem in found] == [
            f"{__name__}.state",
            f"{__name__}.Middleware.state",
        ]
        settings.PARTSTREAM = eval(found[0].hint.partition(" = ")[2].partition(" carries")[0])
        (left,) = problems()
        settings.PARTSTREAM = eval(left.hint.partition(" = ")[2].partition(" carries")[0])
        assert problems() == []

    def test_a_middleware_that_cannot_be_imported_is_left_to_django(self, settings):
        settings.MIDDLEWARE = ["no.such.Middleware", "nothing"]
        assert problems() == []


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, databases=services.DATABASES)
class TestPolicies:
    @pytest.fixture(params=["itself", "in a function"])
    def policy(self, request):
        """A policy that reads a setting of the session."""
        read = "current_setting('shop.tenant', true)"
        with connections["postgres"].cursor() as cursor:
            if request.param == "in a function":
                cursor.execute(
                    f"CREATE FUNCTION shop_tenant() RETURNS text LANGUAGE sql AS $$SELECT {read}$$"
                )
                read = "shop_tenant()"
            for table in ("shop_line", "shop_order"):  # a warning for both
                cursor.execute(f"CREATE TABLE {table} (tenant text)")
                cursor.execute(f"CREATE POLICY own ON {table} USING (tenant = {read})")
            yield
            cursor.execute("DROP TABLE shop_line, shop_order; DROP FUNCTION IF EXISTS shop_tenant")

    def ids(self):
        return [problem.id for problem in check_policies(["default", "postgres"])]

    @pytest.mark.usefixtures("policy")
    def test_a_policy_that_reads_a_setting_of_the_session_needs_a_tenancy(self, settings):
        assert self.ids() == ["partstream.W006"]
        settings.PARTSTREAM = {"TENANCY": SimpleNamespace(capture=None)}
        assert self.ids() == ["partstream.W006"]
        settings.PARTSTREAM = {"TENANCY": SimpleNamespace(connection=print)}
        assert self.ids() == []

    def test_another_policy_and_no_policy_need_no_tenancy(self):
        assert self.ids() == []
        with connections["postgres"].cursor() as cursor:
            cursor.execute("CREATE TABLE shop_order (tenant text)")
            cursor.execute("CREATE POLICY own ON shop_order USING (tenant = current_user)")
            try:
                assert self.ids() == []
            finally:
                cursor.execute("DROP TABLE shop_order")

    @pytest.mark.usefixtures("policy")
    def test_policies_are_looked_at_only_where_the_check_may_query_the_database(self):
        assert [one.id for one in run_checks(tags=["database"], databases=["postgres"])] == [
            "partstream.W006"
        ]
        assert problems() == []
