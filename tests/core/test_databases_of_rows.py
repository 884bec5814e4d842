"""The database of a model instance in cache keys and identities, and its replicas."""

import copy

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.db.utils import ConnectionRouter
from django.utils.functional import SimpleLazyObject

from django_partstream import cached_for
from django_partstream.canonical import canonical
from django_partstream.databases import home_of
from django_partstream.identity import user_identity
from example_schema.models import Customer


def row(alias, kind=Customer):
    found = kind(pk=1)
    found._state.db = alias
    return found


@pytest.fixture
def aliases(monkeypatch):
    """Configure further databases: ``aliases(replica={...})``, a copy of the default with changes."""
    configured = dict(connections.settings)
    configured["default"] = configured["default"] | {"ENGINE": "x", "NAME": "shop", "HOST": "one"}
    monkeypatch.setattr(connections, "settings", configured)

    def add(**changes):
        for alias, changed in changes.items():
            made = copy.deepcopy(configured["default"]) | {"HOST": alias}
            made["TEST"] = made["TEST"] | changed.pop("TEST", {})
            configured[alias] = made | changed

    return add


@pytest.fixture
def route(monkeypatch):
    """Install a router: ``route(db_for_write=..., allow_relation=...)``."""

    def install(**methods):
        router = type("Router", (), {name: staticmethod(one) for name, one in methods.items()})()
        monkeypatch.setattr("django_partstream.databases.router", ConnectionRouter([router]))

    return install


def test_a_row_of_one_database_is_another_value_than_that_of_a_second(aliases, request_of):
    aliases(other={})
    names, runs = {}, []

    @cached_for(60, key="name of")
    def name_of(request, author):
        runs.append(author)
        return names.setdefault(author._state.db, len(names))

    asked = [name_of(request_of(), row(alias)) for alias in ("default", "other") * 2]
    assert (asked, len(runs)) == ([0, 1, 0, 1], 2)


def test_a_row_that_was_made_by_hand_is_a_row_of_the_default_database():
    assert canonical(Customer(pk=1)) == canonical(row("default")) == "example_schema.customer:int:1"


def test_an_alias_that_mirrors_another_is_one_database_with_it(aliases):
    aliases(replica={"TEST": {"MIRROR": "default"}}, second={"TEST": {"MIRROR": "replica"}})
    assert {home_of(row(alias)) for alias in ("default", "replica", "second")} == {"default"}


def test_aliases_that_mirror_each_other_do_not_end_in_a_loop(aliases):
    aliases(a={"TEST": {"MIRROR": "b"}}, b={"TEST": {"MIRROR": "a"}})
    assert home_of(row("a")) in ("a", "b")


def test_two_aliases_with_the_same_settings_are_one_database(aliases):
    aliases(same={"HOST": "one"}, other={"HOST": "one", "USER": "reader"})
    assert [home_of(row(alias)) for alias in ("same", "other")] == ["default", "other"]


@pytest.mark.parametrize("name", ["", ":memory:", "file:x?mode=memory"])
def test_two_aliases_of_unnamed_databases_are_two_databases(aliases, name):
    aliases(a={"HOST": "", "NAME": name}, b={"HOST": "", "NAME": name})
    assert [home_of(row(alias)) for alias in "ab"] == ["a", "b"]


def test_a_replica_of_which_a_router_writes_to_the_primary_is_one_database_with_it(aliases, route):
    """The router of Django's documentation, "Multiple databases"."""
    aliases(primary={}, replica={}, legacy={})
    both = {"primary", "replica"}
    route(
        db_for_write=lambda model, **hints: "primary",
        allow_relation=lambda one, two, **hints: {one._state.db, two._state.db} <= both or None,
    )
    homes = [home_of(row(alias)) for alias in ("primary", "replica", "legacy")]
    assert homes == ["primary", "primary", "legacy"]


def test_a_database_that_a_router_knows_nothing_of_stays_apart(aliases, route):
    aliases(other={})
    route(db_for_write=lambda model, **hints: None)
    assert home_of(row("other")) == "other"


def test_a_row_of_the_only_database_is_a_row_of_the_default_database(monkeypatch):
    only = {"default": connections.settings["default"]}
    with monkeypatch.context() as changed:
        changed.setattr(connections, "settings", only)
        assert home_of(row("default")) == home_of(Customer(pk=1)) == "default"


def test_an_alias_that_is_no_longer_configured_stands_for_itself(aliases):
    aliases(other={})
    assert home_of(row("gone")) == "gone"


def test_users_of_two_databases_with_one_primary_key_are_two_readers(aliases, request_of):
    aliases(other={})
    readers = [
        SimpleLazyObject(lambda alias=alias: row(alias, User)) for alias in ("default", "other")
    ]
    identities = [user_identity(request_of(user=reader)) for reader in readers]
    assert identities == [["auth.user", "1"], ["auth.user", "1", "other"]]
